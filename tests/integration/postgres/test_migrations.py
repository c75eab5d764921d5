"""Migrations: safe to repeat, safe to run twice at once, reversible, and exactly what sql/schema.sql says."""

import asyncio
import re
import uuid
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from consumer.common.errors import Fatal
from consumer.common.settings import load
from consumer.postgres.database import Pool
from consumer.postgres.migrate import dbmate, migrate
from deploy.local.services import Giftledger
from deploy.local.stack import Stack
from tests.applying import applied, tables
from tests.builders import bought, event
from tests.databases import value
from tests.schema import dump
from tests.services import commands, deployment

ROOT = Path(__file__).parents[3]
MIGRATIONS = sorted(file.name for file in (files("sql") / "migrations").iterdir() if file.name.endswith(".sql"))
REPORTS = "SELECT count(*) FROM pg_views WHERE schemaname IN ('reporting', 'reporting_test')"


@pytest.fixture
def empty(stack: Stack) -> Iterator[str]:
    """Make a database without any schema."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield stack.postgres.create_database(name)
    stack.postgres.drop_database(name)


@pytest.fixture
def giftledger(stack: Stack, empty: str) -> Iterator[Giftledger]:
    with commands(stack, deployment(stack, DATABASE_URL=empty)) as giftledger:
        yield giftledger


def rollback(url: str, migrations: int) -> None:
    for _ in range(migrations):
        dbmate(url, "rollback")


def test_the_migrations_give_exactly_the_schema_that_is_checked_in(empty: str) -> None:
    dbmate(empty, "migrate")

    assert dump(empty) == (ROOT / "sql" / "schema.sql").read_text(), "run `make schema` and look at what changed"


def test_the_command_applies_all_migrations_and_installs_the_reports(giftledger: Giftledger, empty: str) -> None:
    giftledger.run("migrate")

    assert value(empty, "SELECT count(*) FROM giftcert.schema_migration") == len(MIGRATIONS)
    assert value(empty, REPORTS) > 0


def test_the_command_may_be_repeated(giftledger: Giftledger, empty: str) -> None:
    giftledger.run("migrate")
    schema, reports = dump(empty), value(empty, REPORTS)

    giftledger.run("migrate")

    assert (dump(empty), value(empty, REPORTS)) == (schema, reports)


async def test_repeating_it_leaves_the_rows_alone(connections: Pool, database_url: str) -> None:
    await applied(connections, event(bought()))
    before = await tables(connections)

    await migrate(load({"DATABASE_URL": database_url}))

    assert await tables(connections) == before


def test_two_processes_may_migrate_at_once(giftledger: Giftledger, empty: str) -> None:
    both = [giftledger.start("migrate").process for _ in range(2)]

    assert [process.wait() for process in both] == [0, 0], both[0].tail()
    assert value(empty, "SELECT count(*) FROM giftcert.schema_migration") == len(MIGRATIONS)
    assert value(empty, REPORTS) > 0


@pytest.mark.parametrize("steps", range(1, len(MIGRATIONS) + 1))
def test_down_and_up_again_gives_the_same_schema(empty: str, steps: int) -> None:
    dbmate(empty, "migrate")
    before = dump(empty)

    rollback(empty, steps)
    dbmate(empty, "migrate")

    assert dump(empty) == before


def test_all_the_way_down_nothing_is_left_but_the_schema_of_the_migrations_table(database_url: str) -> None:
    rollback(database_url, len(MIGRATIONS))

    assert re.findall("^CREATE .*", dump(database_url), re.MULTILINE) == ["CREATE SCHEMA giftcert;"]


def test_after_down_and_up_the_reports_come_back(giftledger: Giftledger, empty: str) -> None:
    giftledger.run("migrate")
    reports = value(empty, REPORTS)

    rollback(empty, len(MIGRATIONS))
    giftledger.run("migrate")

    assert value(empty, REPORTS) == reports


STORED_BY_AN_EARLIER_VERSION = """
INSERT INTO giftcert.certificate_history (
    certificate_id, livemode, event_id, occurred_at, emitted_at, received_at, kind, balance, deleted
) VALUES
    ('c', true, 'first', '-infinity', '-infinity', now(), 'created', 5, false),
    ('c', true, 'second', '2026-06-01Z', '2026-06-01Z', 'infinity', 'updated', 4, false),
    ('c', true, 'third', 'infinity', '2026-06-02Z', now(), 'updated', 3, false);
