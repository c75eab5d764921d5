"""Retry: an operation is made until it succeeds, or until the batch is the member's no more."""

import asyncio
from collections import Counter

import asyncpg
import pytest

from consumer.common.errors import Unavailable
from consumer.worker import retry as module
from consumer.worker.group import Moved, Stopped
from consumer.worker.retry import Retry
from deploy.local.waiting import PATIENT_SECONDS


class Group:
    """Counts, and raises what it is told to."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.end: type[Exception] | None = None
        self.asked = asyncio.Event()

    async def stay(self, seconds: float) -> None:
        self.calls["stay"] += 1
        self.asked.set()
        await asyncio.sleep(min(seconds, 0.01))
        if self.end:
            raise self.end

    async def asked_three_times(self) -> None:
        async with asyncio.timeout(PATIENT_SECONDS):
            while self.calls["stay"] < 3:
                self.asked.clear()
                await self.asked.wait()


@pytest.fixture
def group() -> Group:
    return Group()


@pytest.fixture
def retry(group: Group) -> Retry:
    return Retry(group)  # type: ignore[arg-type]


async def test_a_lambda_s_coroutine_is_awaited(retry: Retry) -> None:
    done = []

    async def operation() -> str:
        done.append(True)
        return "done"

    assert await retry.run("apply", lambda: operation()) == "done"  # noqa: PLW0108 - a lambda is the point
    assert done == [True]


@pytest.mark.parametrize("error", [Unavailable("Kafka"), OSError(), TimeoutError(), asyncpg.DeadlockDetectedError()])
async def test_what_time_can_cure_is_made_again_while_the_batch_is_ours(
    retry: Retry, group: Group, error: Exception
) -> None:
    failures = [error, error]

    async def operation() -> str:
        if failures:
            raise failures.pop()
        return "done"

    assert await retry.run("apply", operation) == "done"
    assert group.calls["stay"] >= 2
    assert retry.waiting_for is None


async def test_what_it_waits_for_can_be_seen(retry: Retry) -> None:
    seen = []

    async def operation() -> None:
        seen.append(retry.waiting_for)
        if len(seen) == 1:
            raise ConnectionRefusedError

    await retry.run("apply", operation)

    assert seen[0] is None
    assert "apply: Postgres cannot be reached: ConnectionRefusedError" in str(seen[1])


async def test_what_time_cannot_cure_is_raised_at_once(retry: Retry, group: Group) -> None:
    async def operation() -> None:
        raise asyncpg.DatatypeMismatchError

    with pytest.raises(asyncpg.DatatypeMismatchError):
        await retry.run("apply", operation)

    assert group.calls["stay"] == 0


@pytest.mark.parametrize("end", [Stopped, Moved])
async def test_a_slow_operation_is_cancelled_when_the_batch_is_abandoned(
    retry: Retry, group: Group, monkeypatch: pytest.MonkeyPatch, end: type[Exception]
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
        async with asyncio.timeout(PATIENT_SECONDS):
            await retry.run("apply", operation)

    assert cancelled.is_set()


async def test_a_slow_operation_is_waited_for_as_long_as_the_batch_is_ours(
    retry: Retry, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLOW_SECONDS", 0.01)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)

    await retry.run("apply", group.asked_three_times)


async def test_what_one_operation_still_waits_for_is_seen_when_another_is_done(retry: Retry, group: Group) -> None:
    other_done, seen = asyncio.Event(), []

    async def failing() -> None:
        if not other_done.is_set():
            raise ConnectionRefusedError
        seen.append(retry.waiting_for)

    async def end_other() -> None:
        await retry.run("apply", group.asked.wait)
        other_done.set()

    await asyncio.gather(retry.run("apply", failing), end_other())

    assert [str(reason).partition(". ")[0] for reason in seen] == [
        "apply: Postgres cannot be reached: ConnectionRefusedError"
    ]
    assert retry.waiting_for is None
