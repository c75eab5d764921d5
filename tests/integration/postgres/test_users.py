"""As which Postgres user one migrates: a user that may not is told what to grant, and nothing is changed."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import pytest

from consumer.common.diagnosis import explain_database
from consumer.common.errors import Fatal
from consumer.common.settings import load
from consumer.postgres.migrate import migrate
from deploy.local.postgres import ExternalPostgres, Postgres
from deploy.local.stack import Stack
from tests.databases import value

PASSWORD = "x"
SCHEMAS = "SELECT count(*) FROM pg_namespace WHERE nspname ~ '^(giftcert|reporting)'"
MIGRATIONS = "SELECT count(*) FROM giftcert.schema_migration"


@pytest.fixture(scope="module")
def roles_apart() -> Iterator[Postgres]:
    """Start a server of its own: roles belong to the whole of it, and here some are made and dropped."""
    with Stack(broker="embedded", durable=False) as own:
        if isinstance(own.postgres, ExternalPostgres):
            pytest.skip("the roles of another server are not ours to drop")
        yield own.postgres


@contextmanager
def a_database(postgres: Postgres, *, roles: bool, users: dict[str, str]) -> Iterator[dict[str, str]]:
    """Make a database, the three roles if asked to, and users with these attributes; give the users' URLs."""

    def as_superuser(sql: str) -> None:
        postgres.execute(sql, database="postgres")

    database = "of_users"
    postgres.create_database(database)
    if roles:
        for role in ("owner", "writer", "reporting", "closer"):
            as_superuser(f"CREATE ROLE giftledger_{role} NOLOGIN")
    for user, attributes in users.items():
        as_superuser(f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}' {attributes}")
    try:
        yield {user: postgres.url(database, user=user, password=PASSWORD) for user in users}
    finally:
        postgres.drop_database(database)
        # At once: each may have been granted by another.
        as_superuser(
            f"DROP ROLE IF EXISTS {', '.join(users)}, giftledger_owner, giftledger_writer, giftledger_reporting,"
            " giftledger_closer"
        )


def may_create(postgres: Postgres, *users: str) -> None:
    for user in users:
        postgres.execute(f"GRANT CREATE ON DATABASE of_users TO {user}", database="postgres")


async def test_the_user_of_the_runbook_migrates_and_so_does_its_successor(roles_apart: Postgres) -> None:
    with a_database(roles_apart, roles=False, users={"first": "CREATEROLE", "second": ""}) as urls:
        may_create(roles_apart, "first")
        await migrate(load({"DATABASE_URL": urls["first"]}))
        roles_apart.execute("GRANT giftledger_owner TO second", database="postgres")

        assert await migrate(load({"DATABASE_URL": urls["second"], "ACCOUNT_CURRENCIES": "a=CAD"})) == [
            "ACCOUNT_CURRENCIES: a: nothing → CAD"
        ]


async def test_where_the_roles_are_made_by_others_a_member_migrates_and_is_told_what_is_left(
    roles_apart: Postgres,
) -> None:
    with a_database(roles_apart, roles=True, users={"member": "IN ROLE giftledger_owner"}) as urls:
        may_create(roles_apart, "member")

        for_metrics, for_closes = await migrate(load({"DATABASE_URL": urls["member"]}))

        assert "GRANT giftledger_reporting TO giftledger_writer" in for_metrics
        assert "GRANT giftledger_reporting TO giftledger_closer" in for_closes


@pytest.mark.parametrize(
    ("roles", "attributes", "creates", "remedy"),
    [
        (False, "", True, r"Give it CREATEROLE, .* and GRANT giftledger_owner TO candidate"),
        (True, "", True, "GRANT giftledger_owner TO candidate"),
        (True, "NOINHERIT IN ROLE giftledger_owner", True, "GRANT giftledger_owner TO candidate"),
        (True, "IN ROLE giftledger_owner", False, "GRANT CREATE ON DATABASE of_users TO candidate"),
        (False, "CREATEROLE", False, "GRANT CREATE ON DATABASE of_users TO candidate"),
    ],
)
async def test_a_user_that_may_not_migrate_is_told_why_and_changes_nothing(
    roles_apart: Postgres, *, roles: bool, attributes: str, creates: bool, remedy: str
) -> None:
    with a_database(roles_apart, roles=roles, users={"candidate": attributes}) as urls:
        if creates:
            may_create(roles_apart, "candidate")

        with pytest.raises(Fatal, match=remedy):
            await migrate(load({"DATABASE_URL": urls["candidate"]}))

        assert roles_apart.execute(SCHEMAS, database="of_users") == 0
        made = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'giftledger%'"
        assert roles_apart.execute(made) == (4 if roles else 0)


async def test_tables_of_somebody_who_migrated_before_and_kept_them_are_named(roles_apart: Postgres) -> None:
    users = {"first": "CREATEROLE", "second": ""}
    with a_database(roles_apart, roles=False, users=users) as urls:
        may_create(roles_apart, "first", "second")
        await migrate(load({"DATABASE_URL": urls["first"]}))
        roles_apart.execute("GRANT giftledger_owner TO second", database="postgres")
        # As versions before 0.2 left it.
        roles_apart.execute("ALTER TABLE giftcert.schema_migration OWNER TO first", database="of_users")

        with pytest.raises(Fatal, match=r"schema_migration is owned by first, who migrated before.*Migrate as first"):
            await migrate(load({"DATABASE_URL": urls["second"]}))


async def test_a_read_only_server_is_named_as_one(roles_apart: Postgres) -> None:
    with a_database(roles_apart, roles=False, users={"first": "CREATEROLE"}) as urls:
        may_create(roles_apart, "first")
        roles_apart.execute("ALTER DATABASE of_users SET default_transaction_read_only = on", database="postgres")

        with pytest.raises(asyncpg.ReadOnlySQLTransactionError) as refused:
            await migrate(load({"DATABASE_URL": urls["first"]}))

        assert "is a standby, or read-only" in explain_database(refused.value)


def test_the_names_of_the_queries_are_right(database_url: str) -> None:
    assert value(database_url, SCHEMAS) == 6
    assert value(database_url, MIGRATIONS) > 0
