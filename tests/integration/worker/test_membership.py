"""The worker's membership: what aiokafka gives up, the worker takes up again, in the same process."""

import asyncio

import msgspec
import pytest
from aiokafka.admin import NewPartitions
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import KafkaError
from prometheus_client import REGISTRY

from consumer.common.settings import Settings
from consumer.kafka.topics import admin
from consumer.postgres.database import Pool
from deploy.local.stack import Stack
from deploy.local.waiting import PATIENT_SECONDS
from tests.builders import bought
from tests.pipeline import publish, until, working


async def test_a_coordinator_that_answers_the_unexpected_costs_the_worker_a_rebalance_and_nothing_else(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def applied(count: int) -> bool:
        return bool(await connections.fetchval("SELECT count(*) = $1 FROM webhook_attempt", count))

    heartbeat, failed = GroupCoordinator._do_heartbeat, asyncio.Event()  # noqa: SLF001 - where aiokafka gives up

    async def fails_once(coordinator: GroupCoordinator) -> bool:
        if not failed.is_set():
            failed.set()
            raise KafkaError("Unexpected exception in heartbeat task: CoordinatorLoadInProgressError()")
        done: bool = await heartbeat(coordinator)
        return done

    await publish(settings, bought(1))
    async with working(settings) as worker:
        await until(lambda: applied(1), "the first event")
        monkeypatch.setattr(GroupCoordinator, "_do_heartbeat", fails_once)
        async with asyncio.timeout(PATIENT_SECONDS):
            await failed.wait()
        await publish(settings, bought(2))
        await until(lambda: applied(2), "the event after it")
        assert not worker.done()


async def test_partitions_that_are_added_are_seen_by_a_running_worker_and_its_lag(
    stack: Stack, settings: Settings, connections: Pool
) -> None:
    if not stack.kafka.supports_idempotence:
        pytest.skip("the embedded broker adds no partitions")
    topic = settings.topic("certificates")

    def lag() -> float | None:
        return REGISTRY.get_sample_value("giftcert_consumer_lag_messages", {"topic": topic, "partition": "5"})

    async def is_seen() -> bool:
        return lag() is not None

    async def applied() -> bool:
        return bool(await connections.fetchval("SELECT count(*) = 60 FROM webhook_attempt"))

    quick = msgspec.structs.replace(settings, kafka_metadata_max_age_seconds=1.0, worker_stall_seconds=10.0)
    await publish(settings, *[bought(_id=f"before-{number}") for number in range(20)])
    async with working(quick) as worker:
        async with admin(settings) as client:
            await client.create_partitions({topic: NewPartitions(6)})
        await until(is_seen, "the lag of a new partition")
        await publish(settings, *[bought(_id=f"after-{number}") for number in range(40)])
        await until(applied, "the events of all partitions")
        assert not worker.done()
