"""The report dictionary is complete and current, and its examples run."""

from decimal import Decimal

import pytest

from consumer.postgres.database import Pool
from tests.reporting.dictionary import README, dictionary, questions
from tests.reporting.loading import load
from tests.reporting.year import ACCOUNT_CURRENCIES, TIME_ZONE, a_year

REPORTS = {
    *(
        "books_monthly",
        "certificate_activity",
        "certificate_current",
        "closes",
        "cohort_redemption",
        "customer_holdings",
    ),
    *("data_quality_exceptions", "definition_current", "definition_performance", "dormant_certificates"),
    *("interlocation_settlement", "journal", "liability_aging", "liability_current", "liability_daily"),
    *("liability_rollforward_daily", "liability_rollforward_monthly", "pipeline_freshness"),
    *("reconciliation", "reconciliation_coverage"),
    *("rollforward_restatements", "sales_daily"),
}


async def test_the_dictionary_is_current(connections: Pool) -> None:
    async with connections.acquire() as connection:
        current = await dictionary(connection)

    assert README.read_text(encoding="utf-8") == current, "run `make dictionary`"


@pytest.mark.parametrize("schema", ["reporting", "reporting_test"])
async def test_every_report_exists_and_says_its_grain_reader_and_definition(connections: Pool, schema: str) -> None:
    rows = await connections.fetch(
        "SELECT relname, obj_description(oid, 'pg_class') FROM pg_class"
        " WHERE relnamespace = $1::text::regnamespace AND relkind = 'v'",
        schema,
    )

    assert {name for name, _ in rows} == REPORTS
    for name, meaning in rows:
        assert [line.partition(":")[0] for line in meaning.splitlines()] == ["Grain", "Reader", "Definition"], name


async def test_every_column_says_what_it_means(connections: Pool) -> None:
    silent = await connections.fetch(
        "SELECT attrelid::regclass::text, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
        " WHERE relnamespace IN ('reporting'::regnamespace, 'reporting_test'::regnamespace)"
        " AND attnum > 0 AND col_description(attrelid, attnum) IS NULL"
    )

    assert silent == []


async def test_amounts_are_numeric_beside_a_currency(connections: Pool) -> None:
    """Without a precision: a sum of amounts may have any number of digits."""
    rows = await connections.fetch(
        "SELECT attrelid::regclass::text, array_agg(attname::text)"
        " FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
        " WHERE relnamespace IN ('reporting'::regnamespace, 'reporting_test'::regnamespace) AND relkind = 'v'"
        " AND attnum > 0 GROUP BY attrelid"
        " HAVING bool_or(atttypid = 'numeric'::regtype AND attname NOT LIKE '%rate')"
        " AND NOT bool_or(attname = 'currency')"
    )
    others = await connections.fetch(
        "SELECT attrelid::regclass::text, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
        " WHERE relnamespace IN ('reporting'::regnamespace, 'reporting_test'::regnamespace) AND relkind = 'v'"
        " AND attnum > 0 AND (atttypid IN ('float8'::regtype, 'money'::regtype)"
        " OR format_type(atttypid, atttypmod) LIKE 'numeric(%')"
    )

    assert rows == []
    assert others == []


async def test_amounts_have_five_places(connections: Pool) -> None:
    await load(connections, a_year(3, certificates=40), ACCOUNT_CURRENCIES, TIME_ZONE)

    for (report,) in await connections.fetch("SELECT viewname FROM pg_views WHERE schemaname = 'reporting'"):
        for row in await connections.fetch(f"SELECT * FROM reporting.{report}"):  # noqa: S608 - names of ours
            places = {name: value.as_tuple().exponent for name, value in row.items() if isinstance(value, Decimal)}
            assert set(places.values()) <= {-5}, f"{report}: {places}"


@pytest.mark.parametrize("question", questions())
async def test_the_example_questions_have_answers(connections: Pool, question: str) -> None:
    async with connections.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL ROLE giftledger_reporting")
        await connection.execute("SET LOCAL search_path TO reporting")
        await connection.fetch(questions()[question])
