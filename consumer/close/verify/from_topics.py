"""From topics: a close derived again from the sender's bytes, as we received them, by the reference path.

The balances at the month's end come from the records of this close; the month's movements are what these come to, less
what those of the close before come to. What is named as not applied is passed over, also where it can be read today.
"""

import math
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from consumer.close import store
from consumer.close.month import Period
from consumer.close.signed.canonical import Json, amount, units
from consumer.close.signed.manifest import read_manifest
from consumer.close.signed.rows import FALLS, FIGURES
from consumer.close.verify.check import Finding, Notice
from consumer.close.verify.database import AT_ONCE
from consumer.close.verify.reference import Book, Line, Named, Said, Settings, book_of, first_currencies, read
from consumer.common.errors import Fatal
from consumer.common.progress import progress
from consumer.common.settings import Settings as Configuration
from consumer.ingress.signature import SignatureError, verify
from consumer.kafka.record import Record
from consumer.kafka.scan import scanning
from consumer.postgres.database import Connection, statement


class Cut(NamedTuple):
    """Which records are in a close, and the settings by which they are booked."""

    records: Mapping[TopicPartition, Json]
    settings: Settings

    def has(self, record: Record) -> bool:
        """Tell whether a record is in the close."""
        said = self.records.get(TopicPartition(record.topic, record.partition))
        return said is not None and _is_in(said, record.offset)


def _is_in(said: Json, offset: int) -> bool:
    is_between = said["first_offset"] <= offset < said["next_offset"]
    return is_between and not any(first <= offset < end for first, end in said["passed_over"])


class Evidence:
    """What the records say, each event with whether the close before knew it."""

    def __init__(self) -> None:
        self.certificates: dict[str, dict[str, tuple[Said, bool]]] = {}
        self.definitions: dict[tuple[str, str], tuple[Named, bool]] = {}

    def add(self, said: Said | Named, *, known_before: bool) -> None:
        """Take what a record says; of the records of one event the first counts, and whichever was known before."""
        if isinstance(said, Said):
            events = self.certificates.setdefault(said.certificate_id, {})
            first, before = events.get(said.event_id, (said, False))
            events[said.event_id] = first, before or known_before
        else:
            key = said.definition_id, said.event_id
            named, before = self.definitions.get(key, (said, False))
            self.definitions[key] = named, before or known_before

    def books(self, settings: Settings, *, before: bool) -> Iterator[tuple[str, Book]]:
        """Give the book of each certificate, from all that is known, or from what was known before."""
        currencies = first_currencies(named for named, known in self.definitions.values() if known or not before)
        for certificate_id, events in self.certificates.items():
            known = [said for said, known_before in events.values() if known_before or not before]
            if known:
                yield certificate_id, book_of(known, currencies, settings)


async def verify_from_topics(
    connection: Connection, configuration: Configuration, period: Period
) -> AsyncIterator[Finding]:
    """Give all in which a signed close differs from what the topics' records come to. Raises Fatal."""
    close, before = await store.close_of(connection, period)
    if close.manifest is None or (before is not None and before.manifest is None):
        raise Fatal(f"{period} is not signed, or the month before it is not: there is nothing to compare with.")
    said = read_manifest(close.manifest)
    this = _cut_of(said)
    last = _cut_of(read_manifest(before.manifest)) if before and before.manifest else None
    evidence = Evidence()
    if not configuration.signing_keys:
        yield Notice(
            "signatures", "not checked: WEBHOOK_VERIFICATION is off, so nothing says that the sender said this"
        )
    async for finding in _read(configuration, this, last, evidence):
        yield finding
    for finding in _compare_rollforward(said, rollforward(evidence, period, this.settings, last and last.settings)):
        yield finding
    async for finding in _compare_certificates(
        connection, close.id, balances(evidence.books(this.settings, before=False), period)
    ):
        yield finding


def _cut_of(said: Json) -> Cut:
    settings = said["settings"]
    return Cut(
        {TopicPartition(row["topic"], row["partition"]): row for row in said["records"]},
        Settings(settings["reporting_time_zone"], settings["account_currencies"]),
    )


async def _read(
    configuration: Configuration, this: Cut, last: Cut | None, evidence: Evidence
) -> AsyncIterator[Finding]:
    """Read the records that are named; name those that are gone, that nobody signed, or that cannot be read."""
    wanted = {partition: _number(row) for partition, row in this.records.items()}
    keys = configuration.signing_keys
    start = {partition: row["first_offset"] for partition, row in this.records.items()}
    topics = sorted({partition.topic for partition in this.records})
    with progress("reading records", sum(wanted.values())) as advance:
        async with scanning(configuration, topics, start) as scan:
            async for records in scan.read():
                ours = list(filter(this.has, records))
                for record in ours:
                    wanted[TopicPartition(record.topic, record.partition)] -= 1
                    for finding in _of_record(record, keys, evidence, known_before=bool(last and last.has(record))):
                        yield finding
                advance(len(ours))
    for partition, missing in sorted(wanted.items()):
        if missing:
            yield Finding(
                f"{partition.topic} {partition.partition}", f"not provable: it no longer holds {missing} of the records"
            )


