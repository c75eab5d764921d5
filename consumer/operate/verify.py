"""Verify: the books against the facts. A certificate's lines, and its row, must be what its history comes to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct

from consumer.books.journal import Key
from consumer.books.rebooking import all_certificates, differing, rebook
from consumer.common import metrics
from consumer.common.progress import progress
from consumer.common.settings import Settings
from consumer.postgres.database import Connection, connect, make_row_types, statement


class Verified(Struct, frozen=True):
    """What a look at the books found; ``mended`` counts the lines that were taken back."""

    certificates: int
    differing: list[Key]
    open_tasks: int
    mended: int | None


async def verify(settings: Settings, *, mend: bool) -> Verified:
    """Compare the books of every certificate with its history; with ``mend``, book what differs."""
    looked, found, mended = 0, list[Key](), 0
    async with _connected(settings) as reader, _connected(settings) as writer:
        open_tasks = len(await reader.fetch(statement("books/open_tasks")))
        total = await reader.fetchval("SELECT count(*) FROM certificate")
        with progress("verifying", total) as advance:
            async for keys in _keys(reader):
                different = await differing(reader, keys)
                looked += len(keys)
                found += different
                if mend and different:
                    mended += await _mend(writer, different)
                advance(len(keys))
    return Verified(looked, found, open_tasks, mended if mend else None)


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
            await connection.execute(statement("books/tasks_done"), tasks)


async def _mend(connection: Connection, keys: list[Key]) -> int:
    async with connection.transaction():
        await connection.execute(statement("books/enter"))
        taken_back = await rebook(connection, keys, "verify")
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
