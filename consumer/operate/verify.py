"""Verify: all that is kept against what it is kept of.

A certificate's row, lines and exceptions must be what its history comes to, and the totals what the lines come to. What
has no history here, definitions and the newest documents, only the topics can tell: that is `giftledger rebuild`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct

from consumer.books.journal import Key
from consumer.books.marks import Zone, differing_zones, mend_zones
from consumer.books.rebooking import all_certificates, differing, rebook, rebook_alone
from consumer.books.totals import DifferingTotal, differing_totals, keep_totals_anew
from consumer.common import metrics
from consumer.common.progress import progress
from consumer.common.settings import Settings
from consumer.postgres.database import Connection, connect, make_row_types, statement


class Verified(Struct, frozen=True):
    """What a look at the books found: of each certificate that differs what does, see ``differing``, and totals.

    ``mended`` counts the lines that were taken back. ``too_late`` are lines that stand in a month that was closed
    before they came: no booking of ours can mend them.
    """

    certificates: int
    differing: dict[Key, list[str]]
    totals: list[DifferingTotal]
    # Stations whose time zone is marked as none in vain, or is not.
    zones: list[Zone]
    open_tasks: int
    mended: int | None
    too_late: list[int]

    @property
    def summary(self) -> str:
        """Say how much differs."""
        return f"{len(self.differing)} certificates, {len(self.totals)} kept totals, {len(self.zones)} time zones"

    @property
    def is_right(self) -> bool:
        return not (self.differing or self.totals or self.zones)


async def verify(settings: Settings, *, mend: bool) -> Verified:
    """Compare the books of every certificate with its history; with ``mend``, book what differs."""
    looked, found, mended = 0, dict[Key, list[str]](), 0
    async with _connected(settings) as reader, _connected(settings) as writer:
        open_tasks = len(await reader.fetch(statement("books/open_tasks")))
        too_late = await _too_late(reader)
        # What is booked to take such a line back stands in an open month: the closed one would stay wrong for ever.
        mend = mend and not too_late
        total = await reader.fetchval("SELECT count(*) FROM certificate")
        with progress("verifying", total) as advance:
            async for keys in _keys(reader):
                different = await differing(reader, keys)
                looked += len(keys)
                found |= different
                if mend and different:
                    mended += await _mend(writer, list(different))
                advance(len(keys))
        totals = await differing_totals(reader)
        if mend and totals:
            await keep_totals_anew(writer)
        zones = await differing_zones(reader)
        if mend and zones:
            async with writer.transaction():
                await mend_zones(writer)
    return Verified(looked, found, totals, zones, open_tasks, mended if mend else None, too_late)


async def _too_late(connection: Connection) -> list[int]:
    """Give the lines that came into a month after it was cut."""
    return [
        row["line"]
        for account in await connection.fetch(statement("books/closed_accounts"))
        for row in await connection.fetch(statement("books/closed_too_late"), account["account_id"], account["month"])
    ]


async def begin_books(connection: Connection) -> None:
    """Book all that an earlier version kept, in one transaction: the books of a database that had none begin here."""
    tasks = [row["id"] for row in await connection.fetch(statement("books/open_tasks")) if row["kind"] == "migration"]
    if not tasks:
        return
    await make_row_types(connection)
    total = await connection.fetchval("SELECT count(*) FROM certificate")
    with progress("beginning the books", total) as advance:
        async with connection.transaction():
            await connection.execute(statement("books/enter"))
            booked_at = await connection.fetchval("SELECT clock_timestamp()")
            async for keys in all_certificates(connection):
                await rebook(connection, keys, "migration", booked_at=booked_at)
                advance(len(keys))
            await mend_zones(connection)
            await connection.execute(statement("books/tasks_done"), tasks)


async def _mend(connection: Connection, keys: list[Key]) -> int:
    taken_back = await rebook_alone(connection, keys, "verify")
    metrics.journal_corrections.labels("verify").inc(taken_back)
    return taken_back


async def _keys(connection: Connection) -> AsyncIterator[list[Key]]:
    """Give the keys of all certificates, and then of those that stand somewhere without a history."""
    async for keys in all_certificates(connection):
        yield keys
    if strays := [(row[0], row[1]) for row in await connection.fetch(statement("books/strays"))]:
        yield strays


@asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[Connection]:
    connection = await connect(settings)
    try:
        await make_row_types(connection)
        yield connection
    finally:
        await connection.close()
