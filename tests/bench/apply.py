"""Apply: how fast the worker drains a topic, against the least that could be done with the same events."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from uuid import uuid4

from consumer.common.settings import Settings, load
from consumer.postgres.database import pool
from deploy.local.services import Giftledger
from deploy.local.stack import Stack
from tests.bench import baselines
from tests.bench.drain import drain
from tests.bench.report import Figure, at_least, median
from tests.bench.sizes import Sizes
from tests.bench.workload import Workload, fill
from tests.databases import value
from tests.services import commands, create_its_topics, deployment, migrate_its_database

DECODED = 20_000


def measure(stack: Stack, sizes: Sizes) -> Iterator[Figure]:
    """Measure all four in every round."""
    workload = Workload(sizes.events, sizes.events // 4)
    with deployed(stack) as giftledger:
        settings = load(giftledger.environment)
        topic = settings.topic("certificates")
        asyncio.run(fill(settings, topic, workload))
        batches = list(baselines.batches(workload, settings.batch_max_records))
        records = [baselines.as_record(published) for published in islice(workload, DECODED)]
        worker, copy, read, decode = [], [], [], []
        for _ in range(sizes.rounds):
            asyncio.run(empty(settings))
            worker.append(drain(giftledger, sizes.events).rate)
            _compare(settings, batches)
            copy.append(sizes.events / asyncio.run(baselines.copied(settings, batches)))
            read.append(sizes.events / asyncio.run(baselines.read(settings, topic, sizes.events)))
            decode.append(len(records) / baselines.decoded(records))
            sys.stderr.write(
                f"worker {worker[-1]:,.0f}, COPY {copy[-1]:,.0f}, read {read[-1]:,.0f}, decode {decode[-1]:,.0f}\n"
            )
    baselines_of = {"COPY of the same rows": copy, "reading the topic with aiokafka": read, "decoding alone": decode}
    for name, baseline in baselines_of.items():
        goal = at_least(0.65) if baseline is copy else None
        yield Figure(f"apply ÷ {name}", "events/s", median(worker), median(baseline), goal)


def _compare(settings: Settings, batches: Sequence[baselines.Batch]) -> None:
    """Make sure that worker and COPY write the same: as many events. Raises AssertionError."""
    written = value(settings.database, "SELECT count(*) FROM certificate_history")
    assert written == sum(len(batch.certificate_history) for batch in batches), f"{written} rows of history"


@contextmanager
def deployed(stack: Stack) -> Iterator[Giftledger]:
    """Give a deployment of its own, migrated and with topics, for as long as the block runs."""
    database = f"bench_{uuid4().hex[:12]}"
    url = stack.postgres.create_database(database)
    environment = deployment(stack, DATABASE_URL=url, TOPIC_PARTITIONS="6", KAFKA_SESSION_TIMEOUT_MS="10000")
    try:
        with commands(stack, environment) as giftledger:
            migrate_its_database(giftledger)
            create_its_topics(giftledger)
            yield giftledger
    finally:
        stack.postgres.drop_database(database)


async def empty(settings: Settings) -> None:
    async with pool(settings) as connections:
        await baselines.empty(connections)
