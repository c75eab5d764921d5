"""The reports agree, to the last unit, with an independent computation from the webhooks themselves."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from consumer.postgres.database import Pool
from tests.reporting.books import Books, Row, Setting
from tests.reporting.loading import load
from tests.reporting.year import ACCOUNT_CURRENCIES, TIME_ZONE, a_year

SCHEMAS = {True: "reporting", False: "reporting_test"}
KEYS = {
    "certificate_current": ("certificate_id",),
    "certificate_activity": ("certificate_id", "position"),
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
    "rollforward_restatements": ("month", "account_id", "currency", "figure"),
    "sales_daily": ("day", "account_id", "currency", "station_id", "agency_id"),
}
# Times at which, and knowledge with which, liability_as_of is asked.
QUESTIONS = [
    (datetime(2025, month, day, hour, tzinfo=UTC), known_after)
    for month, day, hour in ((1, 20, 0), (3, 9, 8), (3, 31, 23), (7, 1, 0), (11, 2, 7), (12, 31, 23))
    for known_after in (timedelta(0), timedelta(days=5), timedelta(days=40), None)
]


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_money_column_of_every_report_agrees_with_the_webhooks(
    connections: Pool, seed: int, say: Callable[[str], None]
) -> None:
    deliveries = a_year(seed)
    await load(connections, deliveries, ACCOUNT_CURRENCIES, TIME_ZONE)

    compared = 0
    for livemode, schema in SCHEMAS.items():
        async with connections.acquire() as connection, connection.transaction():
            now = await connection.fetchval("SELECT now()")
            books = Books(deliveries, Setting(livemode, ACCOUNT_CURRENCIES, TIME_ZONE, now))
            for view, key in KEYS.items():
                rows = [dict(row) for row in await connection.fetch(f"SELECT * FROM {schema}.{view}")]  # noqa: S608
                assert rows, f"{schema}.{view} is empty: nothing was compared"
                compared += compare(f"{schema}.{view}", key, getattr(books, view)(), rows)
            for as_of, known_after in QUESTIONS:
                known = books.as_known(as_of + known_after) if known_after is not None else books
                answers = await connection.fetch(
                    f"SELECT * FROM {schema}.liability_as_of($1, coalesce($2::timestamptz, 'infinity'))",  # noqa: S608
                    as_of,
                    None if known_after is None else as_of + known_after,
                )
                question = f"{schema}.liability_as_of({as_of}, {known_after} later)"
                compared += compare(
                    question, ("account_id", "currency"), known.liability_as_of(as_of), [dict(row) for row in answers]
                )

    say(f"reports of year {seed}: {compared:,} figures compared with the webhooks")
    assert compared > 100_000


def compare(report: str, key: tuple[str, ...], expected: list[Row], found: list[Row]) -> int:
    """Compare all rows, and in them every column that is expected and every one that is money; count the latter."""
    by_key = {tuple(row[column] for column in key): row for row in expected}
    assert len(by_key) == len(expected), f"{report}: two rows have one key"
    assert {tuple(row[column] for column in key) for row in found} == set(by_key), report
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
