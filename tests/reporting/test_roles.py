"""Who may see what, by connecting as each."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import date
from urllib.parse import urlsplit

import asyncpg
import pytest

from consumer.books.totals import keep_totals
from consumer.postgres.database import Connection, Pool, statement
from deploy.local.stack import Stack
from tests.reporting.loading import load
from tests.reporting.year import a_year

ROLES = ("giftledger_owner", "giftledger_writer", "giftledger_reporting", "giftledger_closer")
PASSWORD = "a-password"
PERSONAL = ("Zoë", "Personal-Name", "zoe@personal.example")

Connect = Callable[[str], Awaitable[Connection]]


@pytest.fixture(scope="module")
def users(stack: Stack) -> Iterator[None]:
    """Make a user for each role: the roles themselves cannot log in."""
    for role in ROLES:
        stack.postgres.execute(f"CREATE ROLE {role}_user LOGIN PASSWORD '{PASSWORD}' IN ROLE {role}")
    yield
    for role in ROLES:
        stack.postgres.execute(f"DROP ROLE {role}_user")


@pytest.fixture
async def connect(stack: Stack, database_url: str, users: None) -> AsyncIterator[Connect]:  # noqa: ARG001
    """Connect to the test's database as a user to whom a role is granted."""
    database = urlsplit(database_url).path.removeprefix("/")
    async with AsyncExitStack() as ways_out:

        async def connect(role: str) -> Connection:
            url = stack.postgres.url(database, user=f"{role}_user", password=PASSWORD)
            connection: Connection = await asyncpg.connect(url)
            ways_out.push_async_callback(connection.close)
            return connection

        yield connect


async def names(connections: Pool, schemas: list[str], kinds: str) -> list[str]:
    rows = await connections.fetch(
        "SELECT format('%I.%I', relnamespace::regnamespace::text, relname) FROM pg_class"
        ' WHERE relnamespace = ANY ($1::text[]::regnamespace[]) AND relkind = ANY ($2::text::char[]::"char"[])',
        schemas,
        "{" + ",".join(kinds) + "}",
    )
    return [name for (name,) in rows]


async def test_a_reader_sees_every_report_and_nothing_personal(connections: Pool, connect: Connect) -> None:
    await load(connections, a_year(3, certificates=40))
    await connections.execute(
        "INSERT INTO reconciliation_item (looked_at, run_id, verdict, entity, livemode, entity_id, list_key)"
        " SELECT now(), 1, 'missing_here', 'certificate', mode, 'c', 'n' FROM unnest(ARRAY[true, false]) AS mode"
    )
    await connections.execute(
        "INSERT INTO close_prepared (month, prepared_by, warnings) VALUES ('2025-01-01', 'Ann', '[]')"
    )
    reader = await connect("giftledger_reporting")

    reports = await names(connections, ["reporting", "reporting_test"], "v")
    assert reports
    # Of test traffic nothing is closed.
    for report in sorted({*reports} - {"reporting_test.closes"}):
        text = "\n".join(str(dict(row)) for row in await reader.fetch(f"SELECT * FROM {report}"))  # noqa: S608
        assert text, f"{report} is empty: nothing was checked"
        assert not [word for word in PERSONAL if word in text], report
    for schema in ("reporting", "reporting_test"):
        assert await reader.fetch(f"SELECT * FROM {schema}.liability_as_of('2025-07-01')")  # noqa: S608
        assert await reader.fetch(f"SELECT * FROM {schema}.liability_on('2025-07-01')")  # noqa: S608
        assert await reader.fetch(f"SELECT * FROM {schema}.liability_rollforward('-infinity', 'infinity')")  # noqa: S608


async def test_a_reader_is_refused_every_table_and_every_part_of_a_report(connections: Pool, connect: Connect) -> None:
    reader = await connect("giftledger_reporting")

    closed = await names(connections, ["giftcert", "reporting_internal"], "rv")
    assert "giftcert.certificate" in closed
    for name in closed:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.fetch(f"SELECT * FROM {name}")  # noqa: S608
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await reader.fetch("SELECT * FROM reporting_internal.rollforward('day', true)")
    for refused in (
        "DELETE FROM reporting.certificate_current",
        "UPDATE reporting.journal SET change = 0",
        "CREATE VIEW reporting.mine AS SELECT 1",
    ):
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.ObjectNotInPrerequisiteStateError)):
            await reader.execute(refused)


