"""What stands in a deployment's database, for tests that have no event loop of their own."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncpg

from consumer.postgres.database import SCHEMA, Connection
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
