"""A consumer that falls into aiokafka's traps, and a member of the group that has it."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from aiokafka import TopicPartition

from consumer.kafka.record import Record
from consumer.worker.group import Group
from tests.builders import record

FIRST, SECOND = TopicPartition("giftcert.certificates", 0), TopicPartition("giftcert.certificates", 1)


class Consumer:
    """As much of aiokafka's consumer as a group member uses. Each of its fetches is handed out by one poll."""

    def __init__(self) -> None:
        self.fetches: list[list[Record]] = []
        self.committed: list[dict[TopicPartition, int]] = []
        self.partitions = {FIRST}
        self.pauses: list[set[TopicPartition]] = []
        self.paused_now: set[TopicPartition] = set()
        self.asked: list[int] = []
        self.on_poll: Callable[[], object] = bool
        self.on_commit: Callable[[], Coroutine[Any, Any, None]] | None = None
        self.topics: Sequence[str] = ()
        self.stopped = False
        self._client = self

    async def start(self) -> None: ...

    def subscribe(self, topics: Sequence[str], *, listener: object) -> None:
        assert listener
        self.topics = topics

    async def stop(self) -> None:
        self.stopped = True

    async def close(self) -> None: ...

    async def getmany(self, *, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Record]]:
        self.asked.append(max_records)
        if isinstance(waiting := self.on_poll(), asyncio.Future):
            await waiting
        await asyncio.sleep(timeout_ms / 1000 if not self.fetches else 0)
        if not self.fetches:
            return {}
        fetch = self.fetches.pop(0)
        if rest := fetch[max_records:]:
            self.fetches.insert(0, rest)
        return {FIRST: fetch[:max_records]}

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        if self.on_commit:
            await self.on_commit()
        self.committed.append(offsets)

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    def assignment(self) -> set[TopicPartition]:
        return self.partitions

    def pause(self, *partitions: TopicPartition) -> None:
        self.pauses.append(set(partitions))
        self.paused_now = set(partitions)

    def paused(self) -> set[TopicPartition]:
        return self.paused_now

    def resume(self, *partitions: TopicPartition) -> None:
        self.paused_now -= set(partitions)


def member(*consumers: Consumer, stop: asyncio.Event | None = None) -> Group:
    return Group(iter(consumers).__next__, topics=[FIRST.topic], stop=stop or asyncio.Event(), beat=lambda: None)


def records(*offsets: int) -> list[Record]:
    return [record(b"{}", offset=offset) for offset in offsets]


def raising(error: Exception) -> Callable[[], Coroutine[Any, Any, None]]:
    async def fail() -> None:
        raise error

    return fail


def failing(error: Exception) -> Consumer:
    """Give a consumer whose every poll fails."""

    def fail() -> None:
        raise error

    consumer = Consumer()
    consumer.on_poll = fail
    return consumer
