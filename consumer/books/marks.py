"""Marks: the exceptions that events show, as rows; what no longer holds is taken back."""

from collections.abc import Iterable, Sequence
from datetime import datetime

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


async def mark(
    connection: Connection, certificates: Iterable[tuple[Key, Sequence[Finding], Sequence[Finding]]], at: datetime
) -> None:
    """Write what certificates show now, and take back what they showed before."""
    found, healed = [], []
    for (certificate_id, livemode), new, gone in certificates:
        found += [(CERTIFICATES.name, certificate_id, livemode, at, *finding) for finding in new]
        healed += [(certificate_id, livemode, finding.rule, finding.event_id, finding.observed) for finding in gone]
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


async def mark_zones(connection: Connection, facts: Iterable[Fact], at: datetime) -> None:
    """Write which stations name a time zone that does not exist: once for each station and name."""
    wrong = {
        (fact.station_id or "none", fact.livemode, fact.station_time_zone): fact
        for fact in facts
        if fact.station_time_zone is not None and zone_named(fact.station_time_zone) is None
    }
    for (station_id, livemode, zone), fact in sorted(wrong.items()):
        await connection.execute(
            statement("books/mark_once"),
            *("station", station_id, livemode, at, "time_zone_invalid", Severity.WARNING.value),
            *(None, fact.occurred_at, None, zone[:LONGEST], "a name of the IANA time zone database"),
        )
