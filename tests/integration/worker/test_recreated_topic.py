"""A topic that is deleted and made anew under a running worker: loud, and nothing of the new one is passed over."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest
from aiokafka.errors import KafkaError

from consumer.common.errors import Fatal
from consumer.common.settings import Settings, load
from consumer.kafka.topics import admin, create_topics
from deploy.local.services import Giftledger
from deploy.local.stack import Stack
from tests.builders import bought
from tests.pipeline import publish, until
from tests.services import commands, deployment, start_worker, wait_for_metric


@pytest.fixture
def giftledger(stack: Stack, database_url: str) -> Iterator[Giftledger]:
    if not stack.kafka.keeps_data:
        pytest.skip("the embedded broker keeps the offsets of a topic that is gone")
    environment = deployment(stack, DATABASE_URL=database_url, TOPIC_PARTITIONS="1", LOG_FORMAT="json")
    with commands(stack, environment) as giftledger:
        yield giftledger


async def make_anew(settings: Settings, topic: str) -> None:
    async with admin(settings) as client:
        await client.delete_topics([settings.topic(topic)])

    async def is_there() -> bool:
        try:
            await create_topics(settings)
        except (KafkaError, Fatal):  # it is being deleted still
            return False
        return True

    await until(is_there, "the topic, anew")


@pytest.mark.parametrize("after", [5, 40], ids=["shorter than the old one was", "longer"])
async def test_a_topic_made_anew_ends_the_worker_and_the_next_one_reads_it_from_its_beginning(
    giftledger: Giftledger, database_url: str, after: int
) -> None:
    settings = load(giftledger.environment)
    await publish(settings, *[bought(_id=f"old-{number}") for number in range(20)])
    worker = await asyncio.to_thread(start_worker, giftledger)
    await asyncio.to_thread(wait_for_metric, worker, "giftcert_messages_processed_total", 20)

    await make_anew(settings, "certificates")
    await publish(settings, *[bought(_id=f"new-{number}") for number in range(after)])

    assert await asyncio.to_thread(worker.process.wait, 60) == 1
    assert "was deleted and made anew" in worker.process.log.read_text()
    await asyncio.to_thread(start_worker, giftledger)
    connection = await asyncpg.connect(database_url)
    try:
        count = "SELECT count(*) = $1 FROM giftcert.webhook_attempt"
        await until(lambda: connection.fetchval(count, 20 + after), "all events of both topics")
    finally:
        await connection.close()
