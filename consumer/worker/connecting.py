"""Connecting: the worker waits until Postgres and Kafka answer, and until everything is there that it needs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from consumer.common import metrics
from consumer.common.bounds import pause, running
from consumer.common.diagnosis import diagnose_database
from consumer.common.errors import THE_WAY_THERE, Fatal, Verdict, database_verdict
from consumer.common.settings import Settings
from consumer.kafka.publisher import Publisher
from consumer.postgres.database import Pool, close, pool, session, shared_session
from consumer.postgres.requirements import unmet
from consumer.worker.life import Life

# How often the first look at Kafka is looked for, and the heart beats while Postgres is waited for.
FIRST_LOOK_SECONDS = 0.05
# How often a worker looks whether it still has what it needs.
LOOK_SECONDS = 10.0


@asynccontextmanager
async def connected(settings: Settings, life: Life) -> AsyncIterator["Pool | None"]:
    """Connect to Postgres, for as long as it takes; None when asked to stop meanwhile.

    Raises Fatal for what only another DATABASE_URL can mend.
    """
    connections = None
    while connections is None and not life.stop.is_set():
        try:
            # A server that hangs is no poll loop that hangs, however long its timeouts are.
            async with running(_beating(life)):
                connections = await _connect(settings)
        except _NotYetError as missing:
            await life.wait(f"Postgres at {settings.database_servers}{missing}")
        except Exception as error:
            cause = diagnose_database(error)
            if database_verdict(error) is Verdict.TRANSIENT:
                await life.wait(f"Postgres at {settings.database_servers} {cause or type(error).__name__}")
            elif cause:
                raise Fatal(f"Postgres at {settings.database_servers} {cause}") from None
            else:
                raise
    try:
        yield connections
    finally:
        if connections:
            await close(connections)


async def _beating(life: Life) -> None:
    while True:
        life.heartbeat.beat()
        await asyncio.sleep(FIRST_LOOK_SECONDS)


class _NotYetError(Exception):
    """Postgres answers, and lacks something that somebody must see to."""


async def _connect(settings: Settings) -> Pool:
    async with session(settings) as connection:
        if shared := await shared_session(connection, settings):
            raise _NotYetError(f" {shared}")
        if missing := await unmet(connection, settings):
            raise _NotYetError(f": {missing}")
    connections = await pool(settings)
    metrics.db_pool_connections.labels("idle").set_function(connections.get_idle_size)
    metrics.db_pool_connections.labels("open").set_function(connections.get_size)
    return connections


async def reached(publisher: Publisher, life: Life) -> bool:
    """Wait until Kafka answers and has the topics, before they are asked for by name; False when asked to stop."""
    while not publisher.connected and not life.stop.is_set():
        if publisher.trouble:
            await life.wait(f"Kafka {publisher.trouble}")
        else:
            life.heartbeat.beat()
            await pause(FIRST_LOOK_SECONDS, life.stop)
    return not life.stop.is_set()


async def watch_requirements(settings: Settings, connections: Pool, life: Life) -> None:
    """Look now and then whether all is still there that a worker needs; for ever. What is missing makes it unready.

    It goes on applying as far as it can: in the midst of a rollout the settings may differ for a while, and figures
    follow the database, not this worker's environment.
    """
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            async with connections.acquire() as connection:
                missing = await unmet(connection, settings)
        except (asyncpg.PostgresError, *THE_WAY_THERE):
            continue  # applying meets it too, and judges it
        life.note(missing and f"Postgres at {settings.database_servers}: {missing}")
