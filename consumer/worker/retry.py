"""Retry: the worker repeats an operation until Postgres or Kafka answers.

Meanwhile it stays in its consumer group: inbox.py sees to that. It gives up a batch that is its own no more.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from consumer.common import metrics
from consumer.common.bounds import give_up
from consumer.common.diagnosis import explain_database
from consumer.common.errors import Unavailable, Verdict, database_verdict
from consumer.worker.group import Group

log = structlog.get_logger()

T = TypeVar("T")

LOOK_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 10.0
# An operation that takes longer than this is given up when the worker is asked to stop, or its partitions move.
SLOW_SECONDS = 2.0


class Retry:
    """What the worker waits for before it can go on: the reason why it is not ready."""

    def __init__(self, group: Group) -> None:
        # Operations that succeeded: a batch that is halved time and again is progress, too.
        self.completed = 0
        self._group = group
        # What is waited for, by operation: there may be several at a time.
        self._troubles: dict[object, str] = {}

    @property
    def waiting_for(self) -> str | None:
        """The oldest trouble there is."""
        return next(iter(self._troubles.values()), None)

    async def run(self, stage: str, operation: Callable[[], Awaitable[T]]) -> T:
        """Repeat an operation until it succeeds or fails for good.

        Raises Stopped or Moved when that happens meanwhile, and whatever is not transient.
        """
        this = object()

        async def once() -> T:
            # tenacity awaits only what it sees to be a coroutine function: a lambda's coroutine would be dropped.
            return await self._completed(operation())

        def note(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            reason = str(error) if error is None or isinstance(error, Unavailable) else explain_database(error)
            self._troubles[this] = f"{stage}: {reason}"
            metrics.retries.labels(stage, type(error).__name__).inc()
            log.warning(
                "will retry", stage=stage, error=type(error).__name__, reason=reason, attempt=state.attempt_number
            )

        attempts = AsyncRetrying(
            retry=retry_if_exception(_is_transient),
            wait=wait_random_exponential(multiplier=0.1, max=LONGEST_WAIT_SECONDS),
            sleep=self._wait,
            before_sleep=note,
            reraise=True,
        )
        try:
            result: T = await attempts(once)
            self.completed += 1
            return result
        finally:
            self._troubles.pop(this, None)

    async def _completed(self, operation: Awaitable[T]) -> T:
        """Wait for an operation; one that is slow only for as long as the batch is ours."""
        task = asyncio.ensure_future(operation)
        try:
            await asyncio.wait({task}, timeout=SLOW_SECONDS)
            while not task.done():
                await self._group.stay(0)
                await asyncio.wait({task}, timeout=LOOK_SECONDS)
            return task.result()
        finally:
            if not task.done():
                await give_up(task)

    async def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            await self._group.stay(min(left, LOOK_SECONDS))


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, Unavailable) or database_verdict(error) is Verdict.TRANSIENT
