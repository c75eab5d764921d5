"""Check the topics of balances: they have the partitions that they had when they were first written to."""

import asyncio

import asyncpg
from aiokafka.errors import KafkaError

from consumer.balances.topics import repartitioned
from consumer.common.errors import THE_WAY_THERE, Fatal
from consumer.common.settings import Settings, SettingsError
from consumer.kafka.topics import NEEDED_BY_BALANCES, existing_partitions
from consumer.operate.check.finding import Finding, ok, problem
from consumer.postgres.database import session

ANSWER_SECONDS = 10.0


async def check_balances(settings: Settings) -> list[Finding]:
    """Compare Kafka with what the database remembers; what cannot be reached is found elsewhere."""
    topics = [settings.topic(topic) for topic in NEEDED_BY_BALANCES]
    try:
        async with asyncio.timeout(ANSWER_SECONDS), session(settings) as connection:
            rows = await connection.fetch(
                "SELECT name, partitions FROM giftcert.balance_topic WHERE name = ANY ($1)", topics
            )
            there = await existing_partitions(settings, topics)
    except (Fatal, SettingsError, KafkaError, asyncpg.PostgresError, *THE_WAY_THERE):
        return []
    wrong = [repartitioned(name, len(there[name]), before) for name, before in rows]
    found = [problem("balances", *what) for what in wrong if what]
    return found or [ok("balances", "its topics have the partitions that they had" if rows else "not published yet")]
