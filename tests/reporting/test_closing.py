"""The books close: every period's opening and movements give its closing, and all ways to a balance meet."""

from calendar import monthrange
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from consumer.books.totals import keep_totals
from consumer.postgres.database import Pool
from tests.builders import bought, paid_with
from tests.reference import Delivery
from tests.reporting.loading import load
from tests.reporting.year import ACCOUNT_CURRENCIES, TIME_ZONE, a_year


@pytest.fixture
async def year(connections: Pool) -> Pool:
    """Apply a simulated year."""
    await load(connections, a_year(6, certificates=150), ACCOUNT_CURRENCIES, TIME_ZONE)
    return connections


async def open_rows(connections: Pool, sql: str, *arguments: object) -> list[dict[str, Any]]:
    """Give what a query for rows that do not close finds."""
    return [dict(row) for row in await connections.fetch(sql, *arguments)]


@pytest.mark.parametrize("schema", ["reporting", "reporting_test"])
@pytest.mark.parametrize(("grain", "period"), [("daily", "day"), ("monthly", "month")])
async def test_each_period_opens_with_the_closing_of_the_one_before_and_closes(
    year: Pool, schema: str, grain: str, period: str
) -> None:
    books = f"""
        SELECT *, coalesce(lag(closing) OVER (
            PARTITION BY account_id, currency, issuing_station_id ORDER BY {period}
        ), 0) AS closing_before
        FROM {schema}.liability_rollforward_{grain}
    """  # noqa: S608

    assert await year.fetchval(f"SELECT count(*) FROM ({books}) AS book WHERE redeemed > 0 AND issued > 0")  # noqa: S608
    assert not await open_rows(
        year,
        f"""
        SELECT * FROM ({books}) AS book
        WHERE opening <> closing_before OR difference <> 0
            OR opening + issued + first_seen + adjusted_up - redeemed - adjusted_down - voided <> closing
        """,  # noqa: S608
    )


async def test_months_close_as_their_last_days_do(year: Pool) -> None:
    assert not await open_rows(
        year,
        """
        SELECT *
        FROM reporting.liability_rollforward_monthly AS months
        JOIN reporting.liability_rollforward_daily AS days
            ON days.day = months.month + interval '1 month' - interval '1 day'
                AND (days.account_id, days.currency, days.issuing_station_id)
                    IS NOT DISTINCT FROM (months.account_id, months.currency, months.issuing_station_id)
        WHERE days.closing <> months.closing
        """,
    )


async def test_today_closes_with_the_current_balances_of_each_station(year: Pool) -> None:
    assert not await open_rows(
        year,
        """
        WITH current AS (
            SELECT account_id, currency, issuing_station_id, sum(balance) AS balance
            FROM reporting.certificate_current
            GROUP BY account_id, currency, issuing_station_id
        ),
        closing AS (
            SELECT DISTINCT ON (account_id, currency, issuing_station_id) *
            FROM reporting.liability_rollforward_daily
            ORDER BY account_id, currency, issuing_station_id, day DESC
        )
        SELECT *
        FROM current
        FULL JOIN closing
            ON coalesce(closing.account_id, '') = coalesce(current.account_id, '')
                AND coalesce(closing.issuing_station_id, '') = coalesce(current.issuing_station_id, '')
                AND closing.currency = current.currency
        WHERE closing.closing IS DISTINCT FROM current.balance
        """,
    )


