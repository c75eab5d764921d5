"""Measure a rebuild during live traffic: `python -m tests.bench.rebuild [EVENTS]`.

Prints the differences, how long the worker waited for the swap, and the longest time between two transactions of the
worker before and during the rebuild, in the same run.
"""

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice

import asyncpg
from aiokafka import AIOKafkaProducer

from consumer.common.settings import Settings, load
from consumer.kafka.options import producer_options
from consumer.traffic import Truth, period
from deploy.local.services import giftledger
from deploy.local.stack import Stack
from schemas.registry import route
from tests.pipeline import until

# Live traffic: this many webhooks a second, in steps.
RATE, STEP_SECONDS = 500, 0.1
CALM_SECONDS = 5

GAPS = """
SELECT coalesce(max(applied_at - before), '0') AS longest, count(*) AS transactions
FROM (
    SELECT applied_at, lag(applied_at) OVER (ORDER BY applied_at) AS before
    FROM (SELECT DISTINCT applied_at FROM {schema}.webhook_attempt) AS transactions
) AS pairs
WHERE before >= $1 AND applied_at <= $2
"""


def main() -> None:
    """Run on Apache Kafka and a durable Postgres 18."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    with Stack(broker="apache") as stack, giftledger(stack) as commands:
        commands.run("migrate")
        commands.run("topics")
        commands.start("worker", LOG_LEVEL="warning").wait_until_ready()
        asyncio.run(measure(commands.environment, events))


async def measure(environment: Mapping[str, str], events: int) -> None:
    """Fill, rebuild while webhooks keep coming, and print the figures."""
    settings = load(environment)
    webhooks = _webhooks(events + 1_000_000)
    await _publish(settings, list(islice(webhooks, events)))
    await until(lambda: _quiet(settings), "the worker to catch up", 600)
    stop = asyncio.Event()
    sending = asyncio.create_task(_keep_sending(settings, webhooks, stop))
    calm = datetime.now(UTC)
    await asyncio.sleep(CALM_SECONDS)  # what is measured: the worker left in peace
    began, started = datetime.now(UTC), time.monotonic()
    output = await _rebuild(environment)
    ended = datetime.now(UTC)
    stop.set()
    sent = await sending
    await until(lambda: _quiet(settings), "the worker to catch up", 600)

    calm_gap = await _row(settings, GAPS.format(schema="giftcert_old"), calm, began)
    # The worker's own transactions are in the old tables until the swap and in the new ones after it.
    gap = await _row(settings, GAPS.format(schema="giftcert_old"), began, ended)
    print(output)  # noqa: T201
    print(f"sent meanwhile           {sent:>10,}")  # noqa: T201
    print(f"rebuild                  {time.monotonic() - started:>10.1f} s")  # noqa: T201
    print(f"longest gap before       {calm_gap['longest'].total_seconds():>10.3f} s")  # noqa: T201
    print(f"longest gap until swap   {gap['longest'].total_seconds():>10.3f} s")  # noqa: T201


async def _rebuild(environment: Mapping[str, str]) -> str:
    """Run the command, as an operator does; a process of its own leaves this one to its traffic."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "consumer", "rebuild"),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    return output.decode()


def _webhooks(count: int) -> Iterator[bytes]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for webhook in period(Truth(), seed=1, start=start, count=count, length=timedelta(days=365)):
        if webhook.expected_status == 200:
            yield webhook.body


async def _publish(settings: Settings, bodies: list[bytes]) -> None:
    producer = AIOKafkaProducer(**producer_options(settings), linger_ms=20)
    await producer.start()
    try:
        received = datetime.now(UTC).isoformat().encode()
        for body in bodies:
            routed = route(body)
            await producer.send(
                settings.topic(routed.topic), body, key=routed.key.encode(), headers=[("received-at", received)]
            )
    finally:
        await producer.stop()


async def _keep_sending(settings: Settings, webhooks: Iterator[bytes], stop: asyncio.Event) -> int:
    sent = 0
    while not stop.is_set():
        await _publish(settings, list(islice(webhooks, int(RATE * STEP_SECONDS))))
        sent += int(RATE * STEP_SECONDS)
        await asyncio.sleep(STEP_SECONDS)  # the pace of the traffic
    return sent


async def _row(settings: Settings, query: str, *arguments: object) -> asyncpg.Record:
    connection = await asyncpg.connect(settings.database)
    try:
        row = await connection.fetchrow(query, *arguments)
    finally:
        await connection.close()
    if row is None:
        raise LookupError(query)
    return row


async def _quiet(settings: Settings) -> bool:
    """Whether nothing was applied for a second."""
    query = (
        "SELECT count(*) > 0 AND max(applied_at) < now() - interval '1 second' AS quiet FROM giftcert.webhook_attempt"
    )
    quiet: bool = (await _row(settings, query))["quiet"]
    return quiet


if __name__ == "__main__":
    main()
