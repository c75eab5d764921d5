"""The way to Kafka: a producer that is beyond repair is replaced, without a restart."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from consumer.common.errors import Unavailable
from consumer.common.settings import Settings
from consumer.kafka.batcher import acknowledged
from consumer.kafka.options import producer_options
from consumer.kafka.publisher import Publisher
from consumer.kafka.topics import create_topics
from tests.pipeline import until
from tests.records import read_until

TOO_LARGE = 2 * 1024 * 1024  # for the broker, but not for the producer


@pytest.fixture
async def publisher(settings: Settings) -> AsyncIterator[Publisher]:
    await create_topics(settings)
    publisher = Publisher(settings)
    await publisher.start()
    await until(lambda: _true(publisher.ready), "readiness")
    yield publisher
    await publisher.stop()


async def _true(value: object) -> bool:
    return bool(value)


async def send(publisher: Publisher, settings: Settings, value: bytes) -> bool:
    try:
        await acknowledged(publisher.send(settings.topic("certificates"), key=b"k", value=value, headers=[]), 5)
    except Unavailable:
        return False
    return True


async def test_a_record_that_is_too_large_for_its_topic_costs_the_later_ones_nothing(
    publisher: Publisher, settings: Settings
) -> None:
    assert await send(publisher, settings, b"before")

    refused = not await send(publisher, settings, random.Random(1).randbytes(TOO_LARGE))

    if not refused:
        pytest.skip("this broker takes records of any size")
    for _ in range(10):
        assert await send(publisher, settings, b"after")


async def test_a_hole_in_the_sequence_numbers_costs_the_later_records_only_a_moment(
    publisher: Publisher, settings: Settings
) -> None:
    if not settings.kafka_enable_idempotence:
        pytest.skip("this broker counts no records")
    assert await send(publisher, settings, b"before")
    assert publisher._producer  # noqa: SLF001 - nothing else makes a hole to order
    transactions = publisher._producer._producer._txn_manager  # noqa: SLF001
    for partition in range(settings.topic_partitions):
        transactions.increment_sequence_number(TopicPartition(settings.topic("certificates"), partition), 5)

    assert not await send(publisher, settings, b"behind the hole")

    await until(lambda: send(publisher, settings, b"after"), "a record to be taken")
    for _ in range(10):
        assert await send(publisher, settings, b"and for good")


async def test_records_that_nobody_takes_make_the_process_unready_and_then_the_producer_the_past(
    publisher: Publisher, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not settings.kafka_enable_idempotence:
        pytest.skip("the embedded broker creates a topic that does not exist, and takes the record")
    monkeypatch.setattr("consumer.kafka.publisher.OVERDUE_SECONDS", 0.5)
    monkeypatch.setattr("consumer.kafka.publisher.REPLACE_SECONDS", 2.0)
    monkeypatch.setattr("consumer.kafka.publisher.FLUSH_SECONDS", 0.5)
    sending = publisher.send(f"{settings.topic_prefix}.no-such-topic", key=b"k", value=b"", headers=[])

    await until(lambda: _true(not publisher.ready), "unreadiness")
    await until(lambda: _true(sending.outcome.done()), "the end of the sending")
    await until(lambda: _true(publisher.ready), "readiness")
    assert await send(publisher, settings, b"after")


async def test_the_records_of_a_key_are_on_the_partition_where_every_other_client_puts_them(
    publisher: Publisher, settings: Settings
) -> None:
    topic, keys = settings.topic("certificates"), [f"{number:024x}".encode() for number in range(20)]
    for key in keys:
        await acknowledged(publisher.send(topic, key=key, value=b"ours", headers=[]), 5)
    async with AIOKafkaProducer(**producer_options(settings)) as other:
        theirs = {key: (await other.send_and_wait(topic, b"theirs", key=key)).partition for key in keys}

    records = await asyncio.to_thread(
        read_until, settings, ["certificates"], lambda records: len(records) == 2 * len(keys), "every record"
    )
    ours = {record.key: record.partition for record in records if record.value == b"ours"}

    assert ours == theirs
    assert len(set(ours.values())) > 1
