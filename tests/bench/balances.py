"""Balances: what it costs to note what changed, and how far the topic is behind what is committed.

`make bench ONLY=balances` prints both, each with its goal.

Cost: the same events applied with the note and without it, in turns, in CPU time of Postgres' session and of ours. Lag:
certificates are changed in the database at a steady rate, as workers' transactions would; a subscriber compares the
time of each change, as its record says it, with the time at which he reads it.
"""

import asyncio
import json
import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple
from unittest.mock import patch

from aiokafka import AIOKafkaConsumer

from consumer.apply.apply import apply
from consumer.apply.decode import decode
from consumer.books.booking import Booked, _write
from consumer.common.settings import Settings, load
from consumer.kafka.options import reader_options
from consumer.postgres.database import Connection, Pool, pool, statement
from deploy.local.services import Giftledger
from deploy.local.stack import Stack
from deploy.local.waiting import wait_for
from schemas.events import Event
from tests.bench import baselines
from tests.bench.apply import deployed
from tests.bench.report import Figure, at_most, median
from tests.bench.sizes import Sizes
from tests.bench.workload import Workload
from tests.databases import value

FILL = Path(__file__).with_name("balances.sql").read_text(encoding="utf-8")
BATCH = 1000
TURN_SECONDS = 0.1
LAG_SECONDS = 2.0
# Changes a second, and of how many certificates.
LOADS = ((2_000, 100_000), (10_000, 1_000))
_TICKS = os.sysconf("SC_CLK_TCK")


def measure(stack: Stack, sizes: Sizes) -> Iterator[Figure]:
    """Measure the cost, and then the lag under each load."""
    with deployed(stack) as giftledger:
        settings = load(giftledger.environment)
        noted, not_noted = asyncio.run(_cost(settings, sizes))
        yield _cost_figure(
            "Postgres' and the worker's CPU", [sum(one) for one in noted], [sum(one) for one in not_noted]
        )
        yield _cost_figure("Postgres' CPU", [one.postgres for one in noted], [one.postgres for one in not_noted])
        yield _cost_figure("the worker's CPU", [one.worker for one in noted], [one.worker for one in not_noted])
    for rate, certificates in LOADS:
        with deployed(stack) as giftledger:
            yield _lag(giftledger, rate, min(certificates, sizes.events), sizes)


class Cost(NamedTuple):
    """CPU time of an event, in µs: of Postgres' session that writes it, and of the worker, without decoding."""

    postgres: float
    worker: float


def _cost_figure(whose: str, noted: list[float], not_noted: list[float]) -> Figure:
    rounds = f"rounds: {_numbers(noted)} against {_numbers(not_noted)}"
    name = f"applying: {whose} with the note ÷ without"
    return Figure(name, "µs/event", median(noted), median(not_noted), at_most(1.1), rounds)


def _numbers(costs: list[float]) -> str:
    return ", ".join(f"{cost:.1f}" for cost in costs)


async def _cost(settings: Settings, sizes: Sizes) -> tuple[list[Cost], list[Cost]]:
    """Give the cost of an event with the note, and without it; who comes first changes from round to round."""
    events = [decode(baselines.as_record(one)) for one in Workload(min(sizes.events, 60_000), 20_000)]
    noted: list[Cost] = []
    not_noted: list[Cost] = []
    async with pool(settings, size=1) as connections:
        for number in range(sizes.rounds):
            for is_noted in (True, False) if number % 2 == 0 else (False, True):
                with nullcontext() if is_noted else patch("consumer.books.booking._write", _without_note):
                    (noted if is_noted else not_noted).append(await _applied(connections, events))
    return noted, not_noted


async def _applied(connections: Pool, events: list[Event]) -> Cost:
    await baselines.empty(connections)
    async with connections.acquire() as connection:
        postgres, worker = _cpu(connection.get_server_pid()), time.process_time()
        for start in range(0, len(events), BATCH):
            await apply(connection, events[start : start + BATCH])
        spent = _cpu(connection.get_server_pid()) - postgres, time.process_time() - worker
        return Cost(*(seconds / len(events) * 1e6 for seconds in spent))


