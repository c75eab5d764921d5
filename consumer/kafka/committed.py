"""Committed: how far the consumer group has come, asked as one of it that joins nothing."""

from collections.abc import Collection

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError

from consumer.common.settings import Settings
from consumer.kafka.options import reader_options


async def committed_offsets(settings: Settings, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
    """Give the next offset that the workers have to do of each partition: 0 of one that they have not begun.

    Nothing where the group has committed nothing at all, or this user may not ask: then nobody knows how far it came.
    """
    consumer = AIOKafkaConsumer(**reader_options(settings), group_id=settings.kafka_group_id)
    try:
        await consumer.start()
        offsets = {partition: await consumer.committed(partition) for partition in partitions}
    except GroupAuthorizationFailedError:
        return {}
    finally:
        await consumer.stop()
    if all(offset is None for offset in offsets.values()):
        return {}
    return {partition: offset or 0 for partition, offset in offsets.items()}
