"""Topics of the benchmark: the ingress' records, the copy of rows, and marks that say how far a reader has come."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from consumer.common.settings import Settings
from consumer.kafka.options import producer_options
from consumer.kafka.topics import admin, create_topics
from tests.bench.peers.rows import row
from tests.bench.workload import Published, Workload, fill
from tests.builders import bought, encode
from tests.pipeline import RECEIVED_AT

RAW, ROWS = "certificates", "rows"


class Rows(Workload):
    """A workload as the rows that its events make."""

    def __iter__(self) -> Iterator[Published]:
        return map(as_row, super().__iter__())


def as_row(record: Published) -> Published:
    try:
        event = msgspec.json.decode(record.value)
    except msgspec.DecodeError:  # poison stays what it is
        return record
    return record._replace(value=msgspec.json.encode(row(event)._asdict()))


async def create(settings: Settings, *, rows: bool) -> None:
    """Create giftledger's topics, and the copy's."""
    await create_topics(settings)
    if rows:
        async with admin(settings) as client:
            await client.create_topics([NewTopic(settings.topic(ROWS), settings.topic_partitions, 1)])


async def fill_all(settings: Settings, workload: Workload, *, rows: bool) -> None:
    """Put a workload on the topic, and on its copy."""
    await fill(settings, settings.topic(RAW), workload)
    if rows:
        copy = Rows(workload.events, workload.certificates, workload.seed)
        await fill(settings, settings.topic(ROWS), copy)


async def mark(settings: Settings, name: str, *, rows: bool) -> list[str]:
    """Put one certificate into every partition; give their ids. Who has them has all that stands before them."""
    ids = [f"{name}-{partition}" for partition in range(settings.topic_partitions)]
    marks = [published(bought(_id=certificate_id)) for certificate_id in ids]
    await publish(settings, marks, rows=rows, partitions=range(settings.topic_partitions))
    return ids


def published(body: dict[str, object]) -> Published:
    return as_published(encode(body))


def as_published(value: bytes) -> Published:
    return Published(b"key", value, [RECEIVED_AT])


async def publish(
    settings: Settings, records: Iterable[Published], *, rows: bool, partitions: Sequence[int] | None = None
) -> None:
    """Put single records on the topic, and on its copy; all into partition 0 unless told otherwise."""
    producer = AIOKafkaProducer(**producer_options(settings))
    await producer.start()
    try:
        for number, record in enumerate(records):
            partition = partitions[number] if partitions else 0
            for topic, content in [(RAW, record), *([(ROWS, as_row(record))] if rows else [])]:
                await producer.send_and_wait(
                    settings.topic(topic), content.value, content.key, partition, headers=content.headers
                )
    finally:
        await producer.stop()