async def _without_note(connection: Connection, booked: Sequence[Booked], *others: Any) -> None:
    """Write all but that something changed, which comes last."""
    await _write(connection, booked, *others[:-1], None)


def _cpu(pid: int) -> float:
    """Give the CPU seconds that a process has had."""
    numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / _TICKS


class Lags(NamedTuple):
    """Seconds from the booking of a change to its reading, and of all changes how many were read as records."""

    seconds: list[float]
    changes: int


def _lag(giftledger: Giftledger, rate: int, certificates: int, sizes: Sizes) -> Figure:
    settings = load(giftledger.environment)
    unpublished = asyncio.run(_fill_and_change(settings, rate, certificates, sizes.seconds * 2))
    with _published(giftledger) as pid:
        before = _cpu(pid)
        lags = asyncio.run(_change_and_read(settings, rate, certificates, sizes.seconds * 2))
        cpu = (_cpu(pid) - before) / (sizes.seconds * 2)
    late = quantiles(lags.seconds, n=100)[98]
    remark = (
        f"99th of 100; at most {max(lags.seconds):.2f} s; {len(lags.seconds):,} records of {lags.changes:,} changes "
        f"({unpublished:,} with publishing off); the publisher took {cpu:.0%} of a core"
    )
    return Figure(f"balances: lag at {rate:,}/s over {certificates:,}", "s", late, LAG_SECONDS, at_most(1), remark)


@contextmanager
def _published(giftledger: Giftledger) -> Iterator[int]:
    """Run a publisher, and wait until it has nothing to do; give its process."""
    service = giftledger.start("balances")
    service.wait_until_ready()
    url = giftledger.environment["DATABASE_URL"]
    wait_for(lambda: value(url, "SELECT count(*) FROM giftcert.balance_outbox") == 0, "an empty outbox", 60)
    assert service.process.pid
    yield service.process.pid
    service.process.terminate()


async def _fill_and_change(settings: Settings, rate: int, certificates: int, seconds: float) -> int:
    """Make the certificates, and change them while nobody publishes; give how many changes there was time for."""
    async with pool(settings) as connections:
        async with connections.acquire() as connection:
            await connection.execute(FILL)
            await connection.execute("SELECT pg_temp.fill($1)", certificates)
        return await _change(connections, rate, certificates, seconds)


async def _change_and_read(settings: Settings, rate: int, certificates: int, seconds: float) -> Lags:
    lags: list[float] = []
    topic = settings.topic("balances")
    isolation = "read_committed" if settings.kafka_enable_idempotence else "read_uncommitted"
    async with AIOKafkaConsumer(topic, **reader_options(settings), isolation_level=isolation) as consumer:
        reading = asyncio.create_task(_read(consumer, lags, since=datetime.now(UTC)))
        async with pool(settings) as connections:
            changes = await _change(connections, rate, certificates, seconds)
        await asyncio.sleep(LAG_SECONDS)  # for what is on its way
        reading.cancel()
    return Lags(lags, changes)


async def _change(connections: Pool, rate: int, certificates: int, seconds: float) -> int:
    """Change certificates at random, in transactions; fall behind where they take longer than their turn."""
    chance, changes, started = random.Random(1), 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        due = min(int(rate * elapsed) - changes, 5 * rate)
        numbers = sorted({chance.randint(1, certificates) for _ in range(due)})
        keys = [f"{number:024x}" for number in numbers]
        async with connections.acquire() as connection, connection.transaction():
            await connection.execute(
                "UPDATE certificate SET balance = balance - 1 WHERE certificate_id = ANY ($1) AND livemode", keys
            )
            await connection.execute(statement("balances/again"), keys, [True] * len(keys))
        changes += due
        await asyncio.sleep(max(0.0, TURN_SECONDS - (time.perf_counter() - started - elapsed)))
    return changes


async def _read(consumer: AIOKafkaConsumer, lags: list[float], since: datetime) -> None:
    """Note the lag of each change since then; what was published before is in the topic, too."""
    async for record in consumer:
        changed_at = datetime.fromisoformat(dict(record.headers)["ce_time"].decode())
        json.loads(record.value)
        if changed_at >= since:
            lags.append(time.time() - changed_at.timestamp())
