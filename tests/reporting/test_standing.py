"""What stood is the sum of all lines up to a day, wherever they are kept: by month, by day, or not yet."""

from datetime import date
from typing import Any

import pytest

from consumer.books.totals import keep_totals
from consumer.postgres.database import Pool
from tests.applying import applied
from tests.builders import bought, event, paid_with

DAYS = [
    *("-infinity", "0001-12-31 BC", "0001-01-01", "2000-01-09", "2000-01-10", "2000-01-31", "2000-02-01"),
    *("2024-12-31", "2025-01-01", "2025-01-19", "2025-01-20", "2025-01-30", "2025-01-31"),
    *("2025-02-01", "2025-02-14", "2025-02-15", "2025-02-27", "2025-02-28", "2025-03-01", "2025-03-10", "2025-03-31"),
    *("2025-04-01", "9999-12-31", "5874897-12-31", "infinity"),
]
STOOD = """
SELECT account_id, currency, issuing_station_id, change, change_at_consideration, negative, certificates
FROM reporting_internal.stood($1, $2::text::date, NULL)
"""
# Of the lines alone, by the definitions of the columns.
SUMMED = """
SELECT
    account_id, currency, issuing_station_id, sum(change), sum(change_at_consideration),
    sum(entry * (least(balance, 0) - least(balance - entry * change, 0))),
    sum(entry * ((balance > 0)::integer - (balance - entry * change > 0)::integer))
FROM giftcert.journal
WHERE livemode = $1 AND posting_day <= $2::text::date
GROUP BY account_id, currency, issuing_station_id
HAVING sum(entry) > 0
"""
LATEST = "SELECT reporting_internal.latest_posting_day($1, NULL)"


def on(day: str, station: str = "toronto") -> dict[str, Any]:
    return {
        "updatedAt": {"value": f"{day}T17:00:00Z", "offset": 0},
        "shiftLocation": {"stationId": station, "timeZone": "America/Toronto", "primaryCurrencyCode": "CAD"},
        "transactionsPaid": [],
    }


def spent(balance: int, day: str, **data: Any) -> dict[str, Any]:
    return paid_with(balance, **data, **on(day))


TEST: dict[str, Any] = {"envelope": {"livemode": False}}
OLDEST, OTHER, ELSEWHERE = (dict[str, Any](_id=letter * 24) for letter in "abc")
FIRST = [
    bought(1_000_000, **OLDEST, **on("2000-01-10")),
    bought(**on("2025-01-31")),
    spent(4_000_000, "2025-02-01"),
    spent(-500_000, "2025-02-28"),
    bought(3_000_000, **OTHER, **on("2025-01-15")),
    # The only line of March, which what comes late takes back.
    spent(2_000_000, "2025-03-10", **OTHER),
    bought(9_000_000, **TEST, **on("2025-04-20")),
]
LATE = [
    spent(2_000_000, "2025-01-20", **OTHER),
    bought(700_000, **ELSEWHERE, **on("2025-02-15", "vancouver")),
    spent(8_000_000, "2025-04-01", **TEST),
]


async def kept(connections: Pool) -> None:
    async with connections.acquire() as connection:
        assert await keep_totals(connection)


async def require_agreement(connections: Pool) -> None:
    for livemode in (True, False):
        for day in DAYS:
            stood = {tuple(row) for row in await connections.fetch(STOOD, livemode, day)}
            assert stood == {tuple(row) for row in await connections.fetch(SUMMED, livemode, day)}, (livemode, day)


@pytest.mark.parametrize("keeps", [(), ("first",), ("late",), ("first", "late")])
async def test_on_every_day_stood_what_the_lines_sum_to_however_far_totals_are(
    connections: Pool, keeps: tuple[str, ...]
) -> None:
    for name, bodies in (("first", FIRST), ("late", LATE)):
        for body in bodies:
            await applied(connections, event(body))
        if name in keeps:
            await kept(connections)
        await require_agreement(connections)

    assert await connections.fetchval("SELECT count(*) FROM journal WHERE entry < 0") > 0
    (outstanding,) = await connections.fetch("SELECT outstanding::text, difference FROM reporting.liability_current")
    assert tuple(outstanding) == ("32.00000", 0)


async def test_a_month_whose_lines_were_all_taken_back_is_not_kept(connections: Pool) -> None:
    for body in FIRST:
        await applied(connections, event(body))
    months = "SELECT DISTINCT posting_month FROM month_total WHERE livemode ORDER BY 1"
    await kept(connections)
    assert [month for (month,) in await connections.fetch(months)][-1] == date(2025, 3, 1)

    for body in LATE:
        await applied(connections, event(body))
    await kept(connections)

    kept_months = [month for (month,) in await connections.fetch(months)]
    assert kept_months == [date(2000, 1, 1), date(2025, 1, 1), date(2025, 2, 1)]


async def test_the_latest_posting_day_is_of_a_line_that_stands_however_far_totals_are(connections: Pool) -> None:
    live, test = True, False
    assert await connections.fetchval(LATEST, live) is None
    for body in FIRST:
        await applied(connections, event(body))
    for _ in range(2):
        assert await connections.fetchval(LATEST, live) == date(2025, 3, 10)
        assert await connections.fetchval(LATEST, test) == date(2025, 4, 20)
        await kept(connections)

    for body in LATE:
        await applied(connections, event(body))
    for _ in range(2):
        # The month that was the newest has no line any more.
        assert await connections.fetchval(LATEST, live) == date(2025, 2, 28)
        await kept(connections)

    # Of the month that is the newest, the newest day has none any more.
    await applied(connections, event(spent(-500_000, "2025-02-20")))
    for _ in range(2):
        assert await connections.fetchval(LATEST, live) == date(2025, 2, 20)
        await kept(connections)

    # A month that nothing is kept of.
    await applied(connections, event(spent(100_000, "2025-06-01", **OTHER)))
    assert await connections.fetchval(LATEST, live) == date(2025, 6, 1)


async def test_a_wrong_month_shows_where_books_and_certificates_are_compared(connections: Pool) -> None:
    for body in FIRST:
        await applied(connections, event(body))
    await kept(connections)

    await connections.execute("UPDATE month_total SET change = change + 1 WHERE posting_month = '2025-01-01'")

    differences = await connections.fetch("SELECT difference::text FROM reporting.liability_current")
    assert [row["difference"] for row in differences] == ["-0.00001"]
