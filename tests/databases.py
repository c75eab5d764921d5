"""What stands in a deployment's database, for tests that have no event loop of their own."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg
import msgspec

from consumer.common.settings import Secret, Settings
from consumer.postgres.database import SCHEMA, Connection, Pool
from deploy.local.stack import Stack
from tests.laboratory import comparable

T = TypeVar("T")

Row = dict[str, Any]


def rows(url: str, sql: str, *arguments: object) -> list[Row]:
    async def fetch(connection: Connection) -> list[Row]:
        return [dict(row) for row in await connection.fetch(sql, *arguments)]

    return asyncio.run(_connected(url, fetch))


def value(url: str, sql: str, *arguments: object) -> Any:
    (row,) = rows(url, sql, *arguments)
    (only,) = row.values()
    return only


@contextmanager
def user_in(stack: Stack, role: str, settings: Settings) -> Iterator[Settings]:
    """Make a user that has one role and no other right; give the settings of a process that is this user."""
    name, database = f"user_{uuid.uuid4().hex[:12]}", urlsplit(settings.database).path.removeprefix("/")
    stack.postgres.execute(f"CREATE USER {name} PASSWORD 'x' IN ROLE {role}", database="postgres")
    url = stack.postgres.url(database, user=name, password="x")
    try:
        yield msgspec.structs.replace(settings, database_url=Secret(url))
    finally:
        stack.postgres.execute(f"DROP USER {name}", database="postgres")


async def unguarded(connections: Pool, sql: str, *arguments: object) -> None:
    """Write what no trigger looks at: part of a close, say, or one of another time."""
    async with connections.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(sql, *arguments)


def ledger(url: str) -> list[Row]:
    return rows(url, "SELECT * FROM webhook_attempt ORDER BY attempt_id, livemode")


def applied_attempts(url: str) -> int:
    count: int = value(url, "SELECT count(*) FROM webhook_attempt")
    return count


def converging(url: str) -> dict[str, list[Row]]:
    """Read the tables that must not depend on order, batches, workers or crashes."""
    return asyncio.run(_connected(url, comparable))


async def _connected(url: str, work: Callable[[Connection], Awaitable[T]]) -> T:
    connection = await asyncpg.connect(url, server_settings={"search_path": SCHEMA})
    try:
        return await work(connection)
    finally:
        await connection.close()
