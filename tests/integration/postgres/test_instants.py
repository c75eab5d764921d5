"""Instants: what our own code writes to Postgres is what it was given, and what asyncpg's reads is what ours does."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.postgres.database import Pool
from consumer.postgres.instants import read, written

WEST = timezone(timedelta(hours=-14))
INSTANTS = [
    datetime.min.replace(tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2000, 1, 1, tzinfo=UTC),
    datetime(2026, 11, 28, 12, 0, 0, 1, tzinfo=WEST),
    datetime.max.replace(tzinfo=UTC),
]


@given(st.datetimes(timezones=st.just(UTC)))
def test_any_instant_is_read_as_it_was_written(instant: datetime) -> None:
    assert read(written(instant)) == instant


@pytest.mark.parametrize("instant", INSTANTS, ids=str)
async def test_postgres_gets_the_instant_that_was_meant(connections: Pool, instant: datetime) -> None:
    in_utc = instant.astimezone(UTC)
    row = await connections.fetchrow(
        "SELECT $1::timestamptz AS instant, extract(year FROM $1::timestamptz AT TIME ZONE 'UTC')::integer AS year,"
        " extract(microseconds FROM $1::timestamptz AT TIME ZONE 'UTC')::bigint AS microseconds",
        instant,
    )

    assert row is not None
    assert (row["instant"], row["instant"].tzinfo) == (in_utc, UTC)
    assert (row["year"], row["microseconds"]) == (in_utc.year, in_utc.second * 1_000_000 + in_utc.microsecond)


@pytest.mark.parametrize(("end", "instant"), [("infinity", INSTANTS[-1]), ("-infinity", INSTANTS[0])])
async def test_what_no_calendar_holds_is_read_as_its_end(connections: Pool, end: str, instant: datetime) -> None:
    assert await connections.fetchval("SELECT $1::text::timestamptz", end) == instant
