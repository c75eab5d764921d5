"""Applying in tests: batches in, outcomes and tables out."""

from typing import Any

import asyncpg

from consumer.apply.apply import apply, look_up, write
from consumer.apply.fold import fold
from consumer.common.errors import Raced, Verdict, database_verdict
from consumer.postgres.database import Connection, Pool
from schemas.certificates import HISTORY
from schemas.events import Event, Outcome

APPLIED, STALE, RESEND, DUPLICATE = Outcome

# The tables that must not depend on order, batches, workers or crashes, in an order of their own. Of the history the
# attempt that brought an event, beside it, may.
CONVERGING = {
    "certificate": ("*", "certificate_id, livemode"),
    "certificate_document": ("*", "certificate_id, livemode"),
    "certificate_history": (", ".join(HISTORY), "certificate_id, livemode, event_id"),
    "definition": ("*", "definition_id, livemode"),
}


async def applied(connections: Pool, *events: Event) -> list[Outcome]:
    """Apply events as one batch."""
    async with connections.acquire() as connection:
        return await apply(connection, events)


async def tables(source: "Pool | Connection") -> dict[str, list[dict[str, Any]]]:
    """Read the tables that must converge."""
    return {
        table: [dict(row) for row in await source.fetch(f"SELECT {columns} FROM {table} ORDER BY {order}")]  # noqa: S608
        for table, (columns, order) in CONVERGING.items()
    }


async def race(connections: Pool, slow: Event, fast: Event) -> None:
    """Let a worker write what it looked up before another one wrote; where the database guards, it looks again."""
    async with connections.acquire() as connection:
        try:
            async with connection.transaction():
                known = await look_up(connection, [slow])
                await applied(connections, fast)
                await write(connection, [slow], fold([slow], known), known)
        except (Raced, asyncpg.UniqueViolationError) as lost:
            if database_verdict(lost) is not Verdict.TRANSIENT:
                raise
            await applied(connections, slow)


async def standing(connections: Pool) -> list[tuple[str, int]]:
    """Read the movements that stand, with their amounts, in the order of their posting."""
    rows = await connections.fetch(
        "SELECT movement, sum(change)::bigint AS change FROM journal"
        " GROUP BY certificate_id, event_id, movement, effective_at, balance"
        " HAVING sum(entry) <> 0 ORDER BY certificate_id, effective_at, movement, balance DESC"
    )
    return [tuple(row) for row in rows]
