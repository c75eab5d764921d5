"""Rebooking: certificates are booked again where more is known of what they are booked under, or the books are doubted.

A task stands in the transaction that made it necessary. It is done when all transactions that began before have ended:
who had read the old state has booked by then, and what it booked is seen.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from msgspec.structs import replace

from consumer.books import certificate
from consumer.books.booking import Booked, Past, changes, corrections, read_past, stand, write_booked
from consumer.books.exceptions import Finding
from consumer.books.journal import Entry, Key, Present, columns_of, correct, differing_columns, read_present
from consumer.books.lines import in_order
from consumer.books.terms import definition_of, purchase_of
from consumer.common import metrics
from consumer.postgres.conflicts import until_undisturbed
from consumer.postgres.database import Connection, Pool, statement
from schemas.certificates import Fact

# So many certificates a transaction: a fraction of a second.
PAGE = 1000
TURN_SECONDS = 0.1
# Before all certificates.
FIRST: Key = ("", False)


class Task(NamedTuple):
    """An open task."""

    id: int
    kind: str
    definition_id: str | None
    livemode: bool | None


async def run_tasks(pool: Pool) -> int:
    """Do all open tasks; give their number. Two may do so at once: what is booked already is not booked again."""
    async with pool.acquire() as connection:
        tasks = [Task(*row) for row in await connection.fetch(statement("books/open_tasks"))]
        if not tasks:
            return 0
        await _until_all_have_ended(connection)
        async for keys, caused_by in _pages(connection, tasks):
            taken_back = await rebook_alone(connection, keys, caused_by)
            metrics.journal_corrections.labels("task").inc(taken_back)
        await connection.execute(statement("books/tasks_done"), [task.id for task in tasks])
        return len(tasks)


async def _until_all_have_ended(connection: Connection) -> None:
    """Wait for the transactions that book at this moment: they may have read what the tasks are about."""
    began_before = {row[0] for row in await connection.fetch(statement("books/holders"))}
    while began_before:
        await asyncio.sleep(TURN_SECONDS)
        began_before &= {row[0] for row in await connection.fetch(statement("books/holders"))}


async def _pages(connection: Connection, tasks: Sequence[Task]) -> AsyncIterator[tuple[list[Key], str]]:
    """Give the certificates of the tasks, in bounded steps, with what causes their booking."""
    of_all = [task for task in tasks if task.definition_id is None]
    if of_all:
        async for keys in all_certificates(connection):
            yield keys, f"task:{of_all[-1].id}"
        return
    by_definition = {(task.definition_id, task.livemode): task.id for task in tasks}
    after = FIRST
    while rows := await connection.fetch(statement("books/stale"), *after, PAGE):
        by_task: dict[int, list[Key]] = {}
        for certificate_id, livemode, definition_id in rows:
            # One that another task is about: that one may be newer than ours, and comes again.
            task = by_definition.get((definition_id, livemode), tasks[-1].id)
            by_task.setdefault(task, []).append((certificate_id, livemode))
        for task, keys in by_task.items():
            yield keys, f"task:{task}"
        after = rows[-1][0], rows[-1][1]


async def all_certificates(connection: Connection) -> AsyncIterator[list[Key]]:
    """Give the keys of all certificates that the history knows, in their order, page by page."""
    after = FIRST
    while rows := await connection.fetch(statement("books/page"), *after, PAGE):
        keys: list[Key] = [(row[0], row[1]) for row in rows]
        yield keys
        after = keys[-1]


async def rebook_alone(connection: Connection, keys: Sequence[Key], caused_by: str) -> int:
    """Book certificates again in a transaction of its own, undisturbed; give the lines taken back."""

    async def once() -> int:
        async with connection.transaction():
            await connection.execute(statement("books/enter"))
            return await rebook(connection, keys, caused_by)

    return await until_undisturbed(once)


async def rebook(
    connection: Connection,
    keys: Sequence[Key],
    caused_by: str,
    *,
    booked_at: datetime | None = None,
    facts_only: bool = False,
) -> int:
    """Book certificates again, in the transaction that goes on and holds the closing lock; give the lines taken back.

    Their rows are locked first, in the order of their keys and in a statement of its own, and then read.
    """
    keys = sorted(keys)
    await connection.execute(statement("books/lock"), *columns_of(keys))
    again = await _work_out(connection, keys, caused_by, booked_at=booked_at, facts_only=facts_only)
    differing = [one for one, what in again.booked if what]
    await write_booked(connection, again.present, differing, facts_only=facts_only)
    return 0 if facts_only else corrections(differing)


async def differing(connection: Connection, keys: Sequence[Key]) -> dict[Key, list[str]]:
    """Give the certificates that are not what their history comes to, in one snapshot, and name what of them is not.

    That is ``certificate.<column>``, ``journal.<column>``, ``exception.<rule>``; the table alone where a row is missing
    or one too many.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        again = await _work_out(connection, keys, "verify")
    return {one.key: what for one, what in again.booked if what}


