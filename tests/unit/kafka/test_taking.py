"""What is taken of a consumer at once: bounded in records and, after decompression, in bytes."""

from typing import TYPE_CHECKING, cast

import pytest
from aiokafka import TopicPartition

from consumer.kafka import taking
from consumer.kafka.record import Record
from consumer.kafka.taking import Room, take
from tests.builders import record

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer

PARTITION = TopicPartition("giftcert.certificates", 0)
ROOM = Room(records=100, bytes=1_000_000)


class Consumer:
    """Has fetched some records, and hands out as many as one asks for."""

    def __init__(self, *sizes: int) -> None:
        self.waiting = [record(b"x" * size, offset=offset) for offset, size in enumerate(sizes)]
        self.waits: list[int] = []

    async def getmany(self, *, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Record]]:
        self.waits.append(timeout_ms)
        taken, self.waiting = self.waiting[:max_records], self.waiting[max_records:]
        return {PARTITION: taken} if taken else {}


async def taken_from(consumer: Consumer, room: Room = ROOM, seconds: float = 0.5) -> int:
    records: list[Record] = []
    await take(cast("AIOKafkaConsumer", consumer), seconds, room, records.extend)
    assert [each.offset for each in records] == list(range(len(records)))
    return len(records)


async def test_all_that_is_there_is_taken_and_only_the_first_slice_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(taking, "AT_ONCE", 10)
    consumer = Consumer(*[1] * 25)

    assert await taken_from(consumer) == 25
    assert consumer.waits == [500, 0, 0]


async def test_nothing_is_waited_for_once() -> None:
    consumer = Consumer()

    assert await taken_from(consumer) == 0
    assert consumer.waits == [500]


async def test_no_more_records_are_taken_than_there_is_room_for() -> None:
    assert await taken_from(Consumer(*[1] * 200)) == 100


async def test_large_records_are_taken_up_to_one_slice_beyond_the_bound() -> None:
    assert await taken_from(Consumer(*[250_000] * 100)) == taking.AT_ONCE


async def test_a_record_that_is_larger_than_all_room_is_taken_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "AT_ONCE", 1)

    assert await taken_from(Consumer(2_000_000, 1)) == 1


async def test_without_room_nothing_is_taken() -> None:
    assert await taken_from(Consumer(1), Room(records=10, bytes=0)) == 0
