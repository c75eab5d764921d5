"""Prune: take old resends out of the ledger, in small transactions.

Safe, because the ledger is not the only memory: an attempt that comes again after it was pruned is recognised by its
event (certificates in certificate_history, definitions in rows that are never pruned) and is a resend, which changes
nothing. The attempt that brought an event of a certificate stands beside it, and stays.
"""

from datetime import UTC, datetime, timedelta

from consumer.common.errors import Fatal
from consumer.common.progress import progress
from consumer.common.settings import Settings
from consumer.postgres.database import connect, statement
from consumer.postgres.requirements import unmet_schema

# Pages of 8 kB a transaction: some ten thousand rows, some tens of milliseconds.
PAGES = 256


async def prune(settings: Settings, older_than: timedelta) -> int:
    """Delete resends that were received longer ago than ``older_than``; give their number."""
    before = datetime.now(UTC) - older_than
    connection = await connect(settings)
    try:
        if missing := await unmet_schema(connection):
            raise Fatal(f"Postgres: {missing}")
        pages = await connection.fetchval(
            "SELECT pg_relation_size('other_attempt') / current_setting('block_size')::bigint"
        )
        pruned = 0
        with progress("pruning (pages)", pages) as advance:
            for first in range(0, pages, PAGES):
                status = await connection.execute(statement("prune"), before, first, first + PAGES)
                pruned += int(status.rpartition(" ")[2])
                advance(min(PAGES, pages - first))
        return pruned
    finally:
        await connection.close()
