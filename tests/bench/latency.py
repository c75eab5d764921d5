"""Latency: from a POST to its row, while the ingress takes a quarter of what it can, against the least it could be.

The floor is what no durable pipeline can do without: one acknowledgement of Kafka and one commit of a single row. It
is measured between our probes, under the same traffic.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from os import environ

import asyncpg
from aiokafka import AIOKafkaProducer

from consumer.apply.decode import decode
from consumer.common.settings import Settings, load
from consumer.kafka.options import producer_options
from deploy.local.services import Giftledger
from deploy.local.stack import Stack
from tests.bench.apply import deployed
from tests.bench.baselines import as_record
from tests.bench.ingress import run_load
from tests.bench.load import connected, quantile, request
from tests.bench.report import Figure, at_most, median
from tests.bench.sizes import Sizes
from tests.bench.workload import Published, Workload
from tests.services import start_ingress, start_worker, wait_for_metric

VISIBLE_SECONDS = 30
# How long a probe waits before it looks again, and after one before the next.
LOOK_SECONDS, PAUSE_SECONDS = 0.001, 0.02
# Of other webhooks than those of the load.
SEED = 1_000

Taken = list[float]


def measure(stack: Stack, sizes: Sizes) -> Iterator[Figure]:
    """Find the sustainable rate, then probe under a quarter of it."""
    with deployed(stack) as giftledger:
        _, sender = start_ingress(giftledger)
        worker = start_worker(giftledger)
        most = run_load(giftledger.environment, sender.port, sizes.connections, seconds=sizes.seconds, seed=1).rate
        accepted = int(most * sizes.seconds * 0.9)
        wait_for_metric(worker, "giftcert_messages_processed_total", accepted)
        ours, floor = _under_load(giftledger, sender.port, most / 4, sizes)
    remark = f"{most / 4:,.0f} webhooks/s meanwhile"
    yield Figure("latency p50 ÷ floor", "ms", 1000 * median(ours), 1000 * median(floor), at_most(3), remark)
    p50, p99 = 1000 * median(ours), 1000 * quantile(ours, 0.99)
    yield Figure(
        "latency p99 ÷ p50", "ms", p99, p50, at_most(4), f"p99 of the floor: {1000 * quantile(floor, 0.99):.1f}"
    )


def _under_load(giftledger: Giftledger, port: int, rate: float, sizes: Sizes) -> tuple[Taken, Taken]:
    """Probe while another process posts; it is ended with the probes."""
    arguments = [str(argument) for argument in (port, sizes.connections, 3600, 2, rate)]
    command = [sys.executable, "-m", "tests.bench.load", *arguments]
    with subprocess.Popen(  # noqa: S603 - our own module
        command, env={**environ, **giftledger.environment}, stdout=subprocess.DEVNULL
    ) as loading:
        try:
            return asyncio.run(_probe(load(giftledger.environment), port, sizes.probes))
        finally:
            loading.kill()


async def _probe(settings: Settings, port: int, probes: int) -> tuple[Taken, Taken]:
    """Measure ours and the floor in turn."""
    client = await connected(port)
    connection = await asyncpg.connect(settings.database, server_settings={"search_path": "giftcert"})
    producer = AIOKafkaProducer(**producer_options(settings))
    await producer.start()
    (secret, *_) = settings.signing_keys.values()
    ours, floor = Taken(), Taken()
    try:
        await connection.execute("CREATE TABLE floor (id text PRIMARY KEY, balance bigint NOT NULL)")
        for number, published in enumerate(Workload(probes, probes, SEED)):
            key = decode(as_record(published)).attempt_key
            answered = asyncio.Event()
            signed = request(secret, published.value)
            started = time.perf_counter()
            client.post(signed, answered.set)
            await answered.wait()
            await _visible(connection, key, time.perf_counter() + VISIBLE_SECONDS)
            ours.append(time.perf_counter() - started)
            floor.append(await _floor(producer, settings.topic("unrouted"), connection, published, number))
            await asyncio.sleep(PAUSE_SECONDS)
    finally:
        client.transport.close()
        await producer.stop()
        await connection.close()
    return ours, floor


async def _visible(connection: asyncpg.Connection, key: bytes, deadline: float) -> None:
    while not await connection.fetchval("SELECT true FROM certificate_history WHERE attempt_key = $1", key):
        if time.perf_counter() > deadline:
            raise TimeoutError(f"not applied within {VISIBLE_SECONDS} s")
        await asyncio.sleep(LOOK_SECONDS)


async def _floor(
    producer: AIOKafkaProducer, topic: str, connection: asyncpg.Connection, published: Published, number: int
) -> float:
    """Publish a record and commit a row; give the seconds. The topic is one that no worker reads."""
    started = time.perf_counter()
    await producer.send_and_wait(topic, published.value, key=published.key, headers=published.headers)
    await connection.execute("INSERT INTO floor VALUES ($1, $2)", f"{number}", number)
    return time.perf_counter() - started
