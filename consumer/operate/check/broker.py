"""Check the broker: reachable, the topics as they should be, the producer as it is set, the clocks together."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError, for_code

from consumer.common.diagnosis import diagnose_kafka
from consumer.common.settings import Settings
from consumer.kafka.options import (
    RECORD_OVERHEAD_BYTES,
    connection_options,
    largest_record,
    producer_options,
    reader_options,
)
from consumer.kafka.topics import COMPACTED, NEEDED_BY_BALANCES, NEEDED_BY_INGRESS, NEEDED_BY_WORKER, admin, largest_of
from consumer.operate.check.finding import Finding, Role, ok, problem, warning
from schemas.registry import DEAD_LETTER, FAMILIES, TOPICS

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 5.0
# A broker of a cluster may go away; then two must still have what was acknowledged.
ENOUGH_REPLICAS = 3
ENOUGH_IN_SYNC = 2
# How far in the future a record may lie before somebody's clock is wrong.
CLOCK_SECONDS = 5.0

Topic = dict[str, Any]

_FAMILIES = tuple(family.topic for family in FAMILIES)
_TOPICS_OF: dict[Role, Sequence[str]] = {
    "all": TOPICS,
    "ingress": NEEDED_BY_INGRESS,
    "worker": NEEDED_BY_WORKER,
    "balances": NEEDED_BY_BALANCES,
}
_READ_BY: dict[Role, Sequence[str]] = {"all": TOPICS, "ingress": (), "worker": _FAMILIES, "balances": ()}


async def check_broker(settings: Settings, role: Role = "all") -> list[Finding]:
    """Look at Kafka as the process will: each needs to see its own topics only, and an ingress reads none."""
    where = settings.kafka_bootstrap_servers
    try:
        async with asyncio.timeout(CONNECT_SECONDS), admin(settings) as client:
            brokers = (await client.describe_cluster())["brokers"]
            # To ask for a topic by name may create it.
            wanted = {settings.topic(topic) for topic in _TOPICS_OF[role]}
            there = sorted(wanted & set(await client.list_topics()))
            described = await client.describe_topics(there) if there else []
            configured = await _configurations(client, there)
    except (KafkaError, OSError):
        return [problem("Kafka", *await diagnose_kafka(connection_options(settings)))]
    findings = [ok("Kafka", f"{where}: {len(brokers)} broker{'s' * (len(brokers) != 1)}")]
    findings += [
        problem(f"topic {name}", "does not exist, or this user may not see it", "giftledger topics")
        for name in sorted(wanted - set(there))
    ]
    for topic in sorted(described, key=lambda topic: str(topic["topic"])):
        about = judge_topic(settings, topic, configured.get(topic["topic"], {}), len(brokers))
        findings += about or [ok(f"topic {topic['topic']}", f"{len(topic['partitions'])} partitions")]
    findings += await _producer(settings)
    if not _READ_BY[role]:
        return findings
    read = {settings.topic(topic) for topic in _READ_BY[role]}
    return findings + await _consumer(settings, [topic for topic in described if topic["topic"] in read])


async def _configurations(client: AIOKafkaAdminClient, topics: list[str]) -> dict[str, dict[str, str]]:
    """Read the topics' configurations; nothing where the broker does not tell."""
    found: dict[str, dict[str, str]] = {}
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            for answer in await client.describe_configs(
                [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
            ):
                for code, _, _, name, entries in answer.resources:
                    if not code:
                        found[name] = {entry[0]: entry[1] for entry in entries}
    except (KafkaError, TimeoutError, ValueError):
        return {}
    return found


def judge_topic(settings: Settings, topic: Topic, configured: dict[str, str], brokers: int) -> list[Finding]:
    """Judge a topic by its description, as aiokafka gives it, and its configuration as far as it is known."""
    name = topic["topic"]
    subject = f"topic {name}"
    if code := topic["error_code"]:
        reason = for_code(code)
        remedy = (
            "Grant this user Describe, Read and Write on it."
            if reason is TopicAuthorizationFailedError
            else "Ask the broker's log why."
        )
        return [problem(subject, reason.__name__, remedy)]
    partitions = topic["partitions"]
    findings = []
    if len(partitions) < settings.topic_partitions:
        findings.append(
            warning(
                subject,
                f"has {len(partitions)} partitions, TOPIC_PARTITIONS says {settings.topic_partitions}: "
                f"no more than {len(partitions)} workers can share it",
                "See “Add partitions” in deploy/README.md, or set TOPIC_PARTITIONS to what is meant.",
            )
        )
    replicas = min(len(partition["replicas"]) for partition in partitions)
    if replicas < min(ENOUGH_REPLICAS, brokers):
        findings.append(
            warning(
                subject,
                f"has {replicas} replica{'s' * (replicas != 1)} on a cluster of {brokers} brokers",
                f"Reassign its partitions with a replication factor of {ENOUGH_REPLICAS}.",
            )
        )
    if any(partition["leader"] < 0 for partition in partitions):
        findings.append(
            problem(subject, "has partitions without a leader: nothing goes in", "Bring the missing brokers back.")
        )
    if any(len(partition["isr"]) < len(partition["replicas"]) for partition in partitions):
        findings.append(
            warning(subject, "has replicas that are not in sync", "Look at the brokers: one is away or too slow.")
        )
    is_compacted = name in map(settings.topic, COMPACTED)
    findings += _policy(subject, configured, is_compacted=is_compacted) + _replication(subject, replicas, configured)
    return findings + _room(settings, name, configured.get("max.message.bytes"))


def _room(settings: Settings, topic: str, most_bytes: str | None) -> list[Finding]:
    """Judge whether a topic holds the largest record, where its limit is known."""
    is_dead_letter = topic == settings.topic(DEAD_LETTER)
    largest = largest_of(settings, next(short for short in TOPICS if settings.topic(short) == topic))
    if most_bytes is None or int(most_bytes) >= largest:
        return []
    subject, remedy = f"topic {topic}", f"Set max.message.bytes={largest}."
    if topic in map(settings.topic, COMPACTED):
        return [problem(subject, "cannot hold the largest state of a certificate: publishing would stop there", remedy)]
    if not is_dead_letter:
        what = f"takes no record of more than {most_bytes} bytes: webhooks below WEBHOOK_MAX_BODY_BYTES get 413"
        return [problem(subject, what, remedy)]
    if int(most_bytes) < largest_record(settings) + RECORD_OVERHEAD_BYTES:
        return [problem(subject, "cannot hold the largest webhook with its reason: the worker would wait", remedy)]
    return [warning(subject, "cannot hold the largest record of the other topics with its reason", remedy)]


def _policy(subject: str, configured: dict[str, str], *, is_compacted: bool) -> list[Finding]:
    """Judge what a topic forgets."""
    policy = configured.get("cleanup.policy", "compact" if is_compacted else "delete")
    if is_compacted:
        if policy == "compact":
            return []
        what = "is not compacted" if "compact" not in policy else "forgets old records"
        remedy = "Set cleanup.policy=compact."
        return [problem(subject, f"{what}: a certificate that rests may vanish from it", remedy)]
    findings = []
    if "compact" in policy:
        findings.append(
            problem(
                subject,
                "is compacted: of each certificate only the last record stays, and a rebuild loses the rest",
                "Set cleanup.policy=delete.",
            )
        )
    if configured.get("retention.ms", "-1") != "-1":
        findings.append(
            warning(
                subject,
                f"forgets after {int(configured['retention.ms']) // 86_400_000} days: then a rebuild is only partial",
                "Set retention.ms=-1, or keep a copy of the topic elsewhere.",
            )
        )
    return findings


def _replication(subject: str, replicas: int, configured: dict[str, str]) -> list[Finding]:
    findings = []
    if replicas >= ENOUGH_REPLICAS and int(configured.get("min.insync.replicas", ENOUGH_IN_SYNC)) < ENOUGH_IN_SYNC:
        findings.append(
            warning(
                subject,
                "has min.insync.replicas=1: what one broker alone has is acknowledged, and lost with it",
                f"Set min.insync.replicas={ENOUGH_IN_SYNC}.",
            )
        )
    return findings


async def _producer(settings: Settings) -> list[Finding]:
    """Connect as the publisher does; an idempotent producer also gets its id, without publishing anything."""
    producer = AIOKafkaProducer(**producer_options(settings))
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await producer.start()
            transactions = producer._txn_manager  # noqa: SLF001 - aiokafka asks for the id in the background
            while transactions is not None and not transactions.has_pid():  # noqa: ASYNC110 - it has no event for it
                await asyncio.sleep(0.02)
    except (KafkaError, OSError, TimeoutError) as error:
        return [
            problem(
                "producer",
                f"an idempotent producer gets no id: {type(error).__name__}",
                "Grant this user IdempotentWrite on the cluster (or Write on the topics, from Kafka 2.8 on). Of a "
                "broker without idempotent producers: KAFKA_ENABLE_IDEMPOTENCE=false.",
            )
            if settings.kafka_enable_idempotence
            else problem("producer", f"cannot start: {type(error).__name__}", "Look at the broker's log.")
        ]
    finally:
        await _closed(producer)
    return [ok("producer", "idempotent" if settings.kafka_enable_idempotence else "not idempotent, as it is set")]


async def _closed(producer: AIOKafkaProducer) -> None:
    try:
        await asyncio.wait_for(producer.stop(), ANSWER_SECONDS)
    except (KafkaError, OSError, TimeoutError, asyncio.CancelledError):
        await producer.client.close()


async def _consumer(settings: Settings, topics: list[Topic]) -> list[Finding]:
    """Read, and look for records from the future: their producer's clock, or this one, is wrong."""
    ahead = 0.0
    try:
        async with asyncio.timeout(CONNECT_SECONDS), _reader(settings) as consumer:
            partitions = [
                TopicPartition(topic["topic"], partition["partition"])
                for topic in topics
                for partition in topic["partitions"]
                if not topic["error_code"]
            ]
            ends = await consumer.end_offsets(partitions)
            consumer.assign(partitions)
            for partition, end in ends.items():
                consumer.seek(partition, max(0, end - 1))
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                ahead = max(ahead, *(record.timestamp / 1000 - time.time() for record in records))
            for partition in partitions[:1]:
                await consumer.committed(partition)
    except (KafkaError, OSError, TimeoutError) as error:
        return [
            problem(
                "consumer",
                f"cannot read the topics: {type(error).__name__}",
                "Grant this user Read on the topics, and on the group KAFKA_GROUP_ID.",
            )
        ]
    if ahead > CLOCK_SECONDS:
        return [
            problem(
                "clock",
                f"a record on Kafka is {ahead:.0f} s ahead of this machine's clock",
                "Let ingress, workers and brokers follow the same time server: signatures and ages depend on it.",
            )
        ]
    return [ok("consumer", "reads the topics; no record is from the future")]


@asynccontextmanager
async def _reader(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    # As one of the group, which it does not join: it subscribes to nothing.
    consumer = AIOKafkaConsumer(**reader_options(settings), group_id=settings.kafka_group_id, fetch_max_wait_ms=100)
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()