async def test_each_day_closes_with_what_was_outstanding_when_it_ended(connections: Pool) -> None:
    """All stations on one clock, so that a day ends at one instant; two changes of the clocks are among the days."""
    deliveries = deepcopy(a_year(7, certificates=120))
    for delivery in deliveries:
        delivery.body["data"].get("shiftLocation", {}).pop("timeZone", None)
    await load(connections, deliveries, ACCOUNT_CURRENCIES, "America/Toronto")

    assert await connections.fetchval("SELECT count(DISTINCT day) FROM reporting.liability_daily") > 365
    assert not await open_rows(
        connections,
        """
        WITH closing AS (
            SELECT day, account_id, currency, sum(closing) AS balance
            FROM reporting.liability_rollforward_daily
            WHERE day < '2026-01-01'
            GROUP BY day, account_id, currency
        ),
        as_of AS (
            SELECT days.day, answer.*
            FROM (SELECT DISTINCT day FROM closing) AS days
            CROSS JOIN LATERAL reporting.liability_as_of(
                (days.day + 1)::timestamp AT TIME ZONE 'America/Toronto'
            ) AS answer
        )
        SELECT *
        FROM closing
        JOIN reporting.liability_daily AS daily USING (day, account_id, currency)
        LEFT JOIN as_of USING (day, account_id, currency)
        WHERE daily.outstanding <> closing.balance OR closing.balance <> coalesce(as_of.outstanding, 0)
        """,
    )


@pytest.mark.parametrize("missing", ["certificate", "journal"])
async def test_a_certificate_or_a_line_that_stands_alone_does_not_close(connections: Pool, missing: str) -> None:
    stays: dict[str, Any] = {"shiftLocation": {"primaryCurrencyCode": "USD"}, "_id": "0" * 24}
    gone: dict[str, Any] = {"shiftLocation": {"primaryCurrencyCode": "CAD"}}
    now = datetime(2026, 6, 2, tzinfo=UTC)
    await load(connections, [Delivery(body, now) for body in (bought(**gone), paid_with(3_000_000, updated=9, **gone))])
    await load(connections, [Delivery(bought(**stays), now)])
    await connections.execute(f"DELETE FROM {missing} WHERE certificate_id <> repeat('0', 24)")  # noqa: S608

    (row,) = await connections.fetch(
        "SELECT entity_id, observed, expected FROM reporting.data_quality_exceptions WHERE rule = 'projection_differs'"
    )
    assert row["entity_id"] != "0" * 24
    assert "no certificate" in row["observed"] or row["expected"] == "no line in the journal"
    for report in ("liability_current", "liability_rollforward_daily", "liability_rollforward_monthly"):
        differences = await connections.fetch(f"SELECT DISTINCT currency, abs(difference) FROM reporting.{report}")  # noqa: S608
        assert {tuple(row) for row in differences} == {("CAD", 30), ("USD", 0)}, report


async def test_a_period_whose_totals_are_wrong_does_not_close(connections: Pool) -> None:
    now = datetime(2026, 6, 2, tzinfo=UTC)
    await load(connections, [Delivery(bought(), now)])
    async with connections.acquire() as connection:
        assert await keep_totals(connection)
    await connections.execute("UPDATE journal_total SET change = change + 1")

    question = "SELECT closing, difference FROM reporting.liability_rollforward('2026-06-01', '2026-06-30')"
    assert [tuple(map(str, row)) for row in await connections.fetch(question)] == [("50.00000", "0.00001")]


@pytest.mark.parametrize("report", ["liability_rollforward_daily", "liability_rollforward_monthly", "liability_daily"])
async def test_all_books_end_on_the_latest_posting_day_of_any(connections: Pool, report: str) -> None:
    """East of REPORTING_TIME_ZONE tomorrow has begun: a sum over stations must close there, too."""
    at_once: dict[str, Any] = {"updatedAt": {"value": "2026-05-31T13:00:00Z", "offset": 0}}
    east: dict[str, Any] = {
        "shiftLocation": {"timeZone": "Pacific/Auckland", "primaryCurrencyCode": "NZD"},
        "_id": "0" * 24,
    }
    bodies = bought(**at_once), bought(**at_once, **east)
    await load(connections, [Delivery(body, datetime(2026, 6, 2, tzinfo=UTC)) for body in bodies])

    period = "month" if report.endswith("monthly") else "day"
    ends = await connections.fetch(f"SELECT currency, max({period}) FROM reporting.{report} GROUP BY currency")  # noqa: S608
    assert {tuple(row) for row in ends} == {("unspecified", date(2026, 6, 1)), ("NZD", date(2026, 6, 1))}


