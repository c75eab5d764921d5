"""Report metrics: one worker reads the reports' own checks and exports them as metrics.

It is the worker that holds the first partition of certificates: the reports are for the whole database, and the metrics
cost as much as reading them.
"""

import asyncio
import re
from collections.abc import Callable

import asyncpg
import structlog
from asyncpg import Record

from consumer.common import metrics
from consumer.common.errors import THE_WAY_THERE
from consumer.postgres.database import Connection, Pool, statement

log = structlog.get_logger()

INTERVAL_SECONDS = 900.0
# How often a worker looks whether it is the one.
TURN_SECONDS = 5.0
TIMEOUT_SECONDS = 300.0
# What is a label of its own; all others share one.
CURRENCY = re.compile("[A-Z]{3}|unspecified")
OTHER = "other"


async def watch_reports(
    pool: Pool,
    is_mine: Callable[[], bool],
    is_behind: Callable[[], bool],
    *,
    interval: float = INTERVAL_SECONDS,
    turn: float = TURN_SECONDS,
) -> None:
    """Look at the reports every ``interval`` seconds while ``is_mine``; for ever. A failure is logged, not raised.

    A backlog goes first, for one more ``interval`` at most. In the midst of it the reports show no time that ever was,
    and a look at a long history takes half of what a worker has: a core, and by its snapshot the room that an update
    of a certificate finds on its page.
    """
    while True:
        await asyncio.sleep(turn)  # a backlog shows in the first batches
        await _sleep(interval, lambda: is_mine() and is_behind(), turn)
        if not is_mine():
            _forget()
            continue
        try:
            async with pool.acquire() as connection:
                await read_reports(connection)
        except (asyncpg.PostgresError, *THE_WAY_THERE) as error:
            _forget()
            log.warning("reports not read", error=type(error).__name__)
        await _sleep(interval, is_mine, turn)


async def read_reports(connection: Connection) -> None:
    """Read exceptions and differences in one snapshot, and set the metrics."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(f"SET LOCAL statement_timeout = '{TIMEOUT_SECONDS:.0f}s'")
        # Nobody waits for it: one core, and the others are the workers'.
        await connection.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        exceptions = await connection.fetch(statement("report_metrics/exceptions"), timeout=TIMEOUT_SECONDS)
        differences = await connection.fetch(statement("report_metrics/differences"), timeout=TIMEOUT_SECONDS)
        coverage = await connection.fetch(statement("report_metrics/coverage"), timeout=TIMEOUT_SECONDS)
        verdicts = await connection.fetch(statement("report_metrics/verdicts"), timeout=TIMEOUT_SECONDS)
        undelivered = await connection.fetch(statement("report_metrics/undelivered"), timeout=TIMEOUT_SECONDS)
        open_days = await connection.fetchval(statement("report_metrics/open_period"))
    _forget()
    for rule, count in exceptions:
        metrics.data_quality_exceptions.labels(rule).set(count)
    metrics.open_period_age_days.set(float(open_days))
    for currency, difference in differences:
        # Differences are absolute: those that share a label do not cancel out.
        metrics.rollforward_difference.labels(_label(currency)).inc(float(difference))
    _show_sender(coverage, verdicts, undelivered)


def _show_sender(coverage: list[Record], verdicts: list[Record], undelivered: list[Record]) -> None:
    """Set the metrics of what the sender says; where nobody ever asked it, there is nothing to set."""
    shares: dict[str, tuple[float, float]] = {}
    for currency, confirmed, outstanding in coverage:
        label = _label(currency)
        before = shares.get(label, (0.0, 0.0))
        shares[label] = (before[0] + float(confirmed), before[1] + float(outstanding))
    for label, (confirmed, outstanding) in shares.items():
        metrics.reconciliation_coverage_ratio.labels(label).set(confirmed / outstanding)
    for verdict, count in verdicts:
        metrics.reconciliation_differences.labels(verdict).set(count)
    for webhooks, seconds in undelivered:
        metrics.sender_undelivered.set(webhooks)
        metrics.sender_undelivered_oldest.set(seconds)


def _label(currency: str) -> str:
    """Give a currency as a label: what the sender gives as one may be any text, of any length, another each time."""
    return currency if CURRENCY.fullmatch(currency) else OTHER


async def _sleep(seconds: float, while_: Callable[[], bool], turn: float) -> None:
    """Sleep for ``seconds``, but only for as long as a condition holds."""
    while seconds > 0 and while_():
        await asyncio.sleep(min(seconds, turn))
        seconds -= turn


def _forget() -> None:
    metrics.data_quality_exceptions.clear()
    metrics.rollforward_difference.clear()
    metrics.reconciliation_coverage_ratio.clear()
    metrics.reconciliation_differences.clear()
    metrics.sender_undelivered.set(0)
    metrics.sender_undelivered_oldest.set(0)
    metrics.open_period_age_days.set(0)