INSERT INTO giftcert.certificate (
    certificate_id, livemode, event_id, occurred_at, emitted_at, created_at, kind, balance, deleted, data
) VALUES ('c', true, 'third', 'infinity', '2026-06-02Z', '-infinity', 'updated', 3, false, '{}');
INSERT INTO giftcert.definition (definition_id, livemode, deleted_at) VALUES ('d', true, '-infinity');
"""


async def test_dates_that_were_stored_as_infinities_become_finite_and_keep_their_order(empty: str) -> None:
    dbmate(empty, "migrate")
    rollback(empty, len(MIGRATIONS) - MIGRATIONS.index("0008_keep_digests.sql") - 1)
    connection = await asyncpg.connect(empty)
    try:
        await connection.execute(STORED_BY_AN_EARLIER_VERSION)

        dbmate(empty, "migrate")

        times = await connection.fetch("SELECT occurred_at, emitted_at, received_at FROM giftcert.certificate_history")
        times += await connection.fetch("SELECT occurred_at, emitted_at, created_at FROM giftcert.certificate")
        times += await connection.fetch("SELECT deleted_at FROM giftcert.definition")
        assert all(2000 <= time.year <= 2100 and time.tzinfo for row in times for time in row)
        order = "SELECT event_id FROM giftcert.certificate_history ORDER BY occurred_at"
        assert [row["event_id"] for row in await connection.fetch(order)] == ["first", "second", "third"]
    finally:
        await connection.close()


@pytest.mark.parametrize("name", MIGRATIONS)
def test_every_migration_says_how_to_go_up_and_down(name: str) -> None:
    sql = (files("sql") / "migrations" / name).read_text(encoding="utf-8")

    assert re.match(r"-- migrate:up\n.*\S.*\n-- migrate:down\n.*\S", sql, re.DOTALL)


def test_migrations_are_numbered_without_gaps() -> None:
    assert [int(name.partition("_")[0]) for name in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


def test_a_database_that_cannot_be_reached_is_said_so_without_its_password() -> None:
    with pytest.raises(Fatal, match=r"The migration failed: .*refused") as failed:
        dbmate("postgresql://giftledger:hunter2@127.0.0.1:1/giftledger", "migrate")

    assert "hunter2" not in str(failed.value)


def test_the_command_fails_with_a_message_and_no_traceback(giftledger: Giftledger) -> None:
    process = giftledger.start("migrate", DATABASE_URL="postgresql://giftledger:hunter2@127.0.0.1:1/giftledger").process

    assert process.wait() == 1

    assert "cannot be reached" in process.tail()
    assert not re.search("Traceback|hunter2", process.tail())


def test_of_several_hosts_the_one_that_answers_is_migrated(empty: str) -> None:
    url = urlsplit(empty)
    user, _, host = url.netloc.rpartition("@")
    several = url._replace(netloc=f"{user}@127.0.0.1:1,{host}").geturl()

    asyncio.run(migrate(load({"DATABASE_URL": several})))
    asyncio.run(migrate(load({"DATABASE_URL": f"{several}?target_session_attrs=read-write"})))

    assert value(empty, "SELECT count(*) FROM giftcert.schema_migration") == len(MIGRATIONS)


async def test_of_several_hosts_a_standby_is_not_taken(stack: Stack, empty: str) -> None:
    name = urlsplit(empty).path.removeprefix("/")
    stack.postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on", database="postgres")
    url = urlsplit(empty)
    user, _, host = url.netloc.rpartition("@")

    with pytest.raises(Fatal, match="is a standby, or read-only"):
        await migrate(load({"DATABASE_URL": url._replace(netloc=f"{user}@{host},{host}").geturl()}))
