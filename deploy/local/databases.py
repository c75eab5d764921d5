"""The databases of a Postgres server, for code that has an event loop and for code that has none."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import asyncpg

T = TypeVar("T")


class Databases:
    """The databases of the server at `url`; those that name none mean the one that `url` names."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)

    def url(self, database: str | None = None, *, user: str | None = None, password: str | None = None) -> str:
        """Return the URL of a database, for the superuser or for another role."""
        parts = self._url._replace(path=f"/{quote(database)}") if database else self._url
        if user is not None:
            secret = "" if password is None else f":{quote(password, safe='')}"
            address = parts.netloc.rpartition("@")[2]
            parts = parts._replace(netloc=f"{quote(user, safe='')}{secret}@{address}")
        return parts.geturl()

    def execute(self, sql: str, *, database: str | None = None) -> object:
        """Run SQL as the superuser and return its first value. Raises what asyncpg raises."""
        return _run(first_value(self.url(database), sql))

    def names(self) -> list[str]:
        names = self.execute("SELECT array_agg(datname) FROM pg_database", database="postgres")
        return names if isinstance(names, list) else []

    def create_database(self, name: str, template: str = "template0") -> str:
        """Create a database as a copy of `template`, to which nobody may be connected, and return its URL."""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"', database="postgres")
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it is there, and throw out who is connected to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', database="postgres")


async def first_value(url: str, sql: str, *, connect_seconds: float = 5) -> Any:
    """Connect once, run SQL and give its first value. Raises what asyncpg raises."""
    connection = await asyncpg.connect(url, timeout=connect_seconds)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def _run(work: Coroutine[object, object, T]) -> T:
    with ThreadPoolExecutor(max_workers=1) as thread:  # the caller's thread may have a running loop of its own
        return thread.submit(asyncio.run, work).result()