async def test_a_writer_writes_the_tables_but_cannot_rewrite_history(connections: Pool, connect: Connect) -> None:
    await load(connections, a_year(3, certificates=5))
    writer = await connect("giftledger_writer")

    assert await writer.fetch("SELECT * FROM giftcert.certificate")
    await writer.execute("UPDATE giftcert.certificate SET status = 'paid'")
    for refused in (
        "UPDATE giftcert.certificate_history SET balance = 0",
        "DELETE FROM giftcert.certificate_history",
        "DELETE FROM giftcert.certificate",
        "UPDATE giftcert.journal SET change = 0",
        "DELETE FROM giftcert.journal",
        "TRUNCATE giftcert.journal",
        "TRUNCATE giftcert.other_attempt",
        "DROP TABLE giftcert.definition",
        "INSERT INTO giftcert.balance_outbox VALUES (1, now(), true, 'c')",
        "UPDATE giftcert.balance_outbox SET certificate_id = 'another'",
        "TRUNCATE giftcert.balance_outbox",
        "DELETE FROM giftcert.balance_topic",
        "DELETE FROM giftcert.balance_publisher",
        "SELECT setval('giftcert.balance_version', 1)",
        "ALTER SEQUENCE giftcert.balance_version RESTART",
        "ALTER TABLE giftcert.balance_outbox DISABLE TRIGGER USER",
        "SELECT * FROM reporting_internal.line",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await writer.execute(refused)


async def test_a_writer_notes_changes_and_takes_out_what_is_published(connect: Connect) -> None:
    writer = await connect("giftledger_writer")
    versions = []
    for _ in range(2):
        await writer.execute(statement("balances/again"), ["c"], [True])
        versions.append(await writer.fetchval("SELECT version FROM giftcert.balance_outbox"))
    assert versions[0] < versions[1]

    await writer.execute("SELECT giftcert.raise_balance_version(1000)")
    await writer.execute(statement("balances/published"), ["c"], [True], [versions[1]])
    assert await writer.fetchval("SELECT count(*) FROM giftcert.balance_outbox") == 0


async def test_a_closer_adds_closes_and_changes_nothing(connections: Pool, connect: Connect) -> None:
    await load(connections, a_year(3, certificates=5))
    closer = await connect("giftledger_closer")

    async with closer.transaction():
        prepared = await closer.fetchval(
            "INSERT INTO giftcert.close_prepared (month, prepared_by, warnings) VALUES ('2025-01-01', 'Ann', '[]')"
            " RETURNING id"
        )
        await closer.execute(statement("close/cut"), date(2025, 1, 1), None, prepared, "Ann")
    assert await closer.fetch("SELECT * FROM reporting.books_monthly")
    for refused in (
        "INSERT INTO giftcert.journal DEFAULT VALUES",
        "UPDATE giftcert.journal SET period = '2025-01-01'",
        "DELETE FROM giftcert.settled",
        "DELETE FROM giftcert.balance_outbox",
        "SELECT nextval('giftcert.balance_version')",
        "SELECT giftcert.raise_balance_version(1)",
        "UPDATE giftcert.balance_topic SET partitions = 1",
        "UPDATE giftcert.balance_publisher SET leader = 'me'",
        "UPDATE giftcert.certificate SET balance = 0",
        "SELECT * FROM giftcert.certificate_document",
        "DELETE FROM giftcert.closed_period",
        "UPDATE giftcert.closed_period SET account_id = 'a'",
        *(
            change.format(table)
            for table in ("close", "close_prepared", "close_records", "close_rollforward", "close_certificate")
            for change in ("DELETE FROM giftcert.{0}", "TRUNCATE giftcert.{0}")
        ),
        "UPDATE giftcert.close SET last_line = 0",
        "UPDATE giftcert.close_certificate SET balance = 0",
        "UPDATE giftcert.close_rollforward SET closing = 0",
        "UPDATE giftcert.close_manifest SET manifest = ''",
        "UPDATE giftcert.close_signature SET signed_by = ''",
        "DELETE FROM giftcert.close_manifest",
        "DELETE FROM giftcert.close_signature",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await closer.execute(refused)


async def test_a_writer_reads_the_reports_that_it_exports_as_metrics(connect: Connect) -> None:
    writer = await connect("giftledger_writer")

    await writer.fetch(statement("report_metrics/differences"))
    for name in ("exceptions", "coverage", "verdicts", "undelivered"):
        await writer.fetch(statement(f"report_metrics/{name}"))
    assert await keep_totals(writer)


async def test_the_owner_owns_tables_and_reports(connections: Pool, connect: Connect) -> None:
    owner = await connect("giftledger_owner")

    for name in await names(connections, ["giftcert", "reporting", "reporting_test", "reporting_internal"], "rv"):
        if name != "giftcert.schema_migration":
            await owner.fetch(f"SELECT * FROM {name}")  # noqa: S608
    await owner.execute("COMMENT ON TABLE giftcert.certificate IS 'mine'")


async def test_no_column_of_a_report_is_personal(connections: Pool) -> None:
    columns = await connections.fetch(
        "SELECT attrelid::regclass::text, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
        " WHERE relnamespace IN ('reporting'::regnamespace, 'reporting_test'::regnamespace)"
        " AND attname ~* 'first_?name|last_?name|mail|phone|address|^data$'"
    )

    assert columns == []
