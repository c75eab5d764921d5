"""Postgres: the pool of connections, and the statements that stand in ``sql/queries``."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any, TypeAlias

import asyncpg

from consumer.common.bounds import within
from consumer.common.diagnosis import Diagnosis, diagnose_database
from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from consumer.postgres.instants import write_instants_fast
from schemas.registry import FAMILIES

SCHEMA = "giftcert"
# The role that owns all tables and reports; whoever migrates or rebuilds is a member, and acts as it.
OWNER = "giftledger_owner"
CLOSE_SECONDS = 2.0
# What a worker calls itself. `migrate` looks for those of other versions, the first of which had no number.
APPLICATION = f"giftledger {version('giftledger')}"

# PgBouncer in transaction mode, and poolers like it, give each transaction whatever session is free.
SHARED = Diagnosis(
    "is reached through a pooler that gives sessions away between transactions (PgBouncer with pool_mode=transaction?)",
    "giftledger keeps temporary tables and settings in its sessions: lead DATABASE_URL to Postgres itself, or to a "
    "pool with pool_mode=session.",
)
# Statements name no schema: a rebuild works with them on tables of its own. Compiling a merge takes Postgres seconds,
# running it milliseconds; of new tables Postgres knows so little that it believes that compiling pays.
_SESSION = f"SET search_path TO {SCHEMA}; SET jit TO off"
_MARK = "SELECT current_setting('giftledger.session', true)"

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"


@cache
def statement(name: str) -> str:
    """Read a statement, for example ``certificate/write``."""
    return (files("sql") / "queries" / f"{name}.sql").read_text(encoding="utf-8")


def pool(settings: Settings, *, size: int = 6) -> Pool:
    """Make the pool, not yet connected: ``async with`` connects at once, so that a wrong setting shows at start."""
    timeout_ms = int(settings.database_timeout_seconds * 1000)

    async def begin(connection: Connection) -> None:
        await connection.execute(
            f"{_SESSION}; "
            # A lock is waited for as long as a statement may take, whatever the role's own setting is.
            f"SET lock_timeout TO 0; SET statement_timeout TO {timeout_ms}; "
            # A worker that is cut off or frozen in the middle of a transaction holds locks on the very rows that the
            # next owner of its partitions must write; the server would learn of it by TCP, in two hours.
            f"SET idle_in_transaction_session_timeout TO {timeout_ms}"
        )
        await make_row_types(connection)
        await write_instants_fast(connection)

    return asyncpg.create_pool(
        **reach(settings),
        min_size=1,
        max_size=size,
        # Not as parameters of the start: a pooler refuses those that it does not know.
        init=begin,
        # A session keeps nothing that would have to be reset, which costs a round trip a transaction.
        reset=_nothing,
        timeout=settings.database_timeout_seconds,
        command_timeout=settings.database_timeout_seconds,
    )


def reach(settings: Settings) -> dict[str, Any]:
    """Say where Postgres is. Of several hosts it is the one that takes writes, unless the URL says otherwise."""
    where: dict[str, Any] = {"dsn": settings.database, "server_settings": {"application_name": APPLICATION}}
    if "," in settings.database_servers and "target_session_attrs" not in settings.database:
        where["target_session_attrs"] = "read-write"
    return where


async def _nothing(connection: Connection) -> None:
    """Leave a connection as it is."""


@asynccontextmanager
async def session(settings: Settings) -> AsyncIterator[Connection]:
    """Connect for a look, also where the session may be another one each transaction. Raises what asyncpg raises."""
    connection = await asyncpg.connect(
        **reach(settings),
        timeout=settings.database_timeout_seconds,
        command_timeout=settings.database_timeout_seconds,
        statement_cache_size=0,
    )
    try:
        yield connection
    finally:
        await close(connection)


async def close(connected: "asyncpg.Connection[asyncpg.Record] | Pool") -> None:
    """Close a connection or a pool; one that still waits for an answer would keep it open, and is cut off."""
    if not await within(CLOSE_SECONDS, connected.close()):
        connected.terminate()


async def shared_session(connection: Connection, settings: Settings) -> Diagnosis | None:
    """Say whether a pooler gives our sessions away. Asks in transactions, in the midst of which none does."""
    async with connection.transaction():
        if await connection.fetchval("SELECT pg_backend_pid()") == connection.get_server_pid():
            return None  # nobody is between: a pooler tells its clients a number of its own
    mark = uuid.uuid4().hex
    await connection.execute(f"SET giftledger.session = '{mark}'")
    async with session(settings) as other, other.transaction():
        if await other.fetchval(_MARK) == mark:
            return SHARED
        async with connection.transaction():
            kept = await connection.fetchval(_MARK)
    return None if kept == mark else SHARED


async def connect(settings: Settings) -> Connection:
    """Connect once, for a command. Raises Fatal, naming the setting to look at, when that is to no avail."""
    try:
        async with session(settings) as look:
            shared = await shared_session(look, settings)
        connection: Connection | None = None if shared else await asyncpg.connect(**reach(settings))
    except Exception as error:
        if cause := diagnose_database(error):
            raise Fatal(f"Postgres at {settings.database_servers} {cause}") from None
        raise
    if connection is None:
        raise Fatal(f"Postgres at {settings.database_servers} {shared}")
    await connection.execute(_SESSION)
    return connection


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


async def make_row_types(connection: Connection) -> None:
    """Make the types of the rows that statements take, for as long as the session lasts."""
    for family in FAMILIES:
        await connection.execute(statement(f"{family.name}/rows"))
