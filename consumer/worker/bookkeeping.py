"""Bookkeeping: beside the stream one worker books again what is known later, keeps totals, and finds reused attempts.

Nobody waits for it.
"""

import asyncio
import time
from collections.abc import Callable

import asyncpg
import structlog

from consumer.books.marks import mark_reused_at_once
from consumer.books.rebooking import run_tasks
from consumer.books.totals import keep_totals
from consumer.common.errors import THE_WAY_THERE, Raced
from consumer.postgres.database import Pool
from schemas.fields import EPOCH

log = structlog.get_logger()

TURN_SECONDS = 1.0
# What has been booked since the totals were kept, a report of a period reads line by line.
TOTALS_SECONDS = 60.0


async def keep_books(pool: Pool, is_mine: Callable[[], bool], *, turn: float = TURN_SECONDS) -> None:
    """Do open rebooking tasks, and keep totals, while ``is_mine``; for ever. A failure is logged, and tried again."""
    totalled, looked_to = -TOTALS_SECONDS, EPOCH
    while True:
        await asyncio.sleep(turn)
        if not is_mine():
            continue
        try:
            if done := await run_tasks(pool):
                log.info("booked again", tasks=done)
            if time.monotonic() - totalled >= TOTALS_SECONDS:
                totalled = time.monotonic()
                async with pool.acquire() as connection:
                    await keep_totals(connection)
                    looked_to = await mark_reused_at_once(connection, looked_to)
        except (asyncpg.PostgresError, Raced, *THE_WAY_THERE) as error:
            log.warning("not booked again", error=type(error).__name__)
