"""Applying in tests: batches in, outcomes and tables out."""

from typing import Any

from consumer.postgres.database import Connection, Pool
from consumer.worker.apply import apply
from schemas.events import Event, Outcome

APPLIED, STALE, RESEND, DUPLICATE = Outcome

# The three tables that must not depend on order, batches, workers or crashes, in an order of their own.
CONVERGING = {
    "certificate": "certificate_id, livemode",
    "certificate_history": "certificate_id, livemode, event_id",
    "definition": "definition_id, livemode",
}


async def applied(connections: Pool, *events: Event) -> list[Outcome]:
    """Apply events as one batch."""
    async with connections.acquire() as connection:
        return await apply(connection, events)


async def tables(source: "Pool | Connection") -> dict[str, list[dict[str, Any]]]:
    """Read the tables that must converge."""
    return {
        table: [dict(row) for row in await source.fetch(f"SELECT * FROM {table} ORDER BY {order}")]  # noqa: S608
        for table, order in CONVERGING.items()
    }
