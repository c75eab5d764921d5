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
        self.polled = asyncio.Event()

    async def stay(self, seconds: float) -> None:
        self.calls["stay"] += 1
        self.polled.set()
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


async def test_two_operations_that_wait_poll_one_at_a_time(
    patience: Patience, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLOW_SECONDS", 0.01)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    at_once: list[int] = []
    stay = group.stay

    async def counted(seconds: float) -> None:
        at_once.append(1 + sum(at_once))
        await stay(seconds + 0.01)
        at_once.append(-1)

    monkeypatch.setattr(group, "stay", counted)

    await asyncio.gather(*(patience.persist("apply", lambda: asyncio.sleep(0.2)) for _ in range(2)))

    assert group.calls["stay"] >= 3
    assert max(at_once) == 1


async def test_what_one_operation_still_waits_for_is_seen_when_another_is_done(
    patience: Patience, group: Group
) -> None:
    other_done, seen = asyncio.Event(), []

    async def failing() -> None:
        if not other_done.is_set():
            raise ConnectionRefusedError
        seen.append(patience.waiting_for)

    async def end_other() -> None:
        await patience.persist("apply", group.polled.wait)
        other_done.set()

    await asyncio.gather(patience.persist("apply", failing), end_other())

    assert seen == ["apply: ConnectionRefusedError"]
    assert patience.waiting_for is None
