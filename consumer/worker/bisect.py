"""Bisect: when the database refuses a batch, halve it until the culprit stands alone. One bad message costs one."""

from collections.abc import Awaitable, Callable, Sequence

from consumer.common.errors import Verdict, database_verdict
from consumer.worker.row_locks import RowLocked
from schemas.events import Event, Outcome

Apply = Callable[[Sequence[Event]], Awaitable[Sequence[Outcome]]]
Refused = Callable[[Event, Exception], object]


async def bisect(events: Sequence[Event], apply: Apply, refused: Refused) -> list[Outcome | Exception]:
    """Apply a batch; where the database refuses it, or a row is locked, apply its halves, in order.

    The results stand in the batch's order: an outcome, or the database's reason against that one event; RowLocked for
    one that has to wait. ``refused`` is told of each refusal as it happens, and may raise to make an end of it.
    """
    if not events:
        return []
    try:
        return list(await apply(events))
    except RowLocked as locked:
        if len(events) == 1:
            return [locked]
    except Exception as error:
        if database_verdict(error) is not Verdict.PERMANENT:
            raise
        if len(events) == 1:
            refused(events[0], error)
            return [error]
    middle = len(events) // 2
    first = await bisect(events[:middle], apply, refused)
    return first + await bisect(events[middle:], apply, refused)
