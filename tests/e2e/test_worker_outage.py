"""A worker whose database is slow, cut off or full, and whose broker is away, or thinks it dead.

It waits, stays or comes back by itself, and applies everything once. Postgres stopped or killed is in test_outage.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlsplit

import asyncpg
import pytest
from prometheus_client import REGISTRY

from consumer.common.errors import Verdict, database_verdict
from consumer.common.settings import Settings, load
from consumer.kafka.topics import create_topics
from consumer.postgres.database import SCHEMA, Pool, pool
from consumer.worker.group import COMMIT_TIMEOUT_SECONDS
from deploy.local.kafka_apache import ApacheKafka
from deploy.local.services import Giftledger, Service
from deploy.local.stack import Stack
from deploy.local.waiting import free_port, responds
from tests.builders import bought, encode
from tests.databases import applied_attempts
from tests.e2e.nemesis.proxy import Loop, Proxy
from tests.pipeline import publish, until, working
from tests.services import (
    commands,
    create_its_topics,
    deployment,
    metric,
    migrate_its_database,
    start_ingress,
    start_worker,
    wait_for,
    wait_for_metric,
)

pytestmark = pytest.mark.long

# Longer than a healthy worker takes for any step of its start, on a busy machine.
STALL_SECONDS = 8


class Scene:
    """An ingress, a worker with a short temper, and a network between it and Postgres."""

    def __init__(self, stack: Stack, giftledger: Giftledger, network: Proxy) -> None:
        self.stack = stack
        self.giftledger = giftledger
        self.network = network
        self.database = load(giftledger.environment).database
        _, self.sender = start_ingress(giftledger)
        self.posted = 0

    def start_worker(self, **settings: str) -> Service:
        url = urlsplit(self.database)
        netloc = f"{url.netloc.rpartition('@')[0]}@127.0.0.1:{self.network.port}"
        return start_worker(self.giftledger, DATABASE_URL=url._replace(netloc=netloc).geturl(), **settings)

    def post(self, count: int = 20) -> None:
        for _ in range(count):
            assert self.sender.post(encode(bought(_id=f"certificate-{self.posted}"))).status == 200
            self.posted += 1

    def wait_until_all_is_applied(self, worker: Service) -> None:
        worker.process.wait_until(
            lambda: applied_attempts(self.database) == self.posted, f"{self.posted} attempts applied"
        )


@pytest.fixture(scope="module")
def own() -> Iterator[Stack]:
    """Start a stack that nobody else uses: its broker is killed."""
    with Stack(durable=False) as own:
        yield own


@pytest.fixture
def scene(own: Stack) -> Iterator[Scene]:
    loop = Loop()
    network = Proxy(loop, free_port(), urlsplit(own.postgres.url()).port or 0)
    network.start()
    database = f"worker_{time.monotonic_ns()}"
    environment = deployment(
        own,
        DATABASE_URL=own.postgres.create_database(database),
        DATABASE_TIMEOUT_SECONDS="2",
        WORKER_STALL_SECONDS=str(STALL_SECONDS),
        KAFKA_SESSION_TIMEOUT_MS="6000",
    )
    with commands(own, environment) as giftledger:
        create_its_topics(giftledger)
        migrate_its_database(giftledger)
        yield Scene(own, giftledger, network)
    loop.stop()


def rebalances(worker: Service) -> float:
    return metric(worker, "giftcert_consumer_rebalances_total")


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Hold the ledger's lock, so that every write waits."""
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(asyncpg.connect(url, server_settings={"search_path": SCHEMA}))
    try:
        loop.run_until_complete(connection.execute("BEGIN; LOCK TABLE webhook_attempt"))
        yield
        loop.run_until_complete(connection.execute("COMMIT"))
    finally:
        loop.run_until_complete(connection.close())
        loop.close()


def test_a_worker_whose_database_is_slow_keeps_polling_stays_in_its_group_and_is_not_ended(scene: Scene) -> None:
    worker = scene.start_worker()
    before = rebalances(worker)

    with locked(scene.database):
        scene.post()
        time.sleep(1.5 * STALL_SECONDS)
        polled = metric(worker, "giftcert_consumer_last_poll_timestamp_seconds")
        assert time.time() - polled < STALL_SECONDS / 2
        assert responds(f"http://127.0.0.1:{worker.admin_port}/health/live")

    scene.wait_until_all_is_applied(worker)
    assert rebalances(worker) == before


def test_a_connection_to_the_database_that_went_silent_is_given_up_and_what_it_locked_is_free(scene: Scene) -> None:
    worker = scene.start_worker()
    scene.post()
    scene.wait_until_all_is_applied(worker)

    scene.network.vanish()
    scene.post()
    wait_for_metric(worker, "giftcert_retries_total", 1, stage="apply")
    scene.network.come_back(remember=False)

    scene.wait_until_all_is_applied(worker)
    assert worker.process.running