def _number(row: Json) -> int:
    """Count the records of a partition that are in a close."""
    passed_over = sum(end - first for first, end in row["passed_over"])
    return int(row["next_offset"] - row["first_offset"] - passed_over)


def _of_record(record: Record, keys: Mapping[str, str], evidence: Evidence, *, known_before: bool) -> Iterator[Finding]:
    where = f"{record.topic} {record.partition} offset {record.offset}"
    body = record.value or b""
    if keys and (wrong := _signature(record, body, keys)):
        yield Finding(where, wrong)
    try:
        said = read(body)
    except ValueError as error:
        yield Finding(where, f"was applied, and is {error}")
        return
    if said is not None:
        evidence.add(said, known_before=known_before)


def _signature(record: Record, body: bytes, keys: Mapping[str, str]) -> str | None:
    """Say what is wrong with the sender's signature of a body, however old it is."""
    header = next((value for name, value in record.headers if name == "signature"), None)
    if header is None:
        return "not provable: it came without a signature, or before signatures were kept"
    try:
        verify(header.decode("latin-1"), body, keys, tolerance=math.inf, now=0)
    except SignatureError as error:
        return f"the sender's signature does not fit its body ({error})"
    return None


# Balance, what was paid for it, and newest event, by certificate, currency and station.
Balances = dict[tuple[str, str, str | None], tuple[int, int, str]]


def balances(books: Iterable[tuple[str, Book]], period: Period) -> Balances:
    """Give what was left at the month's end on the certificates of the account."""
    found: Balances = {}
    for certificate_id, book in books:
        lines = [line for line in book.lines if _month_of(line) <= period.month]
        if book.account_id == period.account_id and lines:
            left = sum(line.change for line in lines)
            paid = sum(line.change_at_consideration for line in lines)
            if left or paid:
                key = certificate_id, book.currency, book.issuing_station_id
                found[key] = left, paid, lines[-1].event_id
    return found


# Figures of the roll-forward, by currency and station.
Rollforward = dict[tuple[str, str | None], dict[str, int]]


def rollforward(evidence: Evidence, period: Period, now: Settings, before: Settings | None) -> Rollforward:
    """Give the month's roll-forward. The first close has every line in the month of its posting day."""
    found: Rollforward = {}
    for _, book in evidence.books(now, before=False):
        _add(found, book, period, sign=1, is_first=before is None)
    if before is not None:
        for _, book in evidence.books(before, before=True):
            _add(found, book, period, sign=-1, is_first=False)
    return found


def _add(found: Rollforward, book: Book, period: Period, *, sign: int, is_first: bool) -> None:
    """Add a book's lines, or take those off that the close before had: they are its closing, and our opening."""
    if book.account_id != period.account_id:
        return
    for line in book.lines:
        month = _month_of(line)
        if month > period.month or (sign < 0 and month >= period.month):
            continue
        figures = found.setdefault((book.currency, book.issuing_station_id), dict.fromkeys(FIGURES, 0))
        is_earlier = month < period.month
        if sign > 0:
            figures["closing"] += line.change
            figures["closing_at_consideration"] += line.change_at_consideration
        if (is_first and is_earlier) or sign < 0:
            figures["opening"] += line.change
        if not (is_first and is_earlier):
            figures[line.movement] += sign * line.change * (-1 if line.movement in FALLS else 1)
            figures["for_earlier_months"] += sign * line.change * is_earlier


def _month_of(line: Line) -> Any:
    return line.posting_day.replace(day=1)


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


async def _compare_certificates(connection: Connection, close_id: int, derived: Balances) -> AsyncIterator[Finding]:
    async with connection.transaction(readonly=True):
        cursor = await connection.cursor(statement("close/certificates"), close_id)
        while rows := await cursor.fetch(AT_ONCE):
            for row in rows:
                key = row["certificate_id"], row["currency"], row["issuing_station_id"]
                is_ = int(row["balance"]), int(row["balance_at_consideration"]), row["event_id"]
                should = derived.pop(key, None)
                if is_ != should:
                    yield Finding(f"certificate {key[0]}", f"is {_text(is_)}, the records come to {_text(should)}")
    for (certificate_id, *_), should in derived.items():
        yield Finding(f"certificate {certificate_id}", f"was not signed, the records come to {_text(should)}")


def _text(row: Sequence[Any] | None) -> str:
    return "nothing" if row is None else f"{amount(row[0])} (paid for: {amount(row[1])}) by event {row[2]}"