async def test_settlement_is_one_matrix_that_sums_to_what_was_redeemed(year: Pool) -> None:
    assert not await open_rows(
        year,
        """
        SELECT month, account_id, currency, issuing_station_id
        FROM (
            SELECT month, account_id, currency, issuing_station_id, redeemed
            FROM reporting.liability_rollforward_monthly
            UNION ALL
            SELECT month, account_id, currency, issuing_station_id, -redeemed
            FROM reporting.interlocation_settlement
        ) AS both_ways
        GROUP BY month, account_id, currency, issuing_station_id
        HAVING sum(redeemed) <> 0
        """,
    )


@pytest.mark.parametrize("names", [("Union", "Central"), ("Central", "Union")])
async def test_a_station_goes_by_its_newest_name_whichever_came_last(connections: Pool, names: tuple[str, str]) -> None:
    now = datetime(2026, 6, 2, tzinfo=UTC)
    newest, oldest = (bought(_id=f"{n:024}", updated=9 - n, shiftLocation=named(names[n])) for n in range(2))
    name = "SELECT issuing_station_name FROM reporting.liability_rollforward('-infinity', 'infinity')"

    for body in (newest, oldest):
        await load(connections, [Delivery(body, now)])
        assert await connections.fetchval(name) == names[0]
        async with connections.acquire() as connection:
            assert await keep_totals(connection)
    assert await connections.fetchval(name) == names[0]


@pytest.mark.parametrize("order", ["acb", "cab", "abc", "cba"])
@pytest.mark.parametrize("is_kept_each_time", [False, True])
async def test_of_names_of_one_instant_the_greatest_events_counts_with_and_without_totals(
    connections: Pool, order: str, *, is_kept_each_time: bool
) -> None:
    now = datetime(2026, 6, 2, tzinfo=UTC)
    async with connections.acquire() as connection:
        for number, event_id in enumerate(order):
            named_by: dict[str, Any] = {"shiftLocation": named(f"by {event_id}"), "envelope": {"id": event_id}}
            await load(connections, [Delivery(bought(_id=f"{number:024}", updated=1, **named_by), now)])
            if is_kept_each_time:
                assert await keep_totals(connection)
        issuing = "SELECT issuing_station_name FROM reporting.liability_rollforward('-infinity', 'infinity')"

        assert await connection.fetchval(issuing) == "by c"
        assert await keep_totals(connection)
        assert await connection.fetchval(issuing) == "by c"


async def test_a_redemption_of_an_unknown_purchase_is_told_with_and_without_totals(connections: Pool) -> None:
    now = datetime(2026, 6, 2, tzinfo=UTC)
    seen = [paid_with(balance, updated=second, _id="unknown") for balance, second in ((4_000_000, 10), (3_000_000, 20))]
    sold = [bought(_id="known"), paid_with(4_500_000, updated=30, _id="known")]
    await load(connections, [Delivery(body, now) for body in (*seen, *sold)])
    settled = "SELECT is_purchase_known, redeemed::integer FROM reporting.interlocation_settlement ORDER BY 1"

    for _ in range(2):
        assert [tuple(row) for row in await connections.fetch(settled)] == [(False, 10), (True, 5)]
        # What came back of known purchases, of their face value.
        assert await connections.fetchval("SELECT redemption_rate FROM reporting.definition_performance") == Decimal(
            "0.1"
        )
        async with connections.acquire() as connection:
            assert await keep_totals(connection)


def named(name: str) -> dict[str, Any]:
    return {"stationId": "toronto", "name": name, "primaryCurrencyCode": "CAD"}


async def test_a_station_has_one_name_its_newest_with_and_without_totals(year: Pool) -> None:
    async with year.acquire() as connection:
        for _ in range(2):
            for report, name in (
                ("liability_rollforward_monthly", "issuing_station"),
                ("interlocation_settlement", "redeeming_station"),
                ("sales_daily", "station"),
                ("books_monthly", "issuing_station"),
            ):
                rows = await connection.fetch(
                    f"SELECT {name}_id, {name}_name FROM reporting.{report} GROUP BY 1, 2"  # noqa: S608 - names of ours
                )
                names = [id_ for id_, _ in rows]
                assert len(names) == len(set(names)) > 5, report
            assert await keep_totals(connection)