class _Again(NamedTuple):
    present: Present
    # Beside each what differs.
    booked: list[tuple[Booked, list[str]]]


async def _work_out(
    connection: Connection,
    keys: Sequence[Key],
    caused_by: str,
    *,
    booked_at: datetime | None = None,
    facts_only: bool = False,
) -> _Again:
    """Work out all that should stand of certificates, and which of them differ from that."""
    rows = {
        (row["certificate_id"], row["livemode"]): row
        for row in await connection.fetch(statement("books/certificates"), *columns_of(keys))
    }
    past = await read_past(connection, keys, facts_only=facts_only)
    histories = {key: in_order(past.facts[key]) for key in keys}
    present = await read_present(connection, filter(None, map(definition_of, histories.values())))
    present = present._replace(booked_at=booked_at or present.booked_at)
    return _Again(
        present,
        [
            _again(key, history, rows.get(key), present=present, past=past, caused_by=caused_by)
            if history
            else _nothing(key, past, caused_by, is_known=key in rows)
            for key, history in histories.items()
        ],
    )


def _nothing(key: Key, past: Past, caused_by: str, *, is_known: bool) -> tuple[Booked, list[str]]:
    """Take back the lines of a certificate that the history does not know."""
    entries = [Entry(line, entry, caused_by) for line, entry in correct(past.lines.get(key, {}), ())]
    return Booked(key, entries, [], past.found[key]), ["certificate"] * is_known + _named(entries, past.found[key])


def _again(
    key: Key, history: list[Fact], row: Any, *, present: Present, past: Past, caused_by: str
) -> tuple[Booked, list[str]]:
    """Work out all that should stand of one certificate, and what differs from what does."""
    settings = present.settings
    terms, standing, should, shown = stand(history, key, present)
    purchase, state = purchase_of(history), history[-1] if not history[-1].is_created else history[0]
    new = certificate.row_of(
        key,
        certificate.books_of(terms, standing, history),
        certificate.state_of(certificate.described(state, row), settings),
        certificate.purchase_columns(replace(purchase, agency_name=_agency_name(row, purchase)), settings)
        if purchase
        else certificate.NO_PURCHASE,
        data=None,
        traceparent=None,
        seen=row["seen"] if row else None,
    )
    entries = [Entry(line, entry, caused_by) for line, entry in correct(past.lines.get(key, {}), should)]
    found, healed = changes(past.found[key], shown)
    of_row = [f"certificate.{name}" for name in certificate.differing_columns(row, new)] if row else ["certificate"]
    return Booked(key, entries, found, healed, new), of_row + _named(entries, [*found, *healed])


def _named(entries: Sequence[Entry], findings: Sequence[Finding]) -> list[str]:
    """Name what differs of lines and exceptions."""
    of_lines = [f"journal.{name}" for name in differing_columns(entries)] or ["journal"] if entries else []
    return of_lines + sorted({f"exception.{finding.rule}" for finding in findings})


def _agency_name(row: Any, purchase: Fact) -> str | None:
    """Give the name of the issuing agency, which only the current state keeps."""
    if row is None:
        return None
    if row["purchase_event_id"] == purchase.event_id:
        return row["issuing_agency_name"]  # type: ignore[no-any-return]
    return row["agency_name"] if row["agency_id"] == purchase.agency_id else None
