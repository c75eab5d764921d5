"""Watchdog: it ends a worker that makes no progress although it has work and Kafka and Postgres answer.

The supervisor then starts it again. There are two: the heartbeat ends a process whose poll loop stands still, for
whatever reason, a blocked event loop included; the watch finds a fetcher or a member of aiokafka that hangs without an
error.
"""

import asyncio
import faulthandler
import os
import sys
import threading
from collections.abc import Mapping
from typing import NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError

from consumer.common import metrics
from consumer.common.errors import Fatal
from consumer.postgres.database import Pool
from consumer.worker.group import Group
from consumer.worker.retry import Retry

log = structlog.get_logger()

EXIT_CODE = 70
LOOKS = 12  # in the time after which it ends
ANSWER_SECONDS = 5.0

Offsets = Mapping[TopicPartition, int]


class Heartbeat:
    """The poll loop beats at every poll. After ``limit`` seconds without one it ends the process and says where."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._missed = 0.0
        self._tick = min(1.0, limit / 10)
        self._ended = threading.Event()

    def beat(self) -> None:
        """Note that the loop polls."""
        self._missed = 0.0

    def reasons(self) -> list[str]:
        """Say why the process is not alive; before it ends itself there is time for a liveness probe to see it."""
        return [f"no poll for {self._missed:.0f} s"] if self._missed > self._limit / 2 else []

    def start(self) -> None:
        """Begin to watch, in a thread: an event loop that is blocked watches nothing."""
        threading.Thread(target=self._watch, name="heartbeat", daemon=True).start()

    def stop(self) -> None:
        """Cease to watch."""
        self._ended.set()

    def _watch(self) -> None:
        # Seconds are counted, not read from a clock: a process that was frozen has the whole time again.
        while not self._ended.wait(self._tick):
            self._missed += self._tick
            if self._missed > self._limit:
                sys.stdout.flush()
                sys.stderr.write(f"The worker did not poll for {self._missed:.0f} s. It stands here:\n")
                faulthandler.dump_traceback(sys.stderr)
                os._exit(EXIT_CODE)


class Look(NamedTuple):
    """Where the topics end, how far this worker (its group, if it has no partitions) has come, and by what steps."""

    ends: Offsets
    progress: Offsets
    completed: int

    @property
    def behind(self) -> Offsets:
        """Records to be done."""
        return {
            partition: max(0, self.ends.get(partition, offset) - offset) for partition, offset in self.progress.items()
        }


async def watch(group: Group, retry: Retry, pool: Pool, limit: float) -> None:
    """Look now and then. Raises Fatal after ``limit`` seconds with work, all parts in reach, and no progress."""
    interval = min(5.0, limit / LOOKS)
    before, still = None, 0.0
    while True:
        await asyncio.sleep(interval)
        now = await _look(group, retry)
        if now is not None and group.consumer.assignment():
            for partition, count in now.behind.items():
                waiting = count + group.progress.deferred(partition)
                metrics.consumer_lag.labels(partition.topic, partition.partition).set(waiting)
        excused = now is None or retry.waiting_for is not None or not any(now.behind.values())
        if excused or before is None or now is None or now[1:] != before[1:]:
            still = 0.0
        elif await _answers(pool):
            # Looks are counted, not read from a clock: a process that was frozen gets the whole time again.
            still += interval
        before = now
        if still > limit:
            raise Fatal(
                f"No progress for {still:.0f} s with {sum(now.behind.values()) if now else 0} records waiting, though "
                "Kafka and Postgres answer. The process ends so that its supervisor starts it again."
            )


async def _look(group: Group, retry: Retry) -> Look | None:
    """Ask Kafka; None when it does not answer, or when this worker is no member."""
    consumer = group.consumer
    if not group.joined:
        return None
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            mine = consumer.assignment()
            # Some brokers tell too low an end; the highwater of a fetch may be old. Neither is ever too high.
            ends = await consumer.end_offsets(mine or _all_partitions(consumer))
            ends = {partition: max(end, _highwater(consumer, partition)) for partition, end in ends.items()}
            if mine:
                progress = {partition: await _position(group, partition) for partition in mine}
            else:
                progress = {partition: await _committed(consumer, partition, end) for partition, end in ends.items()}
    except (KafkaError, ConsumerStoppedError, OSError, TimeoutError):
        return None
    return Look(ends, progress, retry.completed)


def _all_partitions(consumer: AIOKafkaConsumer) -> list[TopicPartition]:
    return [
        TopicPartition(topic, number)
        for topic in consumer.subscription()
        for number in consumer.partitions_for_topic(topic) or ()
    ]


def _highwater(consumer: AIOKafkaConsumer, partition: TopicPartition) -> int:
    return (consumer.highwater(partition) or 0) if partition in consumer.assignment() else 0


async def _committed(consumer: AIOKafkaConsumer, partition: TopicPartition, otherwise: int) -> int:
    offset: int | None = await consumer.committed(partition)
    return otherwise if offset is None else offset


async def _position(group: Group, partition: TopicPartition) -> int:
    """Give the next offset to be done, else to be fetched, else (a position that never comes is no progress) 0."""
    if partition in group.progress.offsets:
        return group.progress.offsets[partition]
    try:
        async with asyncio.timeout(ANSWER_SECONDS / 10):
            position: int = await group.consumer.position(partition)
            return position
    except TimeoutError:
        return 0


async def _answers(pool: Pool) -> bool:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return bool(await pool.fetchval("SELECT true"))
    except Exception:  # noqa: BLE001 - whatever it is, applying will meet it too, and judge it
        return False
