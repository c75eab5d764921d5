"""Lead: of all publishers one works at a time, and another one goes on where it does not.

It is a lease in the database, so that a process that hangs gives way. It decides only who works: a leader that was
frozen may wake and believe that it still leads, and then Kafka refuses what it sends.
"""

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from consumer.common.errors import THE_WAY_THERE
from consumer.postgres.database import Pool, statement

# Longer than a transaction may take: a leader that works is not replaced.
LEASE_SECONDS = 15.0
RENEW_SECONDS = 1.0


class Superseded(Exception):
    """Another publisher has begun to lead."""


class Lead:
    """Our lead, from when it was taken until it is given up or lost."""

    def __init__(self, connections: Pool, name: str) -> None:
        self._connections = connections
        self._name = name
        self._renewed_at = time.monotonic()

    async def renew(self, published_for: float | None = None) -> None:
        """Lead on; what was committed ``published_for`` seconds ago is published, if it is given. Raises Superseded."""
        if not await self._connections.fetchval(statement("balances/renew"), self._name, LEASE_SECONDS, published_for):
            raise Superseded
        self._renewed_at = time.monotonic()

    async def go_on(self, published_for: float | None = None) -> None:
        """Renew it, if it is time to. Raises Superseded."""
        if time.monotonic() - self._renewed_at > RENEW_SECONDS:
            await self.renew(published_for)


@asynccontextmanager
async def leading(connections: Pool) -> AsyncIterator[Lead | None]:
    """Lead while the block runs; None where another one does."""
    name = uuid.uuid4().hex
    if not await connections.fetchval(statement("balances/lead"), name, LEASE_SECONDS):
        yield None
        return
    try:
        yield Lead(connections, name)
    finally:
        # Where it cannot be said, it runs out.
        with suppress(asyncpg.PostgresError, *THE_WAY_THERE):
            await connections.execute(statement("balances/resign"), name)
