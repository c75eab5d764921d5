"""All that is kept is compared with what it is kept of: each column is damaged once, named, and mended."""

from collections.abc import Iterator

import pytest

from consumer.books.certificate import KEY
from consumer.books.lines import Line
from consumer.books.totals import keep_totals
from consumer.common.settings import Settings
from consumer.operate.verify import Verified, verify
from consumer.postgres.database import Pool
from deploy.local.stack import Stack
from schemas.certificates import DESCRIPTION
from tests.applying import applied
from tests.builders import CERTIFICATE_ID, bought, event, paid_with
from tests.databases import user_in
from tests.integration.operate.test_replay import giftledger

KEPT = (CERTIFICATE_ID, True)
STATION = {"stationId": "s", "name": "Pier", "timeZone": "Nowhere/Land", "primaryCurrencyCode": "CAD"}
# What only the newest event said, which the history does not keep: the topics alone can tell.
NOT_IN_THE_HISTORY = {*DESCRIPTION, "issuing_agency_name"}
OTHERWISE = {
    "bigint": "coalesce({0}, 0) + 1",
    "integer": "coalesce({0}, 0) + 1",
    "smallint": "-{0}",
    "numeric": "{0} + 1",
    "boolean": "NOT coalesce({0}, false)",
    "text": "coalesce({0}, '') || 'x'",
    "date": "coalesce({0}, '2026-01-01') + 1",
    "timestamp with time zone": "coalesce({0}, '2026-01-01') + interval '1 second'",
    "event_kind": "'deleted'",
    "movement": "'voided'",
}


@pytest.fixture
async def books(connections: Pool) -> Pool:
    """Keep a certificate that was sold, paid with, risen and below 0, its marks, and the totals of its lines."""
    await applied(connections, event(bought(shiftLocation=STATION)), event(paid_with(4_000_000, updated=30)))
    await applied(connections, event(paid_with(6_000_000, updated=40, shiftLocation=STATION)))
    await applied(connections, event(paid_with(-1_000_000, updated=50, shiftLocation=STATION)))
    async with connections.acquire() as connection:
        assert await keep_totals(connection)
    return connections


async def types(connections: Pool, table: str) -> dict[str, str]:
    rows = await connections.fetch(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
        " WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attname",
        f"giftcert.{table}",
    )
    return {name: OTHERWISE[type_].format(name) for name, type_ in rows if type_ in OTHERWISE}


async def found(settings: Settings) -> Verified:
    return await verify(settings, mend=False)


async def is_mended(settings: Settings) -> bool:
    await verify(settings, mend=True)
    return (await found(settings)).is_right


async def test_every_column_of_a_certificate_that_its_history_says_is_named(settings: Settings, books: Pool) -> None:
    for column, otherwise in (await types(books, "certificate")).items():
        if column in {*KEY, *NOT_IN_THE_HISTORY}:
            continue
        await books.execute(f"UPDATE certificate SET {column} = {otherwise}")  # noqa: S608 - ours
        assert (await found(settings)).differing == {KEPT: [f"certificate.{column}"]}, column
        assert await is_mended(settings), column


async def test_every_column_of_a_line_is_named(settings: Settings, books: Pool) -> None:
    otherwise = await types(books, "journal")
    for column in Line.__struct_fields__:
        await books.execute(
            f"UPDATE journal SET {column} = {otherwise[column]}"  # noqa: S608 - ours
            " WHERE id = (SELECT min(id) FROM journal WHERE movement = 'redeemed')"
        )
        assert (await found(settings)).differing == {KEPT: [f"journal.{column}"]}, column
        await books.execute("DELETE FROM journal")
        assert (await found(settings)).differing == {KEPT: ["journal"]}
        assert await is_mended(settings), column


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("journal_total", ["change", "change_at_consideration", "negative", "entries", "certificates"]),
        ("month_total", ["change", "change_at_consideration", "negative", "entries", "certificates"]),
        ("redemption_total", ["redeemed", "entries"]),
        ("station_name", ["name", "occurred_at", "event_id"]),
    ],
)
async def test_every_kept_sum_and_name_is_named(
    settings: Settings, books: Pool, table: str, columns: list[str]
) -> None:
    otherwise = await types(books, table)
    for column in columns:
        await books.execute(f"UPDATE {table} SET {column} = {otherwise[column]}")  # noqa: S608 - ours
        assert {(one.table, *one.columns) for one in (await found(settings)).totals} == {(table, column)}
        assert await is_mended(settings), column


