"""Figures: what the reports say of themselves, as metrics.

One worker of the group looks, the one that holds the first partition of certificates: the reports are for the whole
database, and looking costs as much as reading them.
"""

import asyncio
from collections.abc import Callable

import asyncpg
import structlog

from consumer import metrics
from consumer.database import Connection, Pool, statement

log = structlog.get_logger()

INTERVAL_SECONDS = 900.0
# How often a worker looks whether it is the one.
TURN_SECONDS = 5.0
TIMEOUT_SECONDS = 300.0


async def watch_figures(
    pool: Pool, is_mine: Callable[[], bool], *, interval: float = INTERVAL_SECONDS, turn: float = TURN_SECONDS
) -> None:
    """Look at the reports every ``interval`` seconds while ``is_mine``; for ever. A failure is logged, not raised."""
    while True:
        if not is_mine():
            _forget()
            await asyncio.sleep(turn)
            continue
        try:
            async with pool.acquire() as connection:
                await look(connection)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            _forget()
            log.warning("figures not looked at", error=type(error).__name__)
        await _sleep(interval, is_mine, turn)


async def look(connection: Connection) -> None:
    """Read both figures in one snapshot, and set the metrics."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(f"SET LOCAL statement_timeout = '{TIMEOUT_SECONDS:.0f}s'")
        exceptions = await connection.fetch(statement("figures/exceptions"), timeout=TIMEOUT_SECONDS)
        differences = await connection.fetch(statement("figures/differences"), timeout=TIMEOUT_SECONDS)
    _forget()
    for rule, count in exceptions:
        metrics.data_quality_exceptions.labels(rule).set(count)
    for currency, difference in differences:
        metrics.rollforward_difference.labels(currency).set(difference)


async def _sleep(seconds: float, is_mine: Callable[[], bool], turn: float) -> None:
    """Sleep, but not on when it is another worker's turn."""
    while seconds > 0 and is_mine():
        await asyncio.sleep(min(seconds, turn))
        seconds -= turn


def _forget() -> None:
    metrics.data_quality_exceptions.clear()
    metrics.rollforward_difference.clear()
