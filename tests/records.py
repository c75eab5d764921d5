"""Records: what a test reads from the topics, from their beginning."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from consumer.common.settings import Settings
from consumer.kafka.options import consumer_options, reader_options
from deploy.local.waiting import PATIENT_SECONDS
from schemas.registry import FAMILIES

Record = Any  # ConsumerRecord[bytes | None, bytes | None], but aiokafka is not typed


def header(record: Record, name: str) -> str | None:
    return next((value.decode() for key, value in record.headers if key == name), None)


def attempt(record: Record) -> str | None:
    return header(record, "attempt-id")


def published(settings: Settings, attempt_id: str, *topics: str) -> Record:
    """Wait for the record of an attempt, in any of ``topics`` (all but the dead letters)."""
    return read_until(settings, topics, lambda records: attempt_id in map(attempt, records), f"attempt {attempt_id}")[
        -1
    ]


def read_until(
    settings: Settings,
    topics: Sequence[str],
    enough: Callable[[list[Record]], bool],
    what: str,
    seconds: float = PATIENT_SECONDS,
) -> list[Record]:
    """Read topics from their beginning, record by record, until it is enough.

    Raises TimeoutError, naming ``what`` was missing.
    """
    names = [settings.topic(topic) for topic in topics or ("certificates", "definitions", "unrouted")]
    return asyncio.run(_read_until(settings, names, enough, what, seconds))


async def _read_until(
    settings: Settings, topics: Sequence[str], enough: Callable[[list[Record]], bool], what: str, seconds: float
) -> list[Record]:
    consumer = AIOKafkaConsumer(**reader_options(settings))
    records: list[Record] = []
    try:
        async with asyncio.timeout(seconds):
            await consumer.start()
            await _assign(consumer, topics)
            while not enough(records):
                records.append(await consumer.getone())
    except TimeoutError:
        raise TimeoutError(f"still missing after {seconds:g} s: {what}; read {len(records)} records") from None
    finally:
        await consumer.stop()
    return records


async def _assign(consumer: AIOKafkaConsumer, topics: Sequence[str]) -> list[TopicPartition]:
    await consumer._client.force_metadata_update()  # noqa: SLF001
    partitions = []
    for topic in topics:
        found = consumer.partitions_for_topic(topic)
        partitions += [TopicPartition(topic, number) for number in found or ()]
    consumer.assign(partitions)
    return partitions


def committed(settings: Settings) -> int:
    """Count the records that the consumer group has behind it, by its committed offsets."""
    return asyncio.run(_committed(settings))


async def _committed(settings: Settings) -> int:
    consumer = AIOKafkaConsumer(**consumer_options(settings))
    try:
        await consumer.start()
        partitions = await _assign(consumer, [settings.topic(family.topic) for family in FAMILIES])
        return sum([await consumer.committed(partition) or 0 for partition in partitions])
    finally:
        await consumer.stop()


def is_empty(settings: Settings, topic: str) -> bool:
    """Whether a topic never had a record."""
    return asyncio.run(_is_empty(settings, settings.topic(topic)))


async def _is_empty(settings: Settings, topic: str) -> bool:
    consumer = AIOKafkaConsumer(**reader_options(settings))
    try:
        await consumer.start()
        ends = await consumer.end_offsets(await _assign(consumer, [topic]))
        return not any(ends.values())
    finally:
        await consumer.stop()
