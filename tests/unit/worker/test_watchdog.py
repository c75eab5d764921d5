"""The watch: work, all parts in reach, and no progress end a worker; nothing else does."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from consumer.common.errors import Fatal
from consumer.worker.progress import Progress
from consumer.worker.watchdog import watch
from deploy.local.waiting import PATIENT_SECONDS

PARTITION = TopicPartition("giftcert.certificates", 0)
LIMIT = 0.2
LONG = 5 * LIMIT


class Consumer:
    """A member with 100 records before it; without partitions unless it is given them."""

    def __init__(self, *, mine: bool = True) -> None:
        self.mine = {PARTITION} if mine else set()
        self.end = 100
        self.done = 0
        self.away = False

    def assignment(self) -> set[TopicPartition]:
        return self.mine

    def subscription(self) -> set[str]:
        return {PARTITION.topic}

    def partitions_for_topic(self, _: str) -> set[int]:
        return {PARTITION.partition}

    def highwater(self, _: TopicPartition) -> int:
        return 0

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        if self.away:
            raise KafkaConnectionError
        return dict.fromkeys(partitions, self.end)

    async def committed(self, _: TopicPartition) -> int:
        return self.done

    async def position(self, _: TopicPartition) -> int:
        return self.done


class Pool:
    """Postgres, as far as the watch asks it."""

    def __init__(self) -> None:
        self.away = False

    async def fetchval(self, _: str) -> bool:
        if self.away:
            raise ConnectionRefusedError
        return True


class Scene:
    """A worker and all that the watch looks at."""

    def __init__(self, *, mine: bool = True) -> None:
        self.consumer, self.pool = Consumer(mine=mine), Pool()
        self.group = SimpleNamespace(consumer=self.consumer, progress=Progress(), joined=True)
        self.retry = SimpleNamespace(waiting_for=None, completed=0)

    async def watch(self) -> None:
        arguments: Any = (self.group, self.retry, self.pool, LIMIT)
        await watch(*arguments)


async def lives(scene: Scene) -> bool:
    try:
        async with asyncio.timeout(LONG):
            await scene.watch()
    except TimeoutError:
        return True
    return False


@pytest.mark.parametrize("mine", [True, False], ids=["with partitions", "without partitions"])
async def test_no_progress_though_there_is_work_ends_it(*, mine: bool) -> None:
    with pytest.raises(Fatal, match="No progress"):
        async with asyncio.timeout(PATIENT_SECONDS):
            await Scene(mine=mine).watch()


@pytest.mark.parametrize("mine", [True, False], ids=["with partitions", "without partitions"])
async def test_without_work_it_lives(*, mine: bool) -> None:
    scene = Scene(mine=mine)
    scene.consumer.done = scene.consumer.end

    assert await lives(scene)


async def test_while_it_knows_what_it_waits_for_it_lives() -> None:
    scene = Scene()
    scene.retry.waiting_for = "apply: ConnectionRefusedError"

    assert await lives(scene)


async def test_while_kafka_is_away_it_lives() -> None:
    scene = Scene()
    scene.consumer.away = True

    assert await lives(scene)


@pytest.mark.parametrize("mine", [True, False], ids=["with partitions", "without partitions"])
async def test_while_postgres_is_away_it_lives(*, mine: bool) -> None:
    scene = Scene(mine=mine)
    scene.pool.away = True

    assert await lives(scene)


@pytest.mark.parametrize("what", ["done", "completed"])
async def test_while_it_gets_on_it_lives(what: str) -> None:
    scene = Scene()

    async def get_on() -> None:
        while True:
            await asyncio.sleep(LIMIT / 4)
            if what == "done":
                scene.consumer.done += 1
            else:
                scene.retry.completed += 1

    working = asyncio.create_task(get_on())
    assert await lives(scene)
    working.cancel()
