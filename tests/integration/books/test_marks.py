"""Marks: each stands once, and what takes one back leaves its neighbours."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consumer.books.exceptions import Finding
from consumer.books.journal import Key
from consumer.books.marks import Zone, mark, mark_reused_at_once, mend_zones
from consumer.common.settings import Settings
from consumer.operate.verify import verify
from consumer.postgres.database import Pool, statement
from schemas.fields import EPOCH
from tests.applying import applied
from tests.builders import CERTIFICATE_ID, bought, event, moment, paid_with

NOW = datetime(2026, 6, 2, tzinfo=UTC)
KEY: Key = (CERTIFICATE_ID, True)
FINDING = Finding("balance_rose", "warning", "event", NOW, None, "60", "50")
NEIGHBOURS: list[tuple[Key, Finding]] = [
    (KEY, FINDING._replace(rule="balance_negative")),
    (KEY, FINDING._replace(event_id="another")),
    (KEY, FINDING._replace(observed="70")),
    ((CERTIFICATE_ID, False), FINDING),
    (("another", True), FINDING),
]
LIKE_FINDING = (
    "INSERT INTO exception (entity, entity_id, livemode, found_at, rule, severity, event_id, observed, expected)"
    " VALUES ($1, $2, true, now(), 'balance_rose', 'warning', 'event', '60', '50')"
)
# What tells a mark that stands once from its neighbours, and what is another one.
ONCE: dict[str, Any] = {
    "entity": "certificate",
    "entity_id": "id",
    "livemode": True,
    "found_at": NOW,
    "rule": "attempt_reused",
    "severity": "error",
    "event_id": "event",
    "occurred_at": NOW,
    "account_id": None,
    "observed": "attempt",
    "expected": "another",
}
OTHERS: dict[str, Any] = {
    "entity": "definition",
    "entity_id": "other",
    "livemode": False,
    "rule": "time_zone_invalid",
    "event_id": None,
    "observed": "other",
}
NOWHERE = {"stationId": "s", "timeZone": "Nowhere/Land"}


async def count(connections: Pool) -> int:
    return int(await connections.fetchval("SELECT count(*) FROM exception"))


async def test_what_no_longer_holds_is_taken_back_and_nothing_beside_it(connections: Pool) -> None:
    async with connections.acquire() as connection:
        await mark(connection, [(key, [finding], []) for key, finding in [(KEY, FINDING), *NEIGHBOURS]], NOW)
        await connection.execute(LIKE_FINDING, "station", CERTIFICATE_ID)

        await mark(connection, [(KEY, [], [FINDING])], NOW)

        assert await count(connections) == len(NEIGHBOURS) + 1
        gone = "SELECT FROM exception WHERE (entity, entity_id, rule, event_id, observed) = ($1, $2, $3, $4, $5)"
        assert not await connection.fetch(f"{gone} AND livemode", "certificate", CERTIFICATE_ID, *FINDING.told_by)


@pytest.mark.parametrize("column", OTHERS)
async def test_a_mark_that_stands_is_not_written_again_and_hides_no_other(connections: Pool, column: str) -> None:
    other = {**ONCE, column: OTHERS[column]}
    for _ in range(2):
        for one in (ONCE, other):
            await connections.execute(statement("books/mark_once"), *one.values())

    assert await count(connections) == 2


async def test_a_time_zone_is_marked_for_each_station_in_live_and_in_test_once(connections: Pool) -> None:
    zones = [
        *({"stationId": station, "timeZone": name} for station in ("a", "b") for name in ("X", "Y")),
        {"timeZone": "X"},
        {"timeZone": "Z" * 100},
    ]
    for second in (1, 2):
        for livemode in (True, False):
            events = [
                event(paid_with(second, updated=second, shiftLocation=zone, envelope={"livemode": livemode}))
                for zone in zones
            ]
            await applied(connections, *events)

    marks = await connections.fetch("SELECT entity_id, livemode, observed FROM exception WHERE entity = 'station'")
    assert sorted(map(tuple, marks)) == sorted(
        (zone.get("stationId", "none"), livemode, zone["timeZone"][:64]) for zone in zones for livemode in (True, False)
    )


async def test_a_mark_that_is_mended_says_when_the_name_came_first_and_leaves_its_neighbours(
    settings: Settings, connections: Pool
) -> None:
    names = [NOWHERE, {**NOWHERE, "timeZone": "Elsewhere"}, {**NOWHERE, "stationId": "t"}, {"timeZone": "Elsewhere"}]
    for second in (9, 3, 6):
        for livemode in (True, False):
            await applied(
                connections,
                *[
                    event(paid_with(second, updated=second, shiftLocation=name, envelope={"livemode": livemode}))
                    for name in names
                ],
            )
    assert (await verify(settings, mend=False)).is_right
    said = "SELECT entity_id, livemode, observed FROM exception WHERE entity = 'station' ORDER BY 1, 2, 3"
    marked = await connections.fetch(said)
    await connections.execute("DELETE FROM exception WHERE entity_id = 's' AND observed = 'Nowhere/Land'")
    for entity_id, livemode, name in (("s", True, "UTC"), ("s", True, "Right"), ("t", False, "UTC")):
        await connections.execute(
            statement("books/mark_once"),
            *("station", entity_id, livemode, NOW, "time_zone_invalid", "warning", None, NOW, None, name, ""),
        )

    async with connections.acquire() as connection, connection.transaction():
        await mend_zones(connection)

    assert await connections.fetch(said) == marked
    first = "SELECT DISTINCT occurred_at FROM exception WHERE entity_id = 's' AND observed = 'Nowhere/Land'"
    assert [tuple(row) for row in await connections.fetch(first)] == [
        (datetime.fromisoformat(moment(3)["value"]),),
    ]


@pytest.mark.parametrize("unlike", [{"entity_id": "t"}, {"livemode": False}, {"observed": "Right"}])
async def test_a_mark_that_is_in_vain_goes_alone(connections: Pool, unlike: dict[str, Any]) -> None:
    wrong = {
        "entity": "station",
        "entity_id": "s",
        "livemode": True,
        "found_at": NOW,
        "rule": "time_zone_invalid",
        "severity": "warning",
        "event_id": None,
        "occurred_at": NOW,
        "account_id": None,
        "observed": "UTC",
        "expected": "a name",
    }
    for one in (wrong, {**wrong, **unlike}):
        await connections.execute(statement("books/mark_once"), *one.values())

    await connections.execute(statement("books/unmark_zone"), *Zone("s", livemode=True, name="UTC"))

    rows = await connections.fetch("SELECT entity_id, livemode, observed FROM exception")
    assert [dict(row) for row in rows] == [{"entity_id": "s", "livemode": True, "observed": "UTC"} | unlike]


async def test_marks_of_others_that_are_called_alike_are_none_of_a_certificate(
    settings: Settings, connections: Pool
) -> None:
    first = event(bought())
    rising = paid_with(6_000_000, updated=9, shiftLocation={**NOWHERE, "stationId": CERTIFICATE_ID})
    await applied(connections, first)
    await applied(connections, event(paid_with(1, envelope={"attemptId": first.attempt_id})), event(rising))
    await applied(connections, event(bought(envelope={"livemode": False})))
    rules = {row["rule"] for row in await connections.fetch("SELECT rule FROM exception")}
    assert rules == {"attempt_reused", "balance_rose", "time_zone_invalid"}

    assert (await verify(settings, mend=False)).is_right


OF_ONE_ATTEMPT = (
    "INSERT INTO other_attempt SELECT emitted_at, received_at, now(), 0, 0, 'resend', livemode, attempt_key,"
    " attempt_id, $3, $1, $2, 'topic' FROM certificate_history"
)
REUSED = "SELECT count(*) FROM exception WHERE rule = 'attempt_reused' AND severity = 'warning'"


@pytest.mark.parametrize(
    ("event_name", "entity_id", "event_id", "found"),
    [
        ("giftcertificate.created", CERTIFICATE_ID, "the event", 0),
        ("giftcertificate.created", CERTIFICATE_ID, "another", 1),
        ("giftcertificate.created", "another", "the event", 1),
        ("giftcertificates.created", CERTIFICATE_ID, "the event", 1),
    ],
)
async def test_an_attempt_that_brought_its_event_twice_was_not_reused_and_any_other_was(
    connections: Pool, event_name: str, entity_id: str, event_id: str, found: int
) -> None:
    await applied(connections, event(bought(envelope={"id": "the event"})))
    await connections.execute(OF_ONE_ATTEMPT, event_name, entity_id, event_id)

    async with connections.acquire() as connection:
        for _ in range(2):
            await mark_reused_at_once(connection, EPOCH)

    assert await connections.fetchval(REUSED) == found


@pytest.mark.parametrize("column", OTHERS)
async def test_an_attempt_of_two_events_is_shown_beside_whatever_else_is_marked(connections: Pool, column: str) -> None:
    sold = event(bought())
    await applied(connections, sold)
    await connections.execute(OF_ONE_ATTEMPT, "giftcertificate.updated", CERTIFICATE_ID, "another")
    alike = {
        **ONCE,
        "entity_id": CERTIFICATE_ID,
        "event_id": "another",
        "observed": f"attempt {sold.attempt_id}",
        column: OTHERS[column],
    }
    await connections.execute(statement("books/mark_once"), *alike.values())

    async with connections.acquire() as connection:
        await mark_reused_at_once(connection, EPOCH)

    assert await connections.fetchval(REUSED) == 1


async def test_what_was_looked_at_is_not_looked_at_again(connections: Pool) -> None:
    await applied(connections, event(bought()))
    await connections.execute(OF_ONE_ATTEMPT, "giftcertificate.updated", CERTIFICATE_ID, "another")

    async with connections.acquire() as connection:
        looked_to = await mark_reused_at_once(connection, datetime.now(UTC) + timedelta(hours=1))

    assert await connections.fetchval(REUSED) == 0
    assert looked_to < datetime.now(UTC) - timedelta(minutes=59)