@pytest.mark.parametrize("schema", ["reporting", "reporting_test"])
async def test_a_month_asked_for_alone_is_the_month_that_all_months_show(year: Pool, schema: str) -> None:
    months = await year.fetch(f"SELECT DISTINCT month FROM {schema}.liability_rollforward_monthly")  # noqa: S608
    assert len(months) > 12

    for (month,) in months:
        last_day = month.replace(day=monthrange(month.year, month.month)[1])
        alone = await year.fetch(f"SELECT * FROM {schema}.liability_rollforward($1, $2)", month, last_day)  # noqa: S608
        among_all = await year.fetch(
            f"SELECT * FROM {schema}.liability_rollforward_monthly WHERE month = $1",  # noqa: S608
            month,
        )
        assert {tuple(row) for row in alone} == {tuple(row)[1:] for row in among_all}, month


async def test_a_day_asked_for_alone_is_the_day_that_all_days_show(year: Pool) -> None:
    for day in (date(2025, 1, 31), date(2025, 3, 9), date(2025, 11, 2), date(2025, 12, 31)):
        alone = await year.fetch("SELECT * FROM reporting.liability_rollforward($1, $1)", day)
        among_all = await year.fetch("SELECT * FROM reporting.liability_rollforward_daily WHERE day = $1", day)
        assert alone
        assert {tuple(row) for row in alone} == {tuple(row)[1:] for row in among_all}, day


async def test_without_an_end_a_period_is_all_there_is(year: Pool) -> None:
    (row,) = await year.fetch(
        "SELECT sum(opening) AS opening, sum(issued) AS issued, sum(closing) AS closing, sum(difference) AS difference"
        " FROM reporting.liability_rollforward('-infinity', 'infinity')"
    )
    issued = await year.fetchval("SELECT sum(issued) FROM reporting.liability_rollforward_monthly")
    outstanding = await year.fetchval("SELECT sum(outstanding) FROM reporting.liability_current")

    assert tuple(row) == (0, issued, outstanding, 0)


@pytest.mark.parametrize(
    ("days", "reason"),
    [
        ("'2025-09-30', '2025-09-01'", "the period ends on 2025-09-01, before it begins on 2025-09-30"),
        ("'infinity', '-infinity'", "the period ends on -infinity, before it begins on infinity"),
        ("NULL, '2025-09-01'", "a day of the period is NULL"),
        ("'2025-09-01', NULL", "a day of the period is NULL"),
    ],
)
async def test_a_period_that_is_none_is_refused(year: Pool, days: str, reason: str) -> None:
    with pytest.raises(asyncpg.PostgresError, match=reason):
        await year.fetch(f"SELECT * FROM reporting.liability_rollforward({days})")  # noqa: S608 - ours


@pytest.mark.parametrize(
    "days",
    [
        "'4714-11-24 BC', '5874897-12-31'",
        "'0001-01-01', '9999-12-31'",
        "'4714-11-24 BC', 'infinity'",
        "'-infinity', '5874897-12-31'",
        "'-infinity', 'infinity', 'infinity'",
    ],
)
async def test_a_period_longer_than_the_books_is_all_there_is(year: Pool, days: str) -> None:
    question = "SELECT * FROM reporting.liability_rollforward({}) ORDER BY account_id, currency, issuing_station_id"

    assert await year.fetch(question.format(days)) == await year.fetch(question.format("'-infinity', 'infinity'"))


