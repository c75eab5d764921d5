"""A late event that belongs to a closed month moves its figures, says so, and leaves what was known then alone."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from consumer.postgres.database import Pool
from tests.builders import bought, paid_with
from tests.reference import Delivery
from tests.reporting.loading import load

TORONTO = {"stationId": "toronto", "timeZone": "America/Toronto", "primaryCurrencyCode": "CAD"}


def on(day: int, *, month: int) -> dict[str, Any]:
    """Say that an event happened at noon of a day in Toronto, in 2025."""
    at = datetime(2025, month, day, 17, tzinfo=UTC)
    return {
        "updatedAt": {"value": at.isoformat(), "offset": -300},
        "shiftLocation": TORONTO,
        "transactionsPaid": [],
    }


def at(day: int, *, month: int) -> datetime:
    return datetime(2025, month, day, 18, tzinfo=UTC)


BOUGHT = Delivery(bought(5_000_000, **on(10, month=1)), at(10, month=1))
FIRST = Delivery(paid_with(4_000_000, **on(20, month=1)), at(25, month=2))
SECOND = Delivery(paid_with(1_000_000, **on(10, month=2)), at(10, month=2))


async def months(connections: Pool) -> dict[int, tuple[int, int, int]]:
    """Give opening, redeemed and closing of January to March."""
    rows = await connections.fetch(
        "SELECT month, opening, redeemed, closing, difference FROM reporting.liability_rollforward_monthly"
        " WHERE month < '2025-04-01'"
    )
    assert all(row["difference"] == 0 for row in rows)
    return {row["month"].month: (int(row["opening"]), int(row["redeemed"]), int(row["closing"])) for row in rows}


async def as_of(connections: Pool, instant: datetime, known_at: datetime | None = None) -> Decimal:
    outstanding: Decimal = await connections.fetchval(
        "SELECT outstanding FROM reporting.liability_as_of($1, $2)", instant, known_at
    )
    return outstanding


async def test_a_late_event_restates_its_month_and_those_after_it(connections: Pool) -> None:
    january_ends, february_first = datetime(2025, 2, 1, 5, tzinfo=UTC), at(1, month=2)
    await load(connections, [BOUGHT, SECOND])
    assert await months(connections) == {1: (0, 0, 50), 2: (50, 40, 10), 3: (10, 0, 10)}
    assert await as_of(connections, january_ends) == 50

    await load(connections, [FIRST])

    assert await months(connections) == {1: (0, 10, 40), 2: (40, 30, 10), 3: (10, 0, 10)}
    assert await as_of(connections, january_ends) == 40
    assert await as_of(connections, january_ends, february_first) == 50
    rows = await connections.fetch("SELECT * FROM reporting.rollforward_restatements ORDER BY month, figure")
    assert [(row["month"].month, row["figure"], int(row["change"]), row["late_events"]) for row in rows] == [
        (1, "closing", -10, 1),
        (1, "redeemed", 10, 1),
    ]
    assert {row["last_received_at"] for row in rows} == {FIRST.received_at}


async def test_what_was_believed_then_leaves_out_late_events_of_certificates_that_have_not_moved_since(
    connections: Pool,
) -> None:
    january_ends, february_first = datetime(2025, 2, 1, 5, tzinfo=UTC), at(1, month=2)
    unheard_of = Delivery(bought(3_000_000, _id="0" * 24, **on(15, month=1)), at(2, month=2))
    await load(connections, [BOUGHT, FIRST, unheard_of])

    assert await as_of(connections, january_ends) == 70
    assert await as_of(connections, january_ends, february_first) == 50


async def test_a_month_that_was_not_over_is_not_restated(connections: Pool) -> None:
    await load(connections, [BOUGHT, Delivery(FIRST.body, at(31, month=1))])

    assert await connections.fetch("SELECT * FROM reporting.rollforward_restatements") == []


async def test_a_late_purchase_leaves_the_consideration_as_it_was_known(connections: Pool) -> None:
    discounted = Delivery(bought(5_000_000, price=2_500_000, **on(10, month=1)), at(1, month=3))
    question = "SELECT outstanding_at_consideration FROM reporting.liability_as_of($1, $2)"
    february_ends = datetime(2025, 3, 1, 5, tzinfo=UTC)

    await load(connections, [SECOND, discounted])

    assert await connections.fetchval(question, february_ends, february_ends) == 10
    assert await connections.fetchval(question, february_ends, february_ends + timedelta(days=1)) == 5


async def test_the_books_of_a_certificate_run_forward_across_time_zones(connections: Pool) -> None:
    """Bought at 00:30 in Toronto, used at 22:00 of the day before in Vancouver, an hour and a half later."""
    vancouver = {"stationId": "vancouver", "timeZone": "America/Vancouver", "primaryCurrencyCode": "CAD"}
    moments = [datetime(2025, 2, 2, 5, 30, tzinfo=UTC), datetime(2025, 2, 2, 6, 0, tzinfo=UTC)]
    dates = [{"updatedAt": {"value": moment.isoformat(), "offset": 0}} for moment in moments]
    await load(
        connections,
        [
            Delivery(bought(5_000_000, shiftLocation=TORONTO, **dates[0]), moments[0]),
            Delivery(paid_with(1_000_000, shiftLocation=vancouver, **dates[1]), moments[1]),
        ],
    )

    rows = await connections.fetch(
        "SELECT local_day, posting_day FROM reporting.certificate_activity ORDER BY position"
    )

    assert [(row["local_day"].day, row["posting_day"].day) for row in rows] == [(2, 2), (1, 2)]
    lowest = await connections.fetchval("SELECT min(closing) FROM reporting.liability_rollforward_daily")
    assert lowest == 10


async def test_what_is_dated_before_its_purchase_happened_with_it_once_that_is_known(connections: Pool) -> None:
    dated_later = Delivery(bought(5_000_000, price=2_500_000, **on(10, month=4)), at(10, month=4))
    question = "SELECT outstanding_at_consideration FROM reporting.liability_as_of($1, $2)"
    march_ends = datetime(2025, 4, 1, 5, tzinfo=UTC)

    await load(connections, [SECOND, dated_later])

    assert await connections.fetchval(question, march_ends, march_ends) == 10
    assert await connections.fetchval(question, march_ends, at(11, month=4)) is None
    assert await connections.fetchval(question, at(11, month=4), at(11, month=4)) == 5
    assert await months(connections) == {}
    rows = await connections.fetch("SELECT * FROM reporting.rollforward_restatements ORDER BY month, figure")
    assert [(row["month"].month, row["figure"], int(row["change"])) for row in rows] == [
        (2, "adjusted_up", -10), (2, "closing", -10), (3, "closing", -10), (3, "opening", -10),
    ]  # fmt: skip


async def test_a_resend_that_arrived_earlier_shows_that_the_purchase_was_known_earlier(connections: Pool) -> None:
    body = bought(5_000_000, price=2_500_000, **on(10, month=1))
    question = "SELECT outstanding, outstanding_at_consideration FROM reporting.liability_as_of($1, $1)"
    january_ends = datetime(2025, 2, 1, 5, tzinfo=UTC)

    await load(connections, [Delivery(body, at(10, month=3))])
    assert await connections.fetch(question, january_ends) == []

    await load(connections, [Delivery({**body, "attemptId": "again"}, at(10, month=1))])
    assert [tuple(row) for row in await connections.fetch(question, january_ends)] == [(50, 25)]
