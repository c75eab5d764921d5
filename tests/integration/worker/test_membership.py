"""The worker's membership: what aiokafka gives up, the worker takes up again, in the same process."""

import asyncio

import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import KafkaError

from consumer.common.settings import Settings
from consumer.postgres.database import Pool
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
        async with asyncio.timeout(30):
            await failed.wait()
        await publish(settings, bought(2))
        await until(lambda: applied(2), "the event after it")
        assert not worker.done()
