"""What each event did to the balance, at the edges: by hand, story by story."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from consumer.postgres.database import Pool
from tests.builders import bought, paid_with
from tests.reference import Delivery
from tests.reporting.loading import load
from tests.reporting.year import START

TORONTO = {"stationId": "toronto", "timeZone": "America/Toronto", "primaryCurrencyCode": "CAD"}

Body = dict[str, Any]


async def told(connections: Pool, *bodies: Body) -> None:
    await load(connections, [Delivery(body, START + timedelta(seconds=n)) for n, body in enumerate(bodies)])


@pytest.mark.parametrize(
    ("bodies", "movements"),
    [
        ([bought()], [("issued", 50)]),
        # What changes nothing has no line.
        ([bought(0)], [("unchanged", 0)]),
        ([bought(), paid_with(2_000_000, updated=1)], [("issued", 50), ("redeemed", -30)]),
        # Rose, and fell again.
        (
            [bought(), paid_with(6_000_000, updated=1), paid_with(1_000_000, updated=2)],
            [("issued", 50), ("adjusted_up", 10), ("redeemed", -50)],
        ),
        # Never redeemed, whatever was spent before we saw it.
        ([paid_with(2_000_000, updated=1)], [("first_seen", 20)]),
        # A purchase that is void already sells and voids.
        ([bought(deleted=True)], [("issued", 50), ("voided", -50)]),
        # The purchase arrives late, and takes its place.
        ([paid_with(2_000_000, updated=1), bought()], [("issued", 50), ("redeemed", -30)]),
        # A second created event changes nothing, whichever came first.
        ([bought(), bought(4_000_000, updated=1)], [("issued", 50), ("unchanged", 0)]),
        ([bought(4_000_000, updated=1), bought()], [("issued", 50), ("unchanged", 0)]),
        (
            [bought(), bought(4_000_000, updated=1, deleted=True), paid_with(2_000_000, updated=2)],
            [("issued", 50), ("unchanged", 0), ("redeemed", -30)],
        ),
        # By the dates it was paid with before it was bought: clocks disagree.
        ([paid_with(2_000_000, updated=1), bought(updated=3)], [("issued", 50), ("redeemed", -30)]),
        # In one second: the fewer transactions are paid, the earlier.
        (
            [
                paid_with(1_000_000, transactionsPaid=["a", "b"], envelope={"id": "a"}),
                paid_with(3_000_000, transactionsPaid=["a"], envelope={"id": "b"}),
                paid_with(4_000_000, transactionsPaid=None, envelope={"id": "c"}),
                bought(),
            ],
            [("issued", 50), ("redeemed", -10), ("redeemed", -10), ("redeemed", -20)],
        ),
        # Voided, and alive again.
        (
            [bought(), paid_with(2_000_000, updated=1, deleted=True), paid_with(2_000_000, updated=2)],
            [("issued", 50), ("voided", -50), ("adjusted_up", 20)],
        ),
        # In one second: created before updated, then by the event's id.
        (
            [
                paid_with(1_000_000, envelope={"id": "b"}),
                paid_with(3_000_000, envelope={"id": "a"}),
                bought(envelope={"id": "z"}),
            ],
            [("issued", 50), ("redeemed", -20), ("redeemed", -20)],
        ),
        # In one second, but emitted one after the other.
        (
            [
                bought(),
                paid_with(1_000_000, envelope={"id": "a", "created": 1780315202}),
                paid_with(3_000_000, envelope={"id": "b", "created": 1780315201}),
            ],
            [("issued", 50), ("redeemed", -20), ("redeemed", -20)],
        ),
    ],
)
async def test_a_story_gives_these_movements(
    connections: Pool, bodies: list[Body], movements: list[tuple[str, int]]
) -> None:
    await told(connections, *bodies)

    rows = await connections.fetch(
        "SELECT position, movement, sum(change) AS change FROM reporting.certificate_activity"
        # What was taken back is shown, too.
        " GROUP BY position, movement HAVING coalesce(sum(entry), 1) > 0 ORDER BY position, min(line)"
    )
    assert [(row["movement"], int(row["change"])) for row in rows] == movements


async def test_a_statement_shows_what_was_booked_and_taken_back_as_what_it_is(connections: Pool) -> None:
    late, purchase = paid_with(2_000_000, updated=1), bought()
    await told(connections, late)
    await told(connections, purchase)

    rows = await connections.fetch("SELECT * FROM reporting.certificate_activity ORDER BY position, line")
    assert [(row["position"], row["movement"], row["entry"], int(row["change"]), row["caused_by"]) for row in rows] == [
        (1, "issued", 1, 50, purchase["id"]),
        (2, "first_seen", 1, 20, late["id"]),
        (2, "first_seen", -1, -20, purchase["id"]),
        (2, "redeemed", 1, -30, purchase["id"]),
    ]
    balances = [(int(row["balance_before"]), int(row["balance_after"])) for row in rows]
    assert balances == [(0, 50), (0, 20), (0, 20), (50, 20)]


async def test_events_of_two_certificates_in_one_second_stay_apart(connections: Pool) -> None:
    other = "0" * 24
    await told(connections, bought(), bought(_id=other), paid_with(1_000_000, _id=other), paid_with(4_000_000))

    rows = await connections.fetch("SELECT certificate_id, balance FROM reporting.certificate_current")
    assert {row["certificate_id"] == other: int(row["balance"]) for row in rows} == {True: 10, False: 40}


@pytest.mark.parametrize(
    ("face_value", "price", "at_consideration", "sales"),
    [
        (5_000_000, 4_000_000, "20.00000", (1, 0, "10.00000")),
        (5_000_000, 0, "0.00000", (0, 1, "0.00000")),
        # Nobody said what was paid: counted in full, and no discount is made up.
        (5_000_000, None, "25.00000", (1, 0, "0.00000")),
        (5_000_000, 6_000_000, "30.00000", (1, 0, "-10.00000")),
        # Nothing for nothing is given away.
        (0, 0, "25.00000", (0, 1, "0.00000")),
        # 25.00000 x 4 / 30, rounded half up.
        (30_000_000, 4_000_000, "3.33333", (1, 0, "260.00000")),
        # More than the face value: the price, and all that goes beyond.
        (2_000_000, 1_000_000, "15.00000", (1, 0, "10.00000")),
    ],
)
async def test_what_was_paid_for_what_is_left(
    connections: Pool, face_value: int, price: int | None, at_consideration: str, sales: tuple[int, int, str]
) -> None:
    """``sales`` is how many were sold and given away, and at which discount."""
    await told(connections, bought(face_value, price=price), paid_with(2_500_000, updated=1, price=price))

    left = await connections.fetchval("SELECT outstanding_at_consideration FROM reporting.liability_current")
    assert left == Decimal(at_consideration)
    (row,) = await connections.fetch("SELECT sold, given_away, discount::text FROM reporting.sales_daily")
    assert tuple(row) == sales


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        # Half an hour before midnight, before and after the clocks go forward, and back.
        (datetime(2025, 3, 9, 4, 30, tzinfo=UTC), 8),
        (datetime(2025, 3, 10, 3, 30, tzinfo=UTC), 9),
        (datetime(2025, 11, 2, 3, 30, tzinfo=UTC), 1),
        (datetime(2025, 11, 3, 4, 30, tzinfo=UTC), 2),
        # The hour that comes twice.
        (datetime(2025, 11, 2, 5, 30, tzinfo=UTC), 2),
        (datetime(2025, 11, 2, 6, 30, tzinfo=UTC), 2),
    ],
)
async def test_a_day_is_the_stations_also_when_the_clocks_change(connections: Pool, moment: datetime, day: int) -> None:
    await told(connections, bought(shiftLocation=TORONTO, updatedAt={"value": moment.isoformat(), "offset": 0}))

    (row,) = await connections.fetch("SELECT local_day, posting_day FROM reporting.certificate_activity")
    assert (row["local_day"].day, row["posting_day"].day) == (day, day)
    assert (await connections.fetchval("SELECT day FROM reporting.sales_daily")).day == day


async def test_an_age_is_counted_on_the_clock_of_the_issuing_station(connections: Pool) -> None:
    """Twelve hours more than 365 days ago: on a clock that is before noon that is 366 days, on one behind it 365."""
    now = await connections.fetchval("SELECT now()")
    station, elsewhere = ("UTC", "Etc/GMT-12") if now.hour < 12 else ("Etc/GMT-12", "UTC")
    at = {"value": (now - timedelta(days=365, hours=12)).isoformat(), "offset": 0}
    sold = bought(createdAt=at, updatedAt=at, shiftLocation={"stationId": "here", "timeZone": station})
    await load(connections, [Delivery(sold, START)], time_zone=elsewhere)

    assert await connections.fetchval("SELECT age FROM reporting.liability_aging") == "1-2 years"
    assert await connections.fetchval("SELECT days_dormant FROM reporting.dormant_certificates") == 366


async def test_test_traffic_touches_no_live_balance(connections: Pool) -> None:
    await told(connections, bought(), paid_with(1_000_000, updated=1, envelope={"livemode": False}))

    for schema, outstanding in (("reporting", 50), ("reporting_test", 10)):
        assert await connections.fetchval(f"SELECT outstanding FROM {schema}.liability_current") == outstanding  # noqa: S608
        assert await connections.fetchval(f"SELECT count(*) FROM {schema}.certificate_activity") == 1  # noqa: S608
