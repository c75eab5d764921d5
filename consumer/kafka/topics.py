"""Topics: create what is missing, verify what is there."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.metadata import MetadataRequest

from consumer.common.diagnosis import MISSING_RIGHTS_ON_KAFKA, Diagnosis
from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from consumer.kafka.options import (
    KAFKAS_MAX_MESSAGE_BYTES,
    connection_options,
    largest_balance,
    largest_dead_letter,
    largest_record,
)
from schemas.registry import BALANCES, BALANCES_TEST, DEAD_LETTER, FAMILIES, TOPICS, UNROUTED

KNOWN_SECONDS = 10.0

_FAMILIES = tuple(family.topic for family in FAMILIES)
_MISSING = {UnknownTopicOrPartitionError.errno, TopicAuthorizationFailedError.errno}
# Which topics must be there before a process can work.
NEEDED_BY_INGRESS = (*_FAMILIES, UNROUTED)
NEEDED_BY_WORKER = (*_FAMILIES, DEAD_LETTER)
NEEDED_BY_BALANCES = (BALANCES, BALANCES_TEST)
COMPACTED = NEEDED_BY_BALANCES


@asynccontextmanager
async def admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect an admin client, to a cluster that names a broker."""
    client = AIOKafkaAdminClient(**connection_options(settings))
    try:
        await client.start()
        await broker_named(client._client)  # noqa: SLF001 - it would send to no broker at all
        yield client
    finally:
        await client.close()


async def broker_named(client: AIOKafkaClient) -> None:
    """Wait until the cluster names a broker: one that stood still is not named until its controller has heard of it.

    Where none is named for ``KNOWN_SECONDS``, what is asked next says what is wrong.
    """
    until = time.monotonic() + KNOWN_SECONDS
    while not client.cluster.brokers() and time.monotonic() < until:
        await client.force_metadata_update()
        await asyncio.sleep(KNOWN_SECONDS / 50)


async def create_topics(settings: Settings) -> dict[str, int]:
    """Create the topics that are missing; give each topic's number of partitions. Safe to repeat."""
    async with admin(settings) as client:
        there = set(await client.list_topics())
        missing = [topic for topic in TOPICS if settings.topic(topic) not in there]
        if missing:
            factor = settings.topic_replication_factor or await _usual_factor(client)
            answer = await client.create_topics([new_topic(settings, topic, factor) for topic in missing])
            for name, code, *message in answer.topic_errors:
                if code and code != TopicAlreadyExistsError.errno:
                    reason = (message[0] if message else None) or for_code(code).__name__
                    raise Fatal(f"Kafka did not create the topic {name}: {reason}")
    existing = await _when_known(settings)
    return {topic: len(numbers) for topic, numbers in existing.items()}


async def _when_known(settings: Settings) -> dict[str, list[int]]:
    """Give every topic's partitions; a broker that has created one may not yet have heard of it."""
    until = time.monotonic() + KNOWN_SECONDS
    while True:
        try:
            return await existing_partitions(settings, [settings.topic(topic) for topic in TOPICS])
        except Fatal:
            if time.monotonic() > until:
                raise
        await asyncio.sleep(KNOWN_SECONDS / 50)


async def existing_partitions(settings: Settings, topics: Sequence[str]) -> dict[str, list[int]]:
    """Give the partitions of topics. Raises Fatal when one does not exist, and creates none."""
    async with admin(settings) as client:
        absent = await _absent(client._client, topics)  # noqa: SLF001 - its own request for topics may create them
        described = [] if absent else await client.describe_topics(list(topics))
    absent |= {topic["topic"]: for_code(topic["error_code"]) for topic in described if topic["error_code"]}
    for topic, reason in absent.items():
        missing_right = reason is TopicAuthorizationFailedError
        remedy = MISSING_RIGHTS_ON_KAFKA if missing_right else "`giftledger topics` creates what is missing."
        raise Fatal(f"Topic {topic}: {reason.__name__}. {remedy}")
    return {topic["topic"]: sorted(partition["partition"] for partition in topic["partitions"]) for topic in described}


async def partitions_of(settings: Settings, topics: Sequence[str]) -> list[TopicPartition]:
    """Give the partitions of topics, as consumers name them. Raises Fatal when one does not exist."""
    existing = await existing_partitions(settings, topics)
    return [TopicPartition(topic, number) for topic, numbers in existing.items() for number in numbers]


async def missing_topics(client: AIOKafkaClient, topics: Sequence[str]) -> Diagnosis | None:
    """Say which topics do not exist or may not be seen; None when all are there. Raises KafkaError."""
    missing = sorted(await _absent(client, topics))
    if not missing:
        return None
    one = len(missing) == 1
    return Diagnosis(
        f"has no topic{'s' * (not one)} {', '.join(missing)}, or this user may not see {'it' if one else 'them'}",
        "Run `giftledger topics`; with ACLs, grant what deploy/README.md lists.",
    )


async def _absent(client: AIOKafkaClient, topics: Sequence[str]) -> dict[str, type[KafkaError]]:
    """Give the topics that do not exist or may not be seen, and as what Kafka says so.

    Asks in a way that creates none: a broker may create what a client asks for by its name, with its own settings.
    """
    answer = await client.send(client.get_random_node(), MetadataRequest(list(topics), allow_auto_topic_creation=False))
    return {name: for_code(code) for code, name, *_ in answer.topics if code in _MISSING}


async def _usual_factor(client: AIOKafkaAdminClient) -> int:
    cluster = await client.describe_cluster()
    # Where it names none, Kafka says why it takes no topic.
    return min(3, len(cluster["brokers"]) or 1)


def new_topic(settings: Settings, topic: str, replication_factor: int) -> NewTopic:
    """Give a topic as we create it."""
    # Keys are entities and every record counts, so nothing is compacted; how long to keep is the operator's choice,
    # and as long as possible the best one: `giftledger rebuild` needs the beginning. Of balances the last one counts.
    is_compacted = topic in COMPACTED
    configuration = (
        {"cleanup.policy": "compact"} if is_compacted else {"cleanup.policy": "delete", "retention.ms": "-1"}
    )
    if (most := largest_of(settings, topic)) > KAFKAS_MAX_MESSAGE_BYTES:
        configuration["max.message.bytes"] = str(most)
    return NewTopic(
        settings.topic(topic),
        num_partitions=settings.topic_partitions,
        replication_factor=replication_factor,
        topic_configs=configuration,
    )


def largest_of(settings: Settings, topic: str) -> int:
    """Say how many bytes of a record a topic must hold."""
    if topic in COMPACTED:
        return largest_balance(settings)
    return largest_dead_letter(settings) if topic == DEAD_LETTER else largest_record(settings)
