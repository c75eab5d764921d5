"""Kafka's codecs: whoever compresses, a producer or the topic itself, the worker reads it."""

import pytest
from aiokafka.admin import NewTopic

from consumer.common.settings import Settings
from consumer.kafka.batcher import acknowledged
from consumer.kafka.publisher import Publisher
from consumer.kafka.topics import admin
from consumer.postgres.database import Pool
from tests.builders import bought, encode
from tests.pipeline import publish, until, working

CODECS = ("gzip", "snappy", "lz4", "zstd")
COUNT = 50


async def applied(connections: Pool, count: int) -> bool:
    return bool(await connections.fetchval("SELECT count(*) = $1 FROM webhook_attempt", count))


def purchases() -> list[dict[str, object]]:
    return [bought(_id=f"certificate-{number}", email="somebody@example.com" * 100) for number in range(COUNT)]


@pytest.mark.parametrize("codec", CODECS)
async def test_what_a_producer_compressed_is_applied(settings: Settings, connections: Pool, codec: str) -> None:
    await publish(settings, *purchases(), compression_type=codec)

    async with working(settings):
        await until(lambda: applied(connections, COUNT), f"what was compressed with {codec}")


@pytest.mark.parametrize("codec", CODECS)
async def test_what_the_ingress_publishes_to_a_topic_that_compresses_is_applied(
    settings: Settings, connections: Pool, codec: str
) -> None:
    topic = settings.topic("certificates")
    async with admin(settings) as client:
        compressing = {"compression.type": codec}
        await client.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1, topic_configs=compressing)])
    await publish(settings)  # creates the other topics
    async with Publisher.connected_to(settings) as publisher:
        for purchase in purchases():
            sending = publisher.send(topic, key=b"certificate", value=encode(purchase), headers=[])
            await acknowledged(sending, settings.publish_deadline_seconds)

    async with working(settings):
        await until(lambda: applied(connections, COUNT), f"what the topic compressed with {codec}")
