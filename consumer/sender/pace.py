"""Pace: the sender is asked one thing at a time, by all our processes together, and never too soon after the last.

When it may be asked next stands in the database, so that neither a second process nor a restart asks too often.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from consumer.postgres.database import Connection, statement

log = structlog.get_logger()

# A wait that somebody before the terminal should hear of.
_WORTH_TELLING = 10.0


class Pace:
    """The turns of one process, on a connection that it uses for nothing else meanwhile. ``interval`` in seconds."""

    def __init__(self, connection: Connection, interval: float) -> None:
        self._connection = connection
        self._interval = interval

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until the sender may be asked; nobody else asks while the block runs, nor for ``interval`` after it."""
        await self._wait()
        try:
            # Before the request as well: whoever is killed in the midst of it has asked.
            await self.hold(self._interval)
            yield
        finally:
            await self.hold(self._interval)
            await self._connection.execute(statement("sender/pace_unlock"))

    async def _wait(self) -> None:
        while True:
            await self._connection.execute(statement("sender/pace_lock"))
            left = await self._connection.fetchval(statement("sender/pace_left"))
            if left <= 0:
                return
            await self._connection.execute(statement("sender/pace_unlock"))
            if left > _WORTH_TELLING:
                log.info("the sender is to be asked later", seconds=round(left))
            await asyncio.sleep(left)

    async def hold(self, seconds: float) -> None:
        """Let nobody ask for so long."""
        await self._connection.execute(statement("sender/pace_hold"), seconds)
