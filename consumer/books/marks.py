"""Marks: the exceptions that events show, as rows; what no longer holds is taken back."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from consumer.books.days import LONGEST, zone_named
from consumer.books.exceptions import Finding, Severity
from consumer.books.journal import Key
from consumer.postgres.database import SCHEMA, Connection, statement
from schemas.certificates import CERTIFICATES, Fact
from schemas.events import Event

COLUMNS = (
    *("entity", "entity_id", "livemode", "found_at"),
    *("rule", "severity", "event_id", "occurred_at", "account_id", "observed", "expected"),
)

# What was applied longer ago than this is committed, or never will be.
LONGEST_TRANSACTION = timedelta(hours=1)
# What stands for the station of events that name none.
NO_STATION = "none"


async def mark(
    connection: Connection, certificates: Iterable[tuple[Key, Sequence[Finding], Sequence[Finding]]], at: datetime
) -> None:
    """Write what certificates show now, and take back what they showed before."""
    found, healed = [], []
    for (certificate_id, livemode), new, gone in certificates:
        found += [(CERTIFICATES.name, certificate_id, livemode, at, *finding) for finding in new]
        healed += [(certificate_id, livemode, *finding.told_by) for finding in gone]
    if healed:
        await connection.execute(statement("books/heal"), *map(list, zip(*healed, strict=True)))
    if found:
        await connection.copy_records_to_table("exception", schema_name=SCHEMA, columns=COLUMNS, records=found)


async def mark_reused(connection: Connection, reused: Sequence[Event], at: datetime) -> None:
    """Write that an attempt was used for another event, too: unless that one comes again, it is lost."""
    for event in reused:
        await connection.execute(
            statement("books/mark_once"),
            event.entity.family.name,
            event.entity.id,
            event.entity.livemode,
            at,
            "attempt_reused",
            Severity.ERROR.value,
            event.order.event_id,
            event.order.occurred_at,
            getattr(event.snapshot, "account_id", None) or None,
            f"attempt {event.attempt_id}",
            "an attempt id of its own: this one had brought another event",
        )


async def mark_reused_at_once(connection: Connection, since: datetime) -> datetime:
    """Write which attempts two workers applied with two events at the same moment; give from when to look next time.

    Neither saw the other's. Both events are in the books, so that nothing is lost: a warning.
    """
    now: datetime = await connection.fetchval("SELECT clock_timestamp()")
    await connection.execute(statement("books/mark_reused"), since)
    return now - LONGEST_TRANSACTION


class Zone(NamedTuple):
    """What a station calls its time zone: what of it an exception shows."""

    station_id: str
    livemode: bool
    name: str


async def mark_zones(connection: Connection, facts: Iterable[Fact], at: datetime) -> None:
    """Write which stations name a time zone that does not exist: once for each station and name."""
    said = ((fact.station_id or NO_STATION, fact.livemode, fact.station_time_zone, fact.occurred_at) for fact in facts)
    await _mark_zones(connection, _wrong_zones(said), at)


async def differing_zones(connection: Connection) -> list[Zone]:
    """Give what of the history lacks its mark, and what is marked in vain. In one snapshot."""
    wrong, marked = await _zones(connection)
    return sorted(wrong.keys() ^ marked)


async def mend_zones(connection: Connection) -> None:
    """Put right what ``differing_zones`` gives, in the transaction that goes on."""
    wrong, marked = await _zones(connection)
    for zone in sorted(marked - wrong.keys()):
        await connection.execute(statement("books/unmark_zone"), *zone)
    await _mark_zones(connection, wrong, await connection.fetchval("SELECT clock_timestamp()"))


async def _zones(connection: Connection) -> tuple[Mapping[Zone, datetime], set[Zone]]:
    rows = await connection.fetch(statement("books/zones"))
    said = [tuple(row)[:4] for row in rows if row["station_time_zone"] is not None]
    marked = {Zone(row["station_id"], row["livemode"], row["marked"]) for row in rows if row["marked"] is not None}
    return _wrong_zones(said), marked


def _wrong_zones(said: Iterable[tuple[str, bool, str | None, datetime]]) -> Mapping[Zone, datetime]:
    return {
        Zone(station_id, livemode, zone[:LONGEST]): occurred_at
        for station_id, livemode, zone, occurred_at in said
        if zone is not None and zone_named(zone) is None
    }


async def _mark_zones(connection: Connection, wrong: Mapping[Zone, datetime], at: datetime) -> None:
    for zone, occurred_at in sorted(wrong.items()):
        await connection.execute(
            statement("books/mark_once"),
            *("station", zone.station_id, zone.livemode, at, "time_zone_invalid", Severity.WARNING.value),
            *(None, occurred_at, None, zone.name, "a name of the IANA time zone database"),
        )
