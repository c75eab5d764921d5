"""The reports agree, to the last unit, with an independent computation from the webhooks themselves.

A year is applied as it came, slice after slice, and each slice is booked at its own time: what the books said then
can be asked for, and compared with what had arrived by then.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from consumer.books.totals import keep_totals
from consumer.postgres.database import Connection, Pool
from tests.databases import unguarded
from tests.reporting.books import Books, History, Row, Setting
from tests.reporting.loading import by_arrival, load, load_as_it_came
from tests.reporting.year import ACCOUNT_CURRENCIES, ACCOUNTS, TIME_ZONE, a_year

SCHEMAS = {True: "reporting", False: "reporting_test"}
KEYS = {
    "certificate_current": ("certificate_id",),
    "cohort_redemption": ("cohort_month", "account_id", "currency", "month"),
    "customer_holdings": ("customer_number", "account_id", "currency"),
    "definition_current": ("definition_id",),
    "definition_performance": ("account_id", "definition_id", "currency"),
    "dormant_certificates": ("certificate_id",),
    "interlocation_settlement": (
        *("month", "account_id", "currency", "issuing_station_id"),
        *("redeeming_station_id", "is_purchase_known"),
    ),
    "liability_aging": ("account_id", "currency", "age"),
    "liability_current": ("account_id", "currency"),
    "liability_daily": ("day", "account_id", "currency"),
    "liability_rollforward_daily": ("day", "account_id", "currency", "issuing_station_id"),
    "liability_rollforward_monthly": ("month", "account_id", "currency", "issuing_station_id"),
    "sales_daily": ("day", "account_id", "currency", "station_id", "agency_id", "definition_id"),
}
# Where lines stand that were taken back: what sums to nothing is left out.
NETTED = {
    "certificate_activity": ("certificate_id", "position", "movement"),
    "journal": ("certificate_id", "event_id", "movement"),
}
OF_ITS_OWN = {"line", "booked_at", "caused_by", "period", "entry"}
BOOK, STATION_BOOK = ("account_id", "currency"), ("account_id", "currency", "issuing_station_id")
EVERY = timedelta(days=9)
# Times and days of which is asked, and how much later the knowledge is that the answer rests on.
TIMES = [
    datetime(2025, month, day, hour, tzinfo=UTC)
    for month, day, hour in ((1, 20, 0), (3, 9, 8), (4, 1, 0), (7, 1, 0), (11, 2, 7), (12, 1, 5))
]
DAYS = [
    (date(2025, 2, 1), date(2025, 2, 28)),
    (date(2025, 6, 10), date(2025, 9, 3)),
    (date(2025, 11, 2), date(2025, 11, 2)),
]
LATER = [timedelta(days=12), timedelta(days=40), None]


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_money_column_of_every_report_agrees_with_the_webhooks(
    connections: Pool, seed: int, say: Callable[[str], None]
) -> None:
    deliveries = a_year(seed)
    await load(connections, [], ACCOUNT_CURRENCIES, TIME_ZONE)
    histories = {livemode: History(Setting(livemode, ACCOUNT_CURRENCIES, TIME_ZONE, {})) for livemode in SCHEMAS}
    arrived, closed = [], dict[str | None, date]()
    async for booked_at, slice_ in load_as_it_came(connections, by_arrival(deliveries, EVERY)):
        arrived += slice_
        for history in histories.values():
            history.book(booked_at, Books(arrived, history.setting), closed)
        await close(connections, closed, booked_at)
        if booked_at.month % 3 == 0:  # the last slices stay without totals
            async with connections.acquire() as connection:
                assert await keep_totals(connection)

    compared = 0
    async with connections.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        await connection.execute("SET LOCAL timezone = 'Asia/Tokyo'")  # the reader's own clock decides nothing
        for livemode, schema in SCHEMAS.items():
            compared += await compare_views(connection, schema, histories[livemode])
            compared += await compare_questions(connection, schema, histories[livemode])
    say(f"reports of year {seed}: {compared:,} figures compared with the webhooks")
    assert compared > 100_000


async def close(connections: Pool, closed: dict[str | None, date], now: datetime) -> None:
    """Close the month before the last for one of the accounts, and for those certificates that name none."""
    month = (now.date().replace(day=1) - timedelta(days=32)).replace(day=1)
    for account in (ACCOUNTS[0], None):
        closed[account] = month
    await connections.execute("DELETE FROM closed_period")
    for account, last in closed.items():
        await unguarded(connections, "INSERT INTO closed_period VALUES ($1, $2)", account, last)


async def compare_views(connection: Connection, schema: str, history: History) -> int:
    today = {row["name"]: row["today"] for row in await connection.fetch("SELECT * FROM reporting_internal.clock")}
    books = Books(history.states[-1][1].deliveries, replace(history.setting, today=today))
    compared = 0
    for view, key in KEYS.items():
        compared += compare(f"{schema}.{view}", key, getattr(books, view)(), await rows_of(connection, schema, view))
    for view, key in NETTED.items():
        found = netted(await rows_of(connection, schema, view))
        expected = getattr(books, view)()
        if view == "certificate_activity":
            # An event whose lines were all taken back has no other row.
            seen = {(row["certificate_id"], row["event_id"]) for row in found}
            expected = [
                row
                for row in expected
                if row["movement"] != "unchanged" or (row["certificate_id"], row["event_id"]) in seen
            ]
        compared += compare(f"{schema}.{view}", key, expected, found)
    for view, key in (
        ("books_monthly", ("month", *STATION_BOOK)),
        ("rollforward_restatements", ("month", *BOOK, "figure")),
    ):
        compared += compare(f"{schema}.{view}", key, getattr(history, view)(), await rows_of(connection, schema, view))
    return compared


async def compare_questions(connection: Connection, schema: str, history: History) -> int:
    """Ask for instants, days and periods, as known now and as known then."""
    compared = 0
    for later in LATER:
        questions: list[tuple[str, tuple[str, ...], str, tuple[Any, ...]]] = [
            *(("liability_as_of", BOOK, "$1", (moment,)) for moment in TIMES),
            *(("liability_on", BOOK, "$1", (last,)) for _, last in DAYS),
            *(("liability_rollforward", STATION_BOOK, "$1, $2", days) for days in DAYS),
        ]
        for function, key, arguments, asked in questions:
            last = asked[-1] if isinstance(asked[-1], datetime) else midnight(asked[-1])
            known_at = last + later if later else None
            books = history.known_at(known_at or history.states[-1][0])
            sql = f"SELECT * FROM {schema}.{function}({arguments}, ${len(asked) + 1})"  # noqa: S608 - names of ours
            if is_beyond(books, asked) and function != "liability_rollforward":
                with pytest.raises(asyncpg.InvalidParameterValueError):
                    async with connection.transaction():
                        await connection.fetch(sql, *asked, known_at)
                continue
            found = [dict(row) for row in await connection.fetch(sql, *asked, known_at)]
            question = f"{schema}.{function}{asked}, known at {known_at}"
            compared += compare(question, key, getattr(books, function)(*asked), found)
    return compared


def is_beyond(books: Books, asked: tuple[Any, ...]) -> bool:
    """Tell whether the books end before; the latest day ends last on a clock that is twelve hours behind."""
    if isinstance(asked[-1], datetime):
        ended = midnight(books.latest) + timedelta(days=1, hours=12)
        return asked[-1] > ended
    return bool(asked[-1] > books.latest)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


async def rows_of(connection: Connection, schema: str, view: str) -> list[Row]:
    rows = [dict(row) for row in await connection.fetch(f"SELECT * FROM {schema}.{view}")]  # noqa: S608 - names of ours
    assert rows, f"{schema}.{view} is empty: nothing was compared"
    return rows


def netted(rows: list[Row]) -> list[Row]:
    """Leave out lines that were taken back, with those that take them back."""
    counts: Counter[tuple[Any, ...]] = Counter()
    names = [name for name in rows[0] if name not in OF_ITS_OWN]
    for row in rows:
        entry = row["entry"] or 1
        signed = {name: row[name] * entry if name.startswith("change") else row[name] for name in names}
        counts[tuple(signed.values())] += entry
    assert set(counts.values()) <= {0, 1}, "a line stands twice, or was taken back more often than it was booked"
    return [dict(zip(names, values, strict=True)) for values, count in counts.items() if count]


def compare(report: str, key: tuple[str, ...], expected: list[Row], found: list[Row]) -> int:
    """Compare all rows, and in them every column that is expected and every one that is money; count the latter."""
    by_key = {tuple(row[column] for column in key): row for row in expected}
    assert len(by_key) == len(expected), f"{report}: two rows have one key"
    keys = {tuple(row[column] for column in key) for row in found}
    assert keys == set(by_key), f"{report}: too many {keys - set(by_key)}, missing {set(by_key) - keys}"
    assert len(found) == len(expected), f"{report}: two rows have one key"
    compared = 0
    for row in found:
        wanted = by_key[tuple(row[column] for column in key)]
        amounts = {column for column, value in row.items() if isinstance(value, Decimal)}
        assert amounts <= wanted.keys(), f"{report}: nobody checks {amounts - wanted.keys()}"
        differences = {column: (row[column], value) for column, value in wanted.items() if row[column] != value}
        assert not differences, f"{report} {[row[column] for column in key]} (found, expected): {differences}"
        compared += len(amounts)
    return compared