@pytest.mark.parametrize(
    "question",
    [
        "liability_rollforward('4714-11-24 BC', '4714-11-24 BC')",
        "liability_rollforward('-infinity', '-infinity')",
        "liability_rollforward('-infinity', 'infinity', '-infinity')",
        "liability_rollforward('5874897-12-31', '5874897-12-31', '-infinity')",
        "liability_on('-infinity')",
        "liability_on('4714-11-24 BC')",
        "liability_on('5874897-12-31', '-infinity')",
        "liability_on('infinity', '-infinity')",
        "liability_as_of('-infinity')",
        "liability_as_of('4714-11-24 00:00:00+00 BC')",
        "liability_as_of('294276-12-31 23:59:59+00', '4714-11-24 00:00:00+00 BC')",
    ],
)
async def test_before_the_books_begin_nothing_stood(year: Pool, question: str) -> None:
    assert await year.fetch(f"SELECT * FROM reporting.{question}") == []  # noqa: S608 - ours


@pytest.mark.parametrize("question", ["liability_on(NULL)", "liability_as_of(NULL)"])
async def test_no_day_is_no_question(year: Pool, question: str) -> None:
    with pytest.raises(asyncpg.NullValueNotAllowedError, match="is NULL"):
        await year.fetch(f"SELECT * FROM reporting.{question}")  # noqa: S608 - ours


@pytest.mark.parametrize(
    "question",
    [
        "liability_on('5874897-12-31')",
        "liability_on('infinity', 'infinity')",
        "liability_rollforward('5874897-12-31', '5874897-12-31')",
        "liability_rollforward('5874897-12-31', 'infinity', 'infinity')",
        "liability_as_of('294276-12-31 23:59:59+00')",
        "liability_as_of('infinity', 'infinity')",
    ],
)
async def test_a_day_beyond_the_books_is_refused(year: Pool, question: str) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError, match="beyond the latest posting day"):
        await year.fetch(f"SELECT * FROM reporting.{question}")  # noqa: S608 - ours


async def test_a_period_is_answered_up_to_the_latest_posting_day_and_refused_after_it(year: Pool) -> None:
    latest = await year.fetchval("SELECT max(day) FROM reporting.liability_daily")
    question = "SELECT sum(closing) FROM reporting.liability_rollforward($1, $2)"
    outstanding = await year.fetchval("SELECT sum(outstanding) FROM reporting.liability_current")

    assert await year.fetchval(question, latest, latest + timedelta(days=400)) == outstanding
    for last_day in (latest + timedelta(days=31), date.max):
        with pytest.raises(asyncpg.InvalidParameterValueError, match=f"beyond the latest posting day, {latest}"):
            await year.fetchval(question, latest + timedelta(days=1), last_day)


async def test_a_period_begins_and_ends_by_the_clock_of_each_station(connections: Pool) -> None:
    """By UTC, February begins in Auckland at 11:00 of 31 January, in Toronto at 05:00 of the 1st."""

    def at(zone: str, month: int, day: int, hour: int) -> dict[str, Any]:
        happened = datetime(2025, month, day, hour, tzinfo=UTC)
        station = {"stationId": zone, "timeZone": zone, "primaryCurrencyCode": "CAD"}
        return {"updatedAt": {"value": happened.isoformat(), "offset": 0}, "shiftLocation": station}

    auckland, toronto = "Pacific/Auckland", "America/Toronto"
    bodies = [
        bought(5_000_000, _id="a" * 24, **at(auckland, 1, 31, 12)),
        bought(5_000_000, _id="b" * 24, **at(toronto, 1, 10, 17)),
        paid_with(4_000_000, _id="b" * 24, **at(toronto, 2, 1, 4)),
        paid_with(2_000_000, _id="b" * 24, **at(toronto, 2, 1, 6)),
    ]
    await load(connections, [Delivery(body, datetime(2025, 2, 2, tzinfo=UTC)) for body in bodies])

    january, february = [
        {
            row["issuing_station_id"]: tuple(
                int(row[name]) for name in ("opening", "issued", "redeemed", "closing", "difference")
            )
            for row in await connections.fetch("SELECT * FROM reporting.liability_rollforward($1, $2)", *days)
        }
        for days in ((date(2025, 1, 1), date(2025, 1, 31)), (date(2025, 2, 1), date(2025, 2, 28)))
    ]
    assert january == {toronto: (0, 50, 10, 40, 0)}
    assert february == {auckland: (0, 50, 0, 50, 0), toronto: (40, 0, 20, 20, 0)}
