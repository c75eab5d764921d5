"""Patience: an operation is made until it succeeds, and the group sees its member poll meanwhile."""

import asyncio
from collections import Counter

import asyncpg
import pytest

from consumer import patience as module
from consumer.errors import Unavailable
from consumer.group import Moved, Stopped
from consumer.patience import Patience


class Group:
    """Counts, and raises what it is told to."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.end: type[Exception] | None = None

    async def stay(self, seconds: float) -> None:
        self.calls["stay"] += 1
        await asyncio.sleep(min(seconds, 0.01))
        if self.end:
            raise self.end

    def go_on(self) -> None:
        self.calls["go_on"] += 1


@pytest.fixture
def group() -> Group:
    return Group()


@pytest.fixture
def patience(group: Group) -> Patience:
    return Patience(group)  # type: ignore[arg-type]


async def test_a_lambda_s_coroutine_is_awaited(patience: Patience) -> None:
    done = []

    async def operation() -> str:
        done.append(True)
        return "done"

    assert await patience.persist("apply", lambda: operation()) == "done"  # noqa: PLW0108 - a lambda is the point
    assert done == [True]


async def test_something_else_is_done_while_an_operation_goes_on(patience: Patience) -> None:
    begun, done = asyncio.Event(), asyncio.Event()

    async def operation() -> str:
        begun.set()
        await done.wait()
        return "done"

    async def meanwhile() -> None:
        await begun.wait()
        done.set()

    async with asyncio.timeout(1):
        assert await patience.persist("apply", operation, meanwhile=meanwhile) == "done"


async def test_an_operation_is_given_up_when_what_is_done_meanwhile_fails(patience: Patience) -> None:
    given_up = asyncio.Event()

    async def operation() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()

    async def fail() -> None:
        await asyncio.sleep(0)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await patience.persist("apply", operation, meanwhile=fail)
    assert given_up.is_set()


@pytest.mark.parametrize("error", [Unavailable("Kafka"), OSError(), TimeoutError(), asyncpg.DeadlockDetectedError()])
async def test_what_time_can_cure_is_made_again_and_the_member_polls_meanwhile(
    patience: Patience, group: Group, error: Exception
) -> None:
    failures = [error, error]

    async def operation() -> str:
        if failures:
            raise failures.pop()
        return "done"

    assert await patience.persist("apply", operation) == "done"
    assert group.calls["stay"] >= 2
    assert group.calls["go_on"] == 1
    assert patience.waiting_for is None


async def test_what_it_waits_for_can_be_seen(patience: Patience) -> None:
    seen = []

    async def operation() -> None:
        seen.append(patience.waiting_for)
        if len(seen) == 1:
            raise ConnectionRefusedError

    await patience.persist("apply", operation)

    assert seen == [None, "apply: ConnectionRefusedError"]


async def test_what_time_cannot_cure_is_raised_at_once(patience: Patience, group: Group) -> None:
    async def operation() -> None:
        raise asyncpg.UndefinedTableError

    with pytest.raises(asyncpg.UndefinedTableError):
        await patience.persist("apply", operation)

    assert group.calls["stay"] == 0


@pytest.mark.parametrize("end", [Stopped, Moved])
async def test_a_slow_operation_is_cancelled_when_the_batch_is_abandoned(
    patience: Patience, group: Group, monkeypatch: pytest.MonkeyPatch, end: type[Exception]
) -> None:
    monkeypatch.setattr(module, "SLOW_SECONDS", 0.01)
    group.end = end
    cancelled = asyncio.Event()

    async def operation() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(end):
        async with asyncio.timeout(5):
            await patience.persist("apply", operation)

    assert cancelled.is_set()


async def test_the_member_polls_while_an_operation_is_slow(
    patience: Patience, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLOW_SECONDS", 0.01)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)

    await patience.persist("apply", lambda: asyncio.sleep(0.2))

    assert group.calls["stay"] >= 3
