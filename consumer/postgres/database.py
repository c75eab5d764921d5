"""Postgres: the pool of connections, and the statements that stand in ``sql/queries``."""

from functools import cache
from importlib.resources import files
from typing import TypeAlias

import asyncpg

from consumer.common.diagnosis import diagnose_database
from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from schemas.registry import FAMILIES

SCHEMA = "giftcert"

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


async def connect(settings: Settings) -> Connection:
    """Connect once, for a command. Raises Fatal, naming the setting to look at, when that is to no avail."""
    try:
        return await asyncpg.connect(settings.database, server_settings={"search_path": SCHEMA})
    except Exception as error:
        if cause := diagnose_database(error):
            raise Fatal(f"Postgres {cause}") from None
        raise


async def create_staging(connection: Connection) -> None:
    """Make the temporary tables that batches arrive in."""
    for family in FAMILIES:
        await connection.execute(statement(f"{family.name}/staging"))


async def empty_staging(connection: Connection) -> None:
    """Empty the staging tables before their transaction ends."""
    for family in FAMILIES:
        await connection.execute(f"TRUNCATE incoming_{family.name}")


async def publish_settings(pool: Pool, settings: Settings) -> None:
    """Tell the reports what they need to know of this environment."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(statement("settings/time_zone"), settings.reporting_time_zone)
        currencies = settings.account_currencies
        await connection.execute(
            statement("settings/account_currencies"), list(currencies.keys()), list(currencies.values())
        )
