"""A topic that holds less than the largest body: what it never takes is refused for good, alone."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError

import pytest
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from consumer.common.settings import Settings
from consumer.kafka.topics import admin, create_topics
from deploy.local.services import Service
from deploy.local.stack import Stack
from tests.builders import bought, encode
from tests.pipeline import dead_letters, publish, until, working
from tests.sender import Sender
from tests.services import commands, deployment, metric, read, start_ingress

MOST_BYTES = 20_000
SMALL, LARGE = "x" * 100, "x" * 50_000


@pytest.fixture
def limited(stack: Stack, settings: Settings) -> Settings:
    """Give a deployment whose topics are made with a limit of their own."""
    if not stack.kafka.supports_idempotence:
        pytest.skip("the embedded broker takes records of any size")
    return settings


async def create_limited(settings: Settings, topic: str) -> None:
    async with admin(settings) as client:
        limit = {"max.message.bytes": str(MOST_BYTES)}
        await client.create_topics([NewTopic(settings.topic(topic), 1, 1, topic_configs=limit)])
    await create_topics(settings)


async def set_limit(settings: Settings, topic: str, most: int) -> None:
    async with admin(settings) as client:
        resource = ConfigResource(ConfigResourceType.TOPIC, settings.topic(topic), {"max.message.bytes": str(most)})
        await client.alter_configs([resource])


@pytest.fixture
def ingress(stack: Stack, limited: Settings) -> Iterator[tuple[Service, Sender]]:
    environment = deployment(stack, TOPIC_PREFIX=limited.topic_prefix)
    asyncio.run(create_limited(limited, "certificates"))
    with commands(stack, environment) as giftledger:
        yield start_ingress(giftledger)


async def waits_for(settings: Settings, reason: str) -> bool:
    url = f"http://127.0.0.1:{settings.admin_port}/health/ready"
    try:
        await asyncio.to_thread(read, url)
    except HTTPError as refusal:
        with refusal:
            return reason in refusal.read().decode()
    except OSError:  # it does not listen yet
        pass
    return False


async def test_a_body_that_the_topic_never_takes_gets_413_and_its_neighbours_200(
    limited: Settings, ingress: tuple[Service, Sender]
) -> None:
    service, sender = ingress
    bodies = [
        encode(bought(_id=f"certificate-{number}", marketingText=LARGE if number % 10 == 5 else SMALL))
        for number in range(100)
    ]

    with ThreadPoolExecutor(20) as posting:
        answers = list(posting.map(sender.post, bodies))

    refused = [answer for number, answer in enumerate(answers) if number % 10 == 5]
    assert [answer.status for number, answer in enumerate(answers) if number % 10 != 5] == [200] * 90
    assert [answer.status for answer in refused] == [413] * 10
    assert {answer.problem["reason"] for answer in refused} == {"too_large_for_topic"}
    assert limited.topic("certificates") in refused[0].problem["detail"]
    assert metric(service, "giftcert_webhook_requests_total", outcome="unavailable") == 0
    assert "producer replaced" not in service.process.log.read_text()


async def test_a_dead_letter_that_its_topic_does_not_hold_waits_until_it_does(limited: Settings) -> None:
    await create_limited(limited, "dead-letter")
    await publish(limited, b"not json" + LARGE.encode())

    async with working(limited) as worker:
        await until(lambda: waits_for(limited, "max.message.bytes"), "the reason on /health/ready")
        await set_limit(limited, "dead-letter", 4 * 1024 * 1024)
        (letter,) = await until(lambda: dead_letters(limited), "the letter")
        assert not worker.done()
    assert letter.value == b"not json" + LARGE.encode()
