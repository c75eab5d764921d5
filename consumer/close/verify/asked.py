"""Asked: which closes are derived again, and from which records."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple, TypeVar

from aiokafka import TopicPartition

from consumer.close import store
from consumer.close.month import Period
from consumer.close.signed.canonical import Json, NotCanonical
from consumer.close.signed.manifest import read_manifest
from consumer.close.verify.reference import Named, Said, Settings
from consumer.postgres.database import Connection

Event = TypeVar("Event", Said, Named)


class Where(NamedTuple):
    """Where a record stands."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic} {self.partition} offset {self.offset}"


class Cut(NamedTuple):
    """Which records are in a close, and the settings by which they are booked."""

    records: Mapping[TopicPartition, Json]
    settings: Settings

    def has(self, where: Where) -> bool:
        """Tell whether a record is in the close."""
        said = self.records.get(TopicPartition(where.topic, where.partition))
        return said is not None and _is_in(said, where.offset)


def _is_in(said: Json, offset: int) -> bool:
    passed_over: Sequence[tuple[int, int]] = said["passed_over"]  # in their order: after a flood of dead letters many
    before = bisect_right(passed_over, offset, key=itemgetter(0))
    is_passed_over = before > 0 and offset < passed_over[before - 1][1]
    return said["first_offset"] <= offset < said["next_offset"] and not is_passed_over


class Asked(NamedTuple):
    """A signed close: what it says, which records are in it, and which were in the one before."""

    close_id: int
    period: Period
    said: Json
    this: Cut
    last: Cut | None

    def known(self, kept: Iterable[tuple[Where, Event]]) -> tuple[list[Event], list[Event]]:
        """Give the events of an entity that are in the close, and those of them that were known before.

        Of the records of one event the first counts, and whichever was known before.
        """
        events: dict[str, tuple[Event, bool]] = {}
        for where, said in kept:
            if self.this.has(where):
                first, before = events.get(said.event_id, (said, False))
                events[said.event_id] = first, before or (self.last is not None and self.last.has(where))
        return [said for said, _ in events.values()], [said for said, before in events.values() if before]


async def read_asked(connection: Connection, period: Period) -> Asked | None:
    """Read a close; None where it, or the one before it, is not signed."""
    closes = (await store.closes(connection, period))[-2:]
    try:
        manifests = [read_manifest(close.manifest or b"") for close in closes]
    except NotCanonical:
        return None
    if not closes or closes[-1].period != period:
        return None
    *before, said = manifests
    return Asked(closes[-1].id, period, said, _cut_of(said), _cut_of(before[0]) if before else None)


def _cut_of(said: Json) -> Cut:
    settings = said["settings"]
    return Cut(
        {TopicPartition(row["topic"], row["partition"]): row for row in said["records"]},
        Settings(settings["reporting_time_zone"], settings["account_currencies"]),
    )


def number_of(row: Json) -> int:
    """Count the records of a partition that are in a close."""
    passed_over = sum(end - first for first, end in row["passed_over"])
    return int(row["next_offset"] - row["first_offset"] - passed_over)
