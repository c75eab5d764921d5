"""Row locks: a transaction that waits for a row that somebody holds locked is given up, so that its neighbours go on.

Locks on tables, and advisory ones, are waited for: nothing could go on beside them. Which of them a session waits for
only Postgres knows; the errors of statement_timeout and lock_timeout do not tell.
"""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import asyncpg

from consumer.common.bounds import give_up
from consumer.common.errors import THE_WAY_THERE
from consumer.postgres.database import Connection, Pool, statement

T = TypeVar("T")

# A transaction that takes longer is looked at, and then again and again.
PROMPT_SECONDS = 1.0
AGAIN_SECONDS = 0.25
ANSWER_SECONDS = 1.0
# Where a row was locked a moment ago, one does not wait that long for the next one: a batch is halved many times.
QUICK_SECONDS = 0.1
MOMENT_SECONDS = 10.0
# A batch that met so many is waited for as a whole: to find one row among 2,000 takes a dozen transactions.
MOST_IN_A_BATCH = 100


class RowLocked(Exception):
    """A transaction waited for a row that another session has locked; it changed nothing."""

    def __init__(self, blockers: Sequence[int] = ()) -> None:
        super().__init__("a row is locked by another session")
        # The pids of the sessions that it waited for; none where it did not try.
        self.blockers = blockers


class RowLocks:
    """Looks at transactions that take long."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._met_at = -MOMENT_SECONDS
        self._met = 0

    def begin_batch(self) -> None:
        """Forget how many locked rows the batch before has met."""
        self._met = 0

    async def unless_locked(self, connection: Connection, transaction: Coroutine[Any, Any, T]) -> T:
        """Let a transaction work; where it waits for a row, it is rolled back, and RowLocked is raised."""
        if self._met >= MOST_IN_A_BATCH:
            return await transaction
        pid = connection.get_server_pid()
        working = asyncio.ensure_future(transaction)
        try:
            lately = time.monotonic() - self._met_at < MOMENT_SECONDS
            await asyncio.wait({working}, timeout=QUICK_SECONDS if lately else PROMPT_SECONDS)
            while not working.done():
                if blockers := await self._blockers(pid):
                    await self._give_up(working, blockers)
                else:
                    await asyncio.wait({working}, timeout=AGAIN_SECONDS)
            return working.result()
        finally:
            if not working.done():
                await give_up(working)

    async def _give_up(self, working: "asyncio.Future[T]", blockers: Sequence[int]) -> None:
        working.cancel()  # asyncpg asks the server to cancel the statement, and rolls back
        await asyncio.wait({working})
        if working.cancelled():
            self._met_at, self._met = time.monotonic(), self._met + 1
            raise RowLocked(blockers)

    async def _blockers(self, pid: int) -> Sequence[int]:
        try:
            # Whoever asks has a connection already: where there is no other one, it must not wait for its own.
            async with asyncio.timeout(ANSWER_SECONDS), self._pool.acquire() as connection:
                found: Sequence[int] | None = await connection.fetchval(statement("locks/waits_for_row"), pid)
        except (asyncpg.PostgresError, *THE_WAY_THERE):
            return ()  # the transaction will meet the same trouble, and be judged by it
        return found or ()
