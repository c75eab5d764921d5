"""Conflicts: a transaction that another one stood in the way of is tried again, by a command as by a worker.

A deadlock is nobody's fault, and Postgres ends whichever of its transactions looked first. A command that ended with it
would have to be begun anew by hand, however long it had been running.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential

from consumer.common.diagnosis import explain_database
from consumer.common.errors import Raced, is_conflict

log = structlog.get_logger()

T = TypeVar("T")

# About a minute: who is disturbed so often is not disturbed by chance.
MOST_TRIES = 20
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.1, 5.0


async def until_undisturbed(transaction: Callable[[], Awaitable[T]]) -> T:
    """Do a whole transaction, again while another one is in its way. Raises the last conflict, and all else."""

    async def once() -> T:
        # tenacity awaits only what it sees to be a coroutine function.
        return await transaction()

    tries = AsyncRetrying(
        retry=retry_if_exception(is_conflict),
        wait=wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
        stop=stop_after_attempt(MOST_TRIES),
        before_sleep=_note,
        reraise=True,
    )
    result: T = await tries(once)
    return result


def _note(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    reason = str(error) if error is None or isinstance(error, Raced) else explain_database(error)
    log.warning("will retry", stage="postgres", error=type(error).__name__, reason=reason, attempt=state.attempt_number)
