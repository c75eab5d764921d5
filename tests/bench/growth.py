"""Growth: whether a worker goes on as it began, when the tables are large, the backlog is long, or it is not alone."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from consumer.common.settings import load
from consumer.postgres.database import Connection, pool
from deploy.local.services import Giftledger
from deploy.local.stack import Stack
from schemas.registry import read
from tests.bench.apply import deployed, empty
from tests.bench.drain import drain
from tests.bench.report import Figure, at_least, at_most, median
from tests.bench.sizes import Sizes
from tests.bench.workload import Workload, fill

TABLES = "certificate, certificate_document, certificate_history, journal"
FILL = Path(__file__).with_name("growth.sql").read_text(encoding="utf-8")


def tables(stack: Stack, sizes: Sizes) -> Iterator[Figure]:
    """Drain the same topics into empty tables and into full ones, in turn; each topic has events of its own.

    The first drain into the full tables stands beside the figure and not in it: they were filled and checkpointed a
    moment ago, so it reads every page of an index for the first time, and logs it whole. A database that grew to this
    size under a worker has done so long since.
    """
    with ExitStack() as deployments:
        full = deployments.enter_context(deployed(stack))
        asyncio.run(_grow(full, sizes))
        url = full.environment["DATABASE_URL"]
        rates: tuple[list[float], list[float]] = ([], [])
        for seed in range(1 + sizes.rounds):
            topics = deployments.enter_context(deployed(stack))
            _fill(topics, sizes.growth_events, seed)
            for kept, database in zip(rates, (url, topics.environment["DATABASE_URL"]), strict=True):
                drained = Giftledger(stack, {**topics.environment, "DATABASE_URL": database})
                kept.append(drain(drained, sizes.growth_events).rate)
    (first, *ours), (_, *baseline) = rates
    name = f"apply at {sizes.ledger:,} ledger rows ÷ empty"
    remark = f"the first drain after the fill: {first:,.0f}"
    yield Figure(name, "events/s", median(ours), median(baseline), at_least(0.95), remark=remark)


def backlog(stack: Stack, sizes: Sizes) -> Iterator[Figure]:
    """Drain a short and a long topic, and the long one once more with two workers."""
    with deployed(stack) as small, deployed(stack) as large:
        _fill(small, sizes.small_backlog)
        _fill(large, sizes.large_backlog)
        short = drain(small, sizes.small_backlog)
        alone = drain(large, sizes.large_backlog)
        name = f"memory, backlog {sizes.large_backlog:,} ÷ {sizes.small_backlog:,}"
        yield Figure(name, "MB", alone.memory / 1e6, short.memory / 1e6, at_most(1.2))
        asyncio.run(empty(load(large.environment)))
        together = drain(large, sizes.large_backlog, workers=2)
    yield Figure("two workers ÷ one", "events/s", together.rate, alone.rate, at_least(1.4), together.busy)


def _fill(giftledger: Giftledger, events: int, seed: int = 1) -> None:
    settings = load(giftledger.environment)
    asyncio.run(fill(settings, settings.topic("certificates"), Workload(events, events // 4, seed)))


async def _grow(giftledger: Giftledger, sizes: Sizes) -> None:
    """Fill the tables in SQL, with rows as wide as real ones, and vacuum and freeze them, as years would have."""
    (example,) = islice(Workload(1, 1), 1)
    data = read(example.value).data
    async with pool(load(giftledger.environment)) as connections, connections.acquire() as connection:
        await _without_limits(connection)
        await connection.execute(FILL)
        await connection.execute(
            "SELECT pg_temp.fill($1, $2, $3)", sizes.certificates, sizes.ledger, data, timeout=1200
        )
        # Counted later than they are vacuumed, the rows would call for autovacuum, in the midst of a drain.
        await connection.execute("SELECT pg_stat_force_next_flush()")
        await connection.execute(f"VACUUM (FREEZE, ANALYZE) {TABLES}", timeout=1200)
        await connection.execute("CHECKPOINT", timeout=300)


async def _without_limits(connection: Connection) -> None:
    await connection.execute("SET statement_timeout = 0")
    await connection.execute("SET maintenance_work_mem = '512MB'")
