"""From topics: what was signed of a close, beside what its records in the topics come to by the reference path."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

from consumer.close.month import Period
from consumer.close.signed.canonical import Json, amount, units
from consumer.close.signed.rows import FIGURES
from consumer.close.verify.check import Finding, Notice
from consumer.close.verify.database import AT_ONCE
from consumer.close.verify.derived import Balances, Rollforward, derived
from consumer.close.verify.evidence import Evidence
from consumer.close.verify.spool import Spool
from consumer.common.errors import Fatal
from consumer.postgres.database import Connection, statement

# A certificate with currency and station, and what was signed of it: balance, what was paid for it, newest event.
Row = tuple[tuple[str, str, str | None], tuple[int, int, str | None]]


async def verify_from_topics(connection: Connection, evidence: Evidence, period: Period) -> AsyncIterator[Finding]:
    """Give all in which a signed close differs from what the topics' records come to. Raises Fatal."""
    asked = evidence.asked.get(period)
    if asked is None:
        raise Fatal(f"{period} is not signed, or the month before it is not: there is nothing to compare with.")
    if not evidence.keys:
        yield Notice(
            "signatures", "not checked: WEBHOOK_VERIFICATION is off, so nothing says that the sender said this"
        )
    for finding in evidence.findings.read(period):
        yield finding
    rollforward: Rollforward = {}
    differences: list[tuple[bool, Finding]] = []
    with closing(Spool[int, Row](Row, evidence.files)) as signed:
        async for row in _signed(connection, asked.close_id):
            signed.add(evidence.file_of(row[0][0]), row)
        for file, balances in derived(evidence, asked, rollforward):
            differences += _compare_certificates(signed.read(file), balances)
    for finding in _compare_rollforward(asked.said, rollforward):
        yield finding
    for _, finding in sorted(differences):
        yield finding


async def _signed(connection: Connection, close_id: int) -> AsyncIterator[Row]:
    async with connection.transaction(readonly=True):
        cursor = await connection.cursor(statement("close/certificates"), close_id)
        while rows := await cursor.fetch(AT_ONCE):
            for row in rows:
                yield (
                    (row["certificate_id"], row["currency"], row["issuing_station_id"]),
                    (int(row["balance"]), int(row["balance_at_consideration"]), row["event_id"]),
                )


def _compare_certificates(signed: Iterable[Row], derived: Balances) -> Iterator[tuple[bool, Finding]]:
    """Give differences, each with whether nothing was signed there: these come last."""
    for key, is_ in signed:
        should = derived.pop(key, None)
        if is_ != should:
            yield False, Finding(f"certificate {key[0]}", f"is {_text(is_)}, the records come to {_text(should)}")
    for (certificate_id, *_), left in derived.items():
        what = f"was not signed, the records come to {_text(left)}"
        yield True, Finding(f"certificate {certificate_id}", what)


def _text(row: Sequence[Any] | None) -> str:
    return "nothing" if row is None else f"{amount(row[0])} (paid for: {amount(row[1])}) by event {row[2]}"


def _compare_rollforward(said: Json, derived: Rollforward) -> Iterator[Finding]:
    signed: Rollforward = {
        (row["currency"], row["issuing_station_id"]): {figure: units(row[figure]) for figure in FIGURES}
        for row in said["rollforward"]
    }
    nothing = dict.fromkeys(FIGURES, 0)
    for book in sorted({*signed, *derived}, key=lambda book: (book[0], book[1] or "")):
        is_, should = signed.get(book, nothing), derived.get(book, nothing)
        for figure in FIGURES:
            if is_[figure] != should[figure]:
                where = f"rollforward {book[0]}, {'no station' if book[1] is None else f'station {book[1]}'} {figure}"
                yield Finding(where, f"is {amount(is_[figure])}, the records come to {amount(should[figure])}")
