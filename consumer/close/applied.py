"""Applied: which records Kafka has, and no worker has settled."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from consumer.common.settings import Settings
from consumer.kafka.scan import scanning
from consumer.postgres.database import Connection, statement
from schemas.registry import FAMILIES


class NotApplied(NamedTuple):
    """Records of a partition that wait: how many, and the first."""

    topic: str
    partition: int
    number: int
    first: int


async def not_applied(connection: Connection, settings: Settings, before: datetime) -> list[NotApplied]:
    """Find the records that Kafka took before a time and that are not settled. Raises Fatal where there is no topic."""
    settled = {
        TopicPartition(row["topic"], row["kafka_partition"]): row["offsets"]
        for row in await connection.fetch(statement("close/settled"))
    }
    start = {partition: _first_unsettled(offsets) for partition, offsets in settled.items()}
    topics = [settings.topic(family.topic) for family in FAMILIES]
    # Where an earlier version applied all that there is, nothing is settled.
    for row in await connection.fetch(statement("close/applied_before"), topics):
        start.setdefault(TopicPartition(row["topic"], row["kafka_partition"]), row["next_offset"])
    waiting: dict[TopicPartition, list[int]] = {}
    async with scanning(settings, topics, start) as scan:
        async for records in scan.read():
            for record in records:
                partition = TopicPartition(record.topic, record.partition)
                is_early = record.timestamp < before.timestamp() * 1000
                if is_early and not _is_in(record.offset, settled.get(partition, ())):
                    waiting.setdefault(partition, []).append(record.offset)
    return [
        NotApplied(partition.topic, partition.partition, len(offsets), min(offsets))
        for partition, offsets in sorted(waiting.items())
    ]


def _first_unsettled(offsets: Sequence[Any]) -> int:
    """Give the end of the first range: what lies before the first an earlier version has applied."""
    return int(offsets[0].upper)


def _is_in(offset: int, ranges: Sequence[Any]) -> bool:
    return any(part.lower <= offset < part.upper for part in ranges)