def test_the_lag_grows_while_the_database_is_away_and_is_nothing_in_the_end(scene: Scene) -> None:
    worker = scene.start_worker()
    scene.post()
    scene.wait_until_all_is_applied(worker)

    scene.network.vanish()
    scene.post(50)
    wait_for(lambda: metric(worker, "giftcert_consumer_lag_messages") >= 50, "the lag to show")
    scene.network.come_back(remember=True)

    scene.wait_until_all_is_applied(worker)
    wait_for(lambda: metric(worker, "giftcert_consumer_lag_messages") == 0, "the lag to end")


def test_a_frozen_worker_whose_partitions_moved_wakes_up_and_does_no_harm(scene: Scene) -> None:
    if not isinstance(scene.stack.kafka, ApacheKafka):
        pytest.skip("the embedded broker keeps its dead members for longer than a test can wait")
    frozen, other = scene.start_worker(), scene.start_worker()
    scene.post()
    scene.wait_until_all_is_applied(other)

    frozen.process.pause()
    scene.post()
    scene.wait_until_all_is_applied(other)
    frozen.process.resume()
    scene.post()

    scene.wait_until_all_is_applied(other)
    wait_for(lambda: metric(frozen, "giftcert_consumer_assigned_partitions") > 0, "partitions for the one that woke up")
    assert frozen.process.running


def test_a_worker_outlives_a_kill_of_its_broker_longer_than_its_session_and_the_watchdog(scene: Scene) -> None:
    if not scene.stack.kafka.keeps_data:
        pytest.skip("the embedded broker forgets everything when it is killed")
    stall_seconds = 4 * COMMIT_TIMEOUT_SECONDS  # a commit that waits for its timeout is no reason to be ended
    worker = scene.start_worker(WORKER_STALL_SECONDS=str(stall_seconds))
    scene.post()
    scene.wait_until_all_is_applied(worker)

    scene.stack.kafka.kill()
    time.sleep(1.2 * stall_seconds)
    assert responds(f"http://127.0.0.1:{worker.admin_port}/health/live")
    scene.stack.kafka.start()

    wait_for(lambda: scene.sender.post(encode(bought(_id="first"))).status == 200, "the ingress to accept")
    scene.posted += 1
    scene.post()
    scene.wait_until_all_is_applied(worker)


def test_a_worker_starts_without_postgres_and_goes_on_as_soon_as_there_is_one(scene: Scene) -> None:
    scene.post()
    scene.network.vanish()
    url = urlsplit(scene.database)
    netloc = f"{url.netloc.rpartition('@')[0]}@127.0.0.1:{scene.network.port}"
    # An answer is waited for longer than a poll loop may stand still.
    settings = {
        "DATABASE_URL": url._replace(netloc=netloc).geturl(),
        "DATABASE_TIMEOUT_SECONDS": str(2 * STALL_SECONDS),
    }
    worker = scene.giftledger.start("worker", **settings)
    worker.process.wait_until(lambda: responds(f"http://127.0.0.1:{worker.admin_port}/health/live"), "life")
    assert not responds(f"http://127.0.0.1:{worker.admin_port}/health/ready")
    time.sleep(1.5 * STALL_SECONDS)

    scene.network.come_back(remember=False)

    scene.wait_until_all_is_applied(worker)


@pytest.fixture
def short_tempered(environment: dict[str, str]) -> Settings:
    return load({**environment, "DATABASE_TIMEOUT_SECONDS": "2"})


async def test_a_worker_whose_pool_is_full_waits_for_a_connection(
    short_tempered: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools: list[Pool] = []

    def small(settings: Settings) -> Pool:
        pools.append(pool(settings, size=1))
        return pools[-1]

    monkeypatch.setattr("consumer.worker.connecting.pool", small)
    await create_topics(short_tempered)
    async with working(short_tempered):
        await until(lambda: _true(pools and pools[-1].get_size()), "the pool")
        async with taken(pools[-1]):
            before = in_vain()
            await publish(short_tempered, bought())
            await until(lambda: _true(in_vain() > before), "a batch that waited for a connection in vain")
            assert await connections.fetchval("SELECT count(*) FROM webhook_attempt") == 0
        await until(lambda: connections.fetchval("SELECT true FROM webhook_attempt"), "the webhook")


def in_vain() -> float:
    """Count how often a batch waited in vain."""
    return REGISTRY.get_sample_value("giftcert_retries_total", {"stage": "apply", "error_type": "TimeoutError"}) or 0


async def _true(value: object) -> bool:
    return bool(value)


@asynccontextmanager
async def taken(connections: Pool) -> AsyncIterator[None]:
    async with connections.acquire():
        yield


async def test_the_server_ends_a_transaction_that_its_worker_has_left(
    short_tempered: Settings, connections: Pool
) -> None:
    gone = "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $1"
    async with pool(short_tempered) as left, left.acquire() as connection:
        session = connection.get_server_pid()
        await connection.execute("BEGIN; SELECT 1")
        await until(lambda: connections.fetchval(gone, session), "the end of the transaction")
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)) as ended:
            await connection.execute("SELECT 1")

    assert database_verdict(ended.value) is Verdict.TRANSIENT
