"""Process: `giftledger balances`: publishes balances, or stands by for the one that does.

Whatever fails, all is thrown away (connections, producer, lead, what was read) and begun again: no state is mended.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import structlog
from aiokafka.errors import KafkaError, ProducerFenced

from consumer.balances.lead import Lead, Superseded, leading
from consumer.balances.limits import Limits
from consumer.balances.publisher import Publisher
from consumer.balances.topics import Partitions, recognised
from consumer.common import metrics
from consumer.common.bounds import pause, running
from consumer.common.diagnosis import diagnose_database, diagnose_kafka, explain_kafka
from consumer.common.errors import THE_WAY_THERE, Fatal, Verdict, database_verdict
from consumer.common.service import admin_app, serving
from consumer.common.settings import Settings
from consumer.kafka.options import connection_options
from consumer.kafka.transactions import BatchTooLarge, Transactions
from consumer.postgres.database import Pool, close, pool, session, shared_session, statement
from consumer.postgres.requirements import unmet_rights, unmet_schema
from consumer.worker.waiting import LOOK_AGAIN_SECONDS, Waiting
from schemas.registry import BALANCES

log = structlog.get_logger()

# How often it is counted how far the topics are behind.
COUNT_SECONDS = 5.0
# How often a leader looks whether the topics are still those that it has filled.
RECOGNISE_SECONDS = 60.0


async def run_balances(settings: Settings, stop: asyncio.Event) -> None:
    """Publish balances until ``stop`` is set. Raises whatever the process does not understand."""
    life, limits = Waiting(settings, stop), Limits()
    life.heartbeat.start()
    try:
        admin = admin_app(live=life.heartbeat.reasons, ready=life.reasons_to_wait, metrics=metrics.BALANCES)
        async with serving(admin, settings.admin_host, settings.admin_port), running(_beat(life)):
            while not stop.is_set():
                await _live_once(settings, life, limits)
    finally:
        life.heartbeat.stop()
    log.info("publisher of balances stopped")


async def _beat(life: Waiting) -> None:
    """Say that the event loop turns: what it waits for has bounds of its own."""
    while True:
        life.heartbeat.beat()
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def _live_once(settings: Settings, life: Waiting, limits: Limits) -> None:
    """Connect and take turns at publishing, until something fails that another time may not."""
    try:
        async with _connected(settings) as connections, running(_count(connections)):
            while not life.stop.is_set():
                await _take_turn(settings, connections, life, limits)
    except BatchTooLarge as refused:
        limits.refuse(refused)
    except (Superseded, ProducerFenced):
        log.info("another publisher leads")
    except Exception as error:
        reason = await _reason_to_wait(settings, error)
        if reason is None:
            raise
        await life.wait(reason)
    finally:
        metrics.balances_leads.set(0)


@asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[Pool]:
    """Connect to a database that has what is needed. Raises Fatal where it has not."""
    async with session(settings) as connection:
        missing = (
            await shared_session(connection, settings)
            or await unmet_schema(connection)
            or await unmet_rights(connection)
        )
    if missing:
        raise Fatal(f"Postgres at {settings.database_servers}: {missing}")
    connections = await pool(settings, size=3)
    try:
        yield connections
    finally:
        await close(connections)


async def _take_turn(settings: Settings, connections: Pool, life: Waiting, limits: Limits) -> None:
    """Lead and publish until asked to stop, or see that another one leads, and stand by."""
    async with leading(connections) as lead:
        if lead is not None:
            await _publish(settings, connections, lead, life, limits)
            return
    life.waits_for = None
    metrics.balances_too_large.set(0)
    await pause(LOOK_AGAIN_SECONDS, life.stop)


async def _publish(settings: Settings, connections: Pool, lead: Lead, life: Waiting, limits: Limits) -> None:
    async def recognise() -> Partitions:
        async with connections.acquire() as connection:
            return await recognised(connection, settings, lead)

    partitions = await recognise()
    # The topic's name: who publishes to these topics, wherever he is, has this id.
    async with Transactions.opened(settings, settings.topic(BALANCES), partitions) as transactions:
        await lead.renew()
        log.info("publishes balances", fences=transactions.fences)
        life.waits_for = None
        metrics.balances_leads.set(1)
        publisher = Publisher(settings, connections, transactions, lead, limits)
        while True:
            await publisher.run(life.stop, RECOGNISE_SECONDS)
            if life.stop.is_set():
                return
            await recognise()


async def _reason_to_wait(settings: Settings, error: Exception) -> str | None:
    """Say what an error makes us wait for; None where that would be to no avail."""
    if isinstance(error, Fatal):
        return str(error)
    if isinstance(error, KafkaError):
        cause = await diagnose_kafka(connection_options(settings)) if error.retriable else explain_kafka(error)
        return f"Kafka at {settings.kafka_bootstrap_servers}: {cause}"
    if isinstance(error, TimeoutError):
        return "Kafka or Postgres did not answer in time"
    if database_verdict(error) is Verdict.TRANSIENT:
        return f"Postgres at {settings.database_servers} {diagnose_database(error) or type(error).__name__}"
    return None


async def _count(connections: Pool) -> None:
    """Count what is to be published, again and again."""
    while True:
        try:
            ((count, seconds),) = await connections.fetch(statement("balances/behind"))
        except (asyncpg.PostgresError, *THE_WAY_THERE):
            log.warning("not counted what is to be published")  # publishing meets it too, and judges it
        else:
            metrics.balances_behind.set(count)
            metrics.balances_behind_seconds.set(seconds)
        await asyncio.sleep(COUNT_SECONDS)