@pytest.mark.parametrize("table", ["journal_total", "month_total", "redemption_total", "station_name"])
async def test_a_kept_row_that_is_gone_or_there_twice_is_named(settings: Settings, books: Pool, table: str) -> None:
    rows = await books.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - ours
    assert rows
    damages = [f"DELETE FROM {table}"]  # noqa: S608 - ours
    if table != "station_name":
        damages.append(f"INSERT INTO {table} SELECT * FROM {table}")  # noqa: S608 - ours
    for damage in damages:
        await books.execute(damage)
        assert [one.table for one in (await found(settings)).totals] == [table] * rows, damage
        assert await is_mended(settings), damage


async def test_lines_that_are_not_totalled_yet_are_no_difference(settings: Settings, books: Pool) -> None:
    await applied(books, event(paid_with(-2_000_000, updated=60, shiftLocation={**STATION, "name": "New"})))

    assert (await found(settings)).is_right


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM exception WHERE rule = 'balance_rose'",
        "INSERT INTO exception SELECT * FROM exception WHERE rule = 'balance_rose'",
        "UPDATE exception SET severity = 'error' WHERE rule = 'balance_rose'",
        "UPDATE exception SET account_id = 'other' WHERE rule = 'balance_rose'",
        "UPDATE exception SET expected = 'nothing' WHERE rule = 'balance_rose'",
        "UPDATE exception SET observed = 'nothing' WHERE rule = 'balance_rose'",
        "UPDATE exception SET event_id = 'nothing' WHERE rule = 'balance_rose'",
        "UPDATE exception SET occurred_at = now() WHERE rule = 'balance_rose'",
    ],
)
async def test_a_mark_that_its_history_does_not_show_is_named(settings: Settings, books: Pool, damage: str) -> None:
    await books.execute(damage)

    assert (await found(settings)).differing == {KEPT: ["exception.balance_rose"]}
    assert await is_mended(settings)
    assert await books.fetchval("SELECT count(*) FROM exception WHERE rule = 'balance_rose'") == 1


@pytest.mark.parametrize(
    ("damage", "zone"),
    [
        ("DELETE FROM exception WHERE entity = 'station'", ("s", True, "Nowhere/Land")),
        ("UPDATE exception SET observed = 'UTC' WHERE entity = 'station'", ("s", True, "UTC")),
        ("UPDATE exception SET livemode = false WHERE entity = 'station'", ("s", False, "Nowhere/Land")),
    ],
)
async def test_a_time_zone_that_is_marked_in_vain_or_is_not_is_named(
    settings: Settings, books: Pool, damage: str, zone: tuple[str, bool, str]
) -> None:
    await books.execute(damage)

    assert zone in (await found(settings)).zones
    assert await is_mended(settings)


async def test_the_command_names_certificate_and_column_and_a_kept_total(
    environment: dict[str, str], books: Pool
) -> None:
    await books.execute("UPDATE certificate SET balance = 1")
    await books.execute("UPDATE redemption_total SET redeemed = 1 WHERE grouped_by = 'cohort'")

    named = await giftledger(environment, "verify")
    mended = await giftledger(environment, "verify", "--mend")

    assert (named.exit_code, mended.exit_code) == (1, 0)
    assert f"    {CERTIFICATE_ID} (live): certificate.balance\n" in named.output
    assert "1 kept totals differ from the journal's lines.\n" in named.output
    assert "by cohort 2026-06: redemption_total.redeemed\n" in named.output
    assert "The totals are kept anew" in mended.output
    assert (await giftledger(environment, "verify")).exit_code == 0


@pytest.fixture(params=["giftledger_writer", "giftledger_closer"])
def role(request: pytest.FixtureRequest, stack: Stack, settings: Settings) -> Iterator[str]:
    with user_in(stack, request.param, settings) as user:
        yield user.database


async def test_writers_and_closers_may_compare_all_of_it(environment: dict[str, str], books: Pool, role: str) -> None:
    await books.execute("UPDATE station_name SET name = 'Quay'")

    named = await giftledger(environment | {"DATABASE_URL": role}, "verify")

    assert "s: station_name.name" in named.output
