"""Postgres: the pool of connections, and the statements that stand in ``sql/queries``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from importlib.resources import files
from typing import TypeAlias

import asyncpg

from consumer.common.bounds import within
from consumer.common.diagnosis import diagnose_database
from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from schemas.registry import FAMILIES

SCHEMA = "giftcert"
# The role that owns all tables and reports; whoever migrates or rebuilds is a member, and acts as it.
OWNER = "giftledger_owner"
CLOSE_SECONDS = 2.0

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"


@cache
def statement(name: str) -> str:
    """Read a statement, for example ``certificate/merge``."""
    return (files("sql") / "queries" / f"{name}.sql").read_text(encoding="utf-8")


def pool(settings: Settings, *, size: int = 6) -> Pool:
    """Make the pool, not yet connected: ``async with`` connects at once, so that a wrong setting shows at start."""
    return asyncpg.create_pool(
        settings.database,
        min_size=1,
        max_size=size,
        init=create_staging,
        # A session keeps nothing that would have to be reset, which costs a round trip a transaction.
        reset=_nothing,
        timeout=settings.database_timeout_seconds,
        command_timeout=settings.database_timeout_seconds,
        server_settings={
            "application_name": "giftledger",
            # Statements name no schema: a rebuild works with them on tables of its own.
            "search_path": SCHEMA,
            # A lock is waited for as long as a statement may take, whatever the role's own setting is.
            "lock_timeout": "0",
            "statement_timeout": str(int(settings.database_timeout_seconds * 1000)),
            # A worker that is cut off or frozen in the middle of a transaction holds locks on the very rows that the
            # next owner of its partitions must write; the server would learn of it by TCP, in two hours.
            "idle_in_transaction_session_timeout": str(int(settings.database_timeout_seconds * 1000)),
        },
    )


async def _nothing(connection: Connection) -> None:
    """Leave a connection as it is."""


@asynccontextmanager
async def session(settings: Settings) -> AsyncIterator[Connection]:
    """Connect for a look, as the worker will be connected. Raises what asyncpg raises."""
    connection = await asyncpg.connect(
        settings.database,
        timeout=settings.database_timeout_seconds,
        command_timeout=settings.database_timeout_seconds,
        server_settings={"search_path": SCHEMA},
    )
    try:
        yield connection
    finally:
        if not await within(CLOSE_SECONDS, connection.close()):
            connection.terminate()


async def connect(settings: Settings) -> Connection:
    """Connect once, for a command. Raises Fatal, naming the setting to look at, when that is to no avail."""
    try:
        return await asyncpg.connect(settings.database, server_settings={"search_path": SCHEMA})
    except Exception as error:
        if cause := diagnose_database(error):
            raise Fatal(f"Postgres at {settings.database_servers} {cause}") from None
        raise


async def connect_as_owner(settings: Settings) -> Connection:
    """Connect once, for a command that works on the tables themselves. Raises Fatal where this user may not."""
    connection = await connect(settings)
    try:
        await connection.execute(f"SET ROLE {OWNER}")
    except asyncpg.PostgresError as error:
        await connection.close()
        # An invalid parameter is a role that is not there.
        if not isinstance(error, asyncpg.InsufficientPrivilegeError | asyncpg.InvalidParameterValueError):
            raise
        raise Fatal(
            f"Postgres says: {error.args[0]}. Give a DATABASE_URL of who migrates, or GRANT {OWNER} TO this user."
        ) from None
    return connection


async def create_staging(connection: Connection) -> None:
    """Make the temporary tables that batches arrive in."""
    for family in FAMILIES:
        await connection.execute(statement(f"{family.name}/staging"))


async def empty_staging(connection: Connection) -> None:
    """Empty the staging tables before their transaction ends."""
    for family in FAMILIES:
        await connection.execute(f"TRUNCATE incoming_{family.name}")
