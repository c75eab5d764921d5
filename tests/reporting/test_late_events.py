"""A late event that belongs to a month that was reported moves its figures, and leaves what was said then."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from consumer.books import totals
from consumer.books.totals import keep_totals
from consumer.postgres.database import Pool
from tests.builders import DEFINITION_ID, bought, definition, paid_with
from tests.databases import unguarded
from tests.reference import Delivery
from tests.reporting.loading import load_at

TORONTO = {"stationId": "toronto", "timeZone": "America/Toronto", "primaryCurrencyCode": "CAD"}


def on(day: int, *, month: int) -> dict[str, Any]:
    """Say that an event happened at noon of a day in Toronto, in 2025."""
    happened = datetime(2025, month, day, 17, tzinfo=UTC)
    return {
        "updatedAt": {"value": happened.isoformat(), "offset": -300},
        "shiftLocation": TORONTO,
        "transactionsPaid": [],
    }


def at(day: int, *, month: int) -> datetime:
    return datetime(2025, month, day, 18, tzinfo=UTC)


BOUGHT = bought(5_000_000, **on(10, month=1))
FIRST = paid_with(4_000_000, **on(20, month=1))
SECOND = paid_with(1_000_000, **on(10, month=2))
FEBRUARY_BEGINS = datetime(2025, 2, 1, 5, tzinfo=UTC)


async def book(connections: Pool, booked_at: datetime, *bodies: dict[str, Any]) -> None:
    await load_at(connections, booked_at, [Delivery(body, booked_at) for body in bodies])


async def months(connections: Pool) -> dict[int, tuple[int, int, int]]:
    """Give opening, redeemed and closing of each month."""
    rows = await connections.fetch("SELECT * FROM reporting.liability_rollforward_monthly")
    assert all(row["difference"] == 0 for row in rows)
    return {row["month"].month: (int(row["opening"]), int(row["redeemed"]), int(row["closing"])) for row in rows}


async def as_of(connections: Pool, instant: datetime, known_at: datetime | None = None) -> Decimal | None:
    outstanding: Decimal | None = await connections.fetchval(
        "SELECT outstanding FROM reporting.liability_as_of($1, $2)", instant, known_at
    )
    return outstanding


async def restated(connections: Pool) -> list[tuple[Any, ...]]:
    rows = await connections.fetch("SELECT * FROM reporting.rollforward_restatements ORDER BY month, figure")
    return [(row["month"].month, row["figure"], int(row["change"]), row["late_events"], row["causes"]) for row in rows]


async def test_a_late_event_restates_its_month_and_those_after_it(connections: Pool) -> None:
    await book(connections, at(10, month=1), BOUGHT)
    await book(connections, at(10, month=2), SECOND)
    assert await months(connections) == {1: (0, 0, 50), 2: (50, 40, 10)}
    assert await as_of(connections, FEBRUARY_BEGINS) == 50
    assert await restated(connections) == []

    await book(connections, at(25, month=2), FIRST)

    assert await months(connections) == {1: (0, 10, 40), 2: (40, 30, 10)}
    assert await as_of(connections, FEBRUARY_BEGINS) == 40
    assert await as_of(connections, FEBRUARY_BEGINS, at(11, month=2)) == 50
    assert await restated(connections) == [(1, "closing", -10, 1, ["event"]), (1, "redeemed", 10, 1, ["event"])]
    last = await connections.fetch("SELECT DISTINCT last_booked_at FROM reporting.rollforward_restatements")
    assert [tuple(row) for row in last] == [(at(25, month=2),)]


async def test_a_closed_month_is_restated_by_what_was_booked_after_its_cut(connections: Pool) -> None:
    await book(connections, at(10, month=1), BOUGHT)
    await book(connections, at(10, month=2), SECOND)
    await book(connections, at(20, month=2), paid_with(4_500_000, **on(15, month=1)))
    assert ("redeemed", 5) in [(figure, change) for _, figure, change, *_ in await restated(connections)]

    await cut(connections, at(21, month=2), date(2025, 1, 1))
    assert await restated(connections) == []

    await book(connections, at(25, month=2), FIRST)
    assert await restated(connections) == [(1, "closing", -5, 1, ["event"]), (1, "redeemed", 5, 1, ["event"])]
    reported = await connections.fetch("SELECT DISTINCT reported_at FROM reporting.rollforward_restatements")
    assert [tuple(row) for row in reported] == [(at(21, month=2),)]


async def test_a_month_that_ended_before_an_earlier_one_was_cut_is_restated_from_its_end(connections: Pool) -> None:
    await book(connections, at(10, month=1), BOUGHT)
    await book(connections, at(10, month=2), SECOND)
    await cut(connections, at(20, month=3), date(2025, 1, 1))

    await book(connections, at(10, month=3), FIRST)

    # January was not cut yet; what February was reported with, was wrong.
    assert {row[:3] for row in await restated(connections)} == {(2, "opening", -10), (2, "redeemed", -10)}


async def test_what_was_booked_when_the_month_was_cut_is_what_was_reported(connections: Pool) -> None:
    await book(connections, at(10, month=1), BOUGHT)
    await book(connections, at(25, month=2), FIRST)
    await cut(connections, at(25, month=2), date(2025, 1, 1))

    assert await restated(connections) == []


async def test_the_close_of_one_account_reports_no_other(connections: Pool) -> None:
    await book(connections, at(10, month=1), {**BOUGHT, "data": {**BOUGHT["data"], "accountId": "other"}})
    await book(connections, at(25, month=2), FIRST)
    await cut(connections, at(20, month=3), date(2025, 1, 1))

    assert {row[:3] for row in await restated(connections)} == {(1, "closing", -10), (1, "redeemed", 10)}


async def test_what_restates_one_account_counts_once_however_many_were_closed(connections: Pool) -> None:
    await book(connections, at(10, month=1), BOUGHT)
    for account_id in (None, "other", "another"):
        await cut(connections, at(20, month=2), date(2025, 1, 1), account_id)
    await book(connections, at(25, month=2), FIRST)

    assert {row[:4] for row in await restated(connections)} == {(1, "closing", -10, 1), (1, "redeemed", 10, 1)}


async def test_what_is_void_and_comes_late_restates_what_was_voided(connections: Pool) -> None:
    await book(connections, at(10, month=1), BOUGHT)
    await book(connections, at(25, month=2), paid_with(5_000_000, deleted=True, **on(20, month=1)))

    assert {row[:3] for row in await restated(connections)} == {(1, "closing", -50), (1, "voided", 50)}


@pytest.mark.parametrize("event_id", ["task:mine", "task:1", "migration", "rebuild", "verify"])
async def test_an_event_that_is_called_like_a_task_or_a_command_is_an_event(connections: Pool, event_id: str) -> None:
    await book(connections, at(10, month=1), BOUGHT)
    await book(connections, at(25, month=2), paid_with(4_000_000, **on(20, month=1), envelope={"id": event_id}))

    assert {tuple(row[4]) for row in await restated(connections)} == {("event",)}


@pytest.mark.parametrize("event_id", ["task:mine", "task:1", "migration", "rebuild", "verify", "event:task:1"])
async def test_what_an_event_called_like_another_cause_corrects_of_others_names_an_event(
    connections: Pool, event_id: str
) -> None:
    await book(connections, at(25, month=1), BOUGHT, paid_with(1_000_000, **on(25, month=1)))
    await book(connections, at(25, month=2), paid_with(2_000_000, **on(20, month=1), envelope={"id": event_id}))
    caused = "SELECT count(*) FROM journal WHERE caused_by = 'event:' || $1"
    assert await connections.fetchval(caused, event_id) == 3

    await book(connections, at(26, month=2), paid_with(500_000, **on(28, month=1)))
    assert {tuple(row[4]) for row in await restated(connections)} == {("event",)}


async def test_a_task_that_books_an_event_of_its_own_name_again_is_the_cause(connections: Pool) -> None:
    nowhere = {**on(10, month=1), "shiftLocation": {}, "certDefId": DEFINITION_ID}
    await book(connections, at(10, month=1), bought(5_000_000, **nowhere, envelope={"id": "task:1"}))
    await book(connections, at(10, month=3), definition(currencyCode="CAD", envelope={"created": 1735689600}))

    assert {row[3:] for row in [(*row[:4], *row[4]) for row in await restated(connections)]} == {(0, "task:1")}


async def cut(connections: Pool, cut_at: datetime, month: date, account_id: str | None = None) -> None:
    """Close a month of an account, or of none, as if at that time."""
    await unguarded(
        connections,
        "WITH prepared AS ("
        "  INSERT INTO close_prepared (account_id, month, prepared_by, warnings)"
        "  VALUES ($3, $1, 'Ada', '[]') RETURNING id"
        ") INSERT INTO close"
        " (prepared, cut_at, last_line, last_settled, account_id, month, cut_by, time_zone, account_currencies)"
        " SELECT id, $2, 0, 0, $3, $1, 'Ada', 'UTC', '{}' FROM prepared",
        month,
        cut_at,
        account_id,
    )


async def test_a_period_is_answered_as_it_stood_also_in_its_opening(connections: Pool) -> None:
    question = "SELECT opening, redeemed, closing, difference FROM reporting.liability_rollforward($1, $2, $3)"
    february = date(2025, 2, 1), date(2025, 2, 28)
    await book(connections, at(10, month=1), BOUGHT)
    await book(connections, at(10, month=2), SECOND)
    await book(connections, at(25, month=2), FIRST)

    then, now = [
        tuple(map(int, await connections.fetchrow(question, *february, known_at) or ()))
        for known_at in (at(11, month=2), None)
    ]

    assert then == (50, 40, 10, 0)
    assert now == (40, 30, 10, 0)


async def test_a_month_that_was_not_over_is_not_restated(connections: Pool) -> None:
    await book(connections, at(10, month=1), BOUGHT)
    # In UTC-12 it is still January.
    await book(connections, datetime(2025, 2, 1, 12, tzinfo=UTC), FIRST)

    assert await restated(connections) == []


async def test_what_is_booked_just_after_its_month_was_over_everywhere_restates_it(connections: Pool) -> None:
    await book(connections, at(10, month=1), BOUGHT)
    await book(connections, datetime(2025, 2, 1, 12, 1, tzinfo=UTC), paid_with(4_000_000, **on(31, month=1)))

    assert {row[:3] for row in await restated(connections)} == {(1, "closing", -10), (1, "redeemed", 10)}


async def test_a_currency_that_becomes_known_late_restates_both_books_and_names_its_task(connections: Pool) -> None:
    nowhere = {**on(10, month=1), "shiftLocation": {}, "certDefId": DEFINITION_ID}
    await book(connections, at(10, month=1), bought(5_000_000, **nowhere))
    await book(connections, at(10, month=3), definition(currencyCode="CAD", envelope={"created": 1735689600}))

    rows = await connections.fetch("SELECT * FROM reporting.rollforward_restatements ORDER BY currency, figure")

    assert [(row["currency"], row["figure"], int(row["change"]), row["late_events"]) for row in rows] == [
        ("CAD", "closing", 50, 0),
        ("CAD", "issued", 50, 0),
        ("unspecified", "closing", -50, 0),
        ("unspecified", "issued", -50, 0),
    ]
    ((cause,),) = {tuple(row["causes"]) for row in rows}
    assert cause.startswith("task:")
    # A book whose lines were all taken back was never there.
    for report in ("liability_daily", "liability_rollforward_daily", "liability_rollforward_monthly"):
        currencies = await connections.fetch(f"SELECT DISTINCT currency FROM reporting.{report}")  # noqa: S608 - ours
        assert [row["currency"] for row in currencies] == ["CAD"], report


async def test_what_comes_late_for_a_closed_month_is_booked_into_the_first_open_one(connections: Pool) -> None:
    await book(connections, at(10, month=1), BOUGHT)
    await unguarded(connections, "INSERT INTO closed_period VALUES (NULL, '2025-01-01')")
    await book(connections, at(10, month=2), SECOND)
    await book(connections, at(25, month=2), FIRST)

    rows = await connections.fetch("SELECT * FROM reporting.books_monthly ORDER BY month")
    assert [
        tuple(
            int(row[name])
            for name in ("opening", "redeemed", "redeemed_for_earlier_months", "closing", "of_which_for_earlier_months")
        )
        for row in rows
    ] == [(0, 0, 0, 50, 0), (50, 40, 10, 10, -10)]


async def test_a_month_that_is_closed_has_its_row_also_where_nothing_was_booked_since(connections: Pool) -> None:
    await book(connections, at(10, month=1), BOUGHT)
    await unguarded(connections, "INSERT INTO closed_period VALUES (NULL, '2025-03-01')")

    rows = await connections.fetch("SELECT month, closing::integer FROM reporting.books_monthly ORDER BY month")
    assert [(row["month"].month, row["closing"]) for row in rows] == [(1, 50), (2, 50), (3, 50)]


async def test_a_late_purchase_leaves_the_consideration_as_it_was_said(connections: Pool) -> None:
    question = "SELECT outstanding_at_consideration FROM reporting.liability_on($1, $2)"
    await book(connections, at(10, month=2), SECOND)
    await book(connections, at(1, month=3), bought(5_000_000, price=2_500_000, **on(10, month=1)))

    assert await connections.fetchval(question, date(2025, 2, 10), at(28, month=2)) == 10
    assert await connections.fetchval(question, date(2025, 2, 10), None) == 5


async def test_a_resend_that_arrives_again_books_nothing(connections: Pool) -> None:
    await book(connections, at(10, month=1), BOUGHT)
    await book(connections, at(10, month=3), {**BOUGHT, "attemptId": "again"})

    assert await restated(connections) == []
    assert await as_of(connections, FEBRUARY_BEGINS.replace(month=1, day=11), at(11, month=1)) == 50


async def test_totals_that_were_kept_meanwhile_change_no_answer(connections: Pool) -> None:
    answers = []
    for kept in (False, True, True):
        if kept:
            async with connections.acquire() as connection:
                assert await keep_totals(connection)
        else:
            await book(connections, at(10, month=1), BOUGHT)
            await book(connections, at(10, month=2), SECOND)
        answers.append(
            [
                await connections.fetch(f"SELECT * FROM reporting.{question}")  # noqa: S608 - ours
                for question in (
                    "liability_on('2025-01-15')",
                    "liability_rollforward('2025-02-01', 'infinity')",
                    "liability_rollforward('-infinity', '2025-02-05')",
                    "liability_current",
                )
            ]
        )

    assert answers[0] == answers[1] == answers[2]
    assert await connections.fetchval("SELECT count(*) FROM journal_total") == 2


async def test_an_event_of_long_ago_brings_one_year_of_days_and_every_month(connections: Pool) -> None:
    of_2000 = {"updatedAt": {"value": "2000-03-01T17:00:00Z", "offset": 0}, "createdAt": None}
    await book(connections, at(10, month=1), bought(1_000_000, _id="0" * 24, shiftLocation=TORONTO, **of_2000))
    await book(connections, at(10, month=1), BOUGHT)

    for report in ("liability_daily", "liability_rollforward_daily"):
        days = [row["day"] for row in await connections.fetch(f"SELECT day FROM reporting.{report} ORDER BY 1")]  # noqa: S608
        assert [days[0], days[-1]] == [date(2000, 3, 1), date(2025, 1, 10)]
        assert {day.year for day in days} == {2000, 2025}
        assert len(days) == 306 + 10
    months = await connections.fetch("SELECT opening FROM reporting.liability_rollforward_monthly ORDER BY month")
    assert [int(row["opening"]) for row in months] == [0] + [10] * (12 * 25 - 2)


async def test_totals_are_kept_in_steps(connections: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "STEP", 2)
    for body in (BOUGHT, FIRST, SECOND):
        await book(connections, at(10, month=2), body)
    async with connections.acquire() as connection:
        assert await keep_totals(connection)

    up_to = await connections.fetchval("SELECT up_to FROM journal_totalled")
    assert up_to == await connections.fetchval("SELECT max(id) FROM journal") > 2
    assert await months(connections) == {1: (0, 10, 40), 2: (40, 30, 10)}


async def test_the_books_of_a_certificate_run_forward_across_time_zones(connections: Pool) -> None:
    """Bought at 00:30 in Toronto, used at 22:00 of the day before in Vancouver, an hour and a half later."""
    vancouver = {"stationId": "vancouver", "timeZone": "America/Vancouver", "primaryCurrencyCode": "CAD"}
    moments = [datetime(2025, 2, 2, 5, 30, tzinfo=UTC), datetime(2025, 2, 2, 6, 0, tzinfo=UTC)]
    dates = [{"updatedAt": {"value": moment.isoformat(), "offset": 0}} for moment in moments]
    await book(
        connections,
        moments[1],
        bought(5_000_000, shiftLocation=TORONTO, **dates[0]),
        paid_with(1_000_000, shiftLocation=vancouver, **dates[1]),
    )

    rows = await connections.fetch(
        "SELECT local_day, posting_day FROM reporting.certificate_activity ORDER BY position"
    )

    assert [(row["local_day"].day, row["posting_day"].day) for row in rows] == [(2, 2), (1, 2)]
    lowest = await connections.fetchval("SELECT min(closing) FROM reporting.liability_rollforward_daily")
    assert lowest == 10


async def test_what_is_dated_before_its_purchase_happened_with_it_once_that_is_known(connections: Pool) -> None:
    await book(connections, at(10, month=2), SECOND)
    await book(connections, at(10, month=4), bought(5_000_000, price=2_500_000, **on(10, month=4)))

    assert await months(connections) == {4: (0, 40, 10)}
    assert await as_of(connections, at(1, month=4)) is None
    # The books of then are asked as of a day that they had reached.
    assert await as_of(connections, datetime(2025, 2, 11, 5, tzinfo=UTC), at(11, month=2)) == 10


async def test_the_books_end_with_the_latest_line_that_stands(connections: Pool) -> None:
    await book(connections, at(10, month=1), BOUGHT)
    await book(connections, at(5, month=2), paid_with(4_000_000, **on(5, month=2)))
    assert await months(connections) == {1: (0, 0, 50), 2: (50, 10, 40)}

    # It was paid with in January, and in February nothing changed.
    await book(connections, at(6, month=2), FIRST)

    for _ in range(2):
        assert await months(connections) == {1: (0, 10, 40)}
        with pytest.raises(asyncpg.InvalidParameterValueError, match="beyond the latest posting day, 2025-01-20"):
            await connections.fetch("SELECT * FROM reporting.liability_on('2025-02-05')")
        async with connections.acquire() as connection:
            assert await keep_totals(connection)


async def test_an_instant_counts_what_happened_before_it_and_beyond_the_books_is_refused(
    connections: Pool,
) -> None:
    await book(connections, at(10, month=1), BOUGHT)
    happened = datetime.fromisoformat(BOUGHT["data"]["updatedAt"]["value"])

    assert await as_of(connections, happened) is None
    assert await as_of(connections, happened.replace(second=1)) == 50
    # The latest day ends last in UTC-12.
    assert await as_of(connections, datetime(2025, 1, 11, 12, tzinfo=UTC)) == 50
    for beyond in (
        "liability_as_of('2025-01-11 12:00:01Z')",
        "liability_as_of('infinity')",
        "liability_on('2025-01-11')",
        "liability_on('infinity')",
    ):
        with pytest.raises(asyncpg.InvalidParameterValueError, match="beyond the latest posting day, 2025-01-10"):
            await connections.fetch(f"SELECT * FROM reporting.{beyond}")  # noqa: S608 - ours
