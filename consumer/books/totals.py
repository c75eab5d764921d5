"""Totals: sums of the journal's lines, kept so that the opening of a period need not read all that ever happened."""

import asyncio
import time
from typing import NamedTuple

import structlog

from consumer.postgres.conflicts import until_undisturbed
from consumer.postgres.database import Connection, statement

log = structlog.get_logger()

# What is added in one transaction: a second's work, also where millions wait after a migration.
STEP = 100_000
# How long a transaction that books may take before this round is given up, and how often it is looked for.
PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.05


# Where sums are kept; how far they go stands in journal_totalled.
TABLES = ("journal_total", "month_total", "redemption_total", "station_name")


class DifferingTotal(NamedTuple):
    """A kept sum or name that is not what the lines come to; no columns where a name is missing, or one too many."""

    table: str
    cell: str
    columns: list[str]


async def differing_totals(connection: Connection) -> list[DifferingTotal]:
    """Compare all that is kept with the lines that it is kept of."""
    return [DifferingTotal(*row) for row in await connection.fetch(statement("books/differing_totals"))]


async def keep_totals_anew(connection: Connection) -> bool:
    """Forget all totals, and keep them from the first line on: until then reports read the lines. As keep_totals."""

    async def forget() -> None:
        async with connection.transaction():
            # First, and by itself: whoever adds to them holds this row.
            await connection.execute("UPDATE giftcert.journal_totalled SET up_to = 0")
            for table in TABLES:
                await connection.execute(f"DELETE FROM giftcert.{table}")  # noqa: S608 - ours

    await until_undisturbed(forget)
    return await keep_totals(connection)


async def keep_totals(connection: Connection) -> bool:
    """Bring totals and names of stations up to the newest line below which none can appear any more.

    Lines get their numbers before they are committed, and not in that order: all that were booking when the newest
    number was read must have ended. Nobody waits for this. Gives False, and changes nothing, when one takes too long.
    """
    up_to = await connection.fetchval(statement("books/last_line"))
    if not await _ended(connection, await _bookers(connection)):
        log.warning("totals not kept", reason="a transaction has been booking for too long")
        return False
    while await _step(connection, up_to):
        pass
    return True


async def _step(connection: Connection, up_to: int) -> bool:
    """Add the next lines, at most ``STEP``; say whether there were any."""
    async with connection.transaction():
        # In a statement of its own: whoever waited for it must read what the other one wrote.
        kept_to = await connection.fetchval("SELECT up_to FROM giftcert.journal_totalled FOR UPDATE")
        if up_to <= kept_to:
            return False
        await connection.execute("SET LOCAL work_mem = '64MB'")
        end = min(up_to, kept_to + STEP)
        for kept in ("keep_totals", "keep_redemptions", "keep_names"):
            await connection.execute(statement(f"books/{kept}"), end)
        await connection.execute("UPDATE giftcert.journal_totalled SET up_to = $1", end)
    return True


async def _ended(connection: Connection, booking: set[str]) -> bool:
    """Wait until none of these transactions is booking any more; say whether that came to be."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while booking & await _bookers(connection):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(LOOK_SECONDS)
    return True


async def _bookers(connection: Connection) -> set[str]:
    return {transaction for (transaction,) in await connection.fetch(statement("books/holders"))}
