"""SIGTERM: a worker finishes or abandons its batch, commits, leaves its group, in time.

And a rolling restart of all workers under load holds no event up for long.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from signal import SIGTERM

import pytest

from consumer.common.settings import load
from deploy.local.kafka_apache import ApacheKafka
from deploy.local.postgres import Postgres
from deploy.local.services import Giftledger
from deploy.local.stack import Stack
from tests.builders import bought, encode
from tests.databases import applied_attempts, value
from tests.records import committed
from tests.sender import Sender
from tests.services import (
    commands,
    create_its_topics,
    deployment,
    migrate_its_database,
    start_ingress,
    start_worker,
    wait_for,
)

# What README.md states, and what a busy machine may add.
IDLE_SECONDS = 15
BUSY_SECONDS = 25
HELD_UP = timedelta(seconds=30)


@pytest.fixture(scope="module")
def own() -> Iterator[Stack]:
    """Start a stack that nobody else uses: it is paused."""
    with Stack(durable=False) as own:
        yield own


@pytest.fixture
def giftledger(own: Stack) -> Iterator[Giftledger]:
    database = f"graceful_{time.monotonic_ns()}"
    environment = deployment(own, DATABASE_URL=own.postgres.create_database(database))
    with commands(own, environment) as giftledger:
        create_its_topics(giftledger)
        migrate_its_database(giftledger)
        yield giftledger


def test_an_idle_worker_ends_at_once(giftledger: Giftledger) -> None:
    worker = start_worker(giftledger)

    worker.process.signal(SIGTERM)

    assert worker.process.wait(IDLE_SECONDS) == 0


def test_a_worker_ends_in_time_while_postgres_hangs(own: Stack, giftledger: Giftledger) -> None:
    _, sender = start_ingress(giftledger)
    worker = start_worker(giftledger)
    assert isinstance(own.postgres, Postgres)

    own.postgres.pause()
    try:
        assert sender.post(encode(bought())).status == 200
        time.sleep(1)
        worker.process.signal(SIGTERM)
        code = worker.process.wait(BUSY_SECONDS)
    finally:
        own.postgres.resume()

    assert code == 0
    again = start_worker(giftledger)
    again.process.wait_until(lambda: applied_attempts(load(giftledger.environment).database) == 1, "the webhook")


def test_a_worker_ends_in_time_while_its_broker_hangs(own: Stack, giftledger: Giftledger) -> None:
    worker = start_worker(giftledger)

    own.kafka.pause()
    try:
        worker.process.signal(SIGTERM)
        code = worker.process.wait(BUSY_SECONDS)
    finally:
        own.kafka.resume()

    assert code == 0
    start_worker(giftledger)


def test_what_a_worker_has_applied_is_committed_when_it_ends(giftledger: Giftledger) -> None:
    settings = load(giftledger.environment)
    _, sender = start_ingress(giftledger)
    worker = start_worker(giftledger)
    with steadily(sender) as posted:
        wait_for(lambda: applied_attempts(settings.database) > 50, "some webhooks to be applied")
        worker.process.signal(SIGTERM)
        assert worker.process.wait(BUSY_SECONDS) == 0
        applied, done = applied_attempts(settings.database), committed(settings)

    assert posted
    assert done == applied


def test_a_rolling_restart_of_all_workers_holds_no_event_up_for_long(own: Stack, giftledger: Giftledger) -> None:
    if not isinstance(own.kafka, ApacheKafka):
        pytest.skip("the embedded broker's groups take half a session timeout, or all of it, to rebalance")
    settings = load(giftledger.environment)
    _, sender = start_ingress(giftledger)
    workers = [start_worker(giftledger) for _ in range(3)]

    with steadily(sender) as posted:
        for worker in workers:
            worker.process.signal(SIGTERM)
            assert worker.process.wait(BUSY_SECONDS) == 0
            start_worker(giftledger)
    wait_for(lambda: applied_attempts(settings.database) == len(posted), "all webhooks to be applied")

    longest = value(settings.database, "SELECT max(applied_at - received_at) FROM webhook_attempt")
    print(f"{len(posted)} webhooks, the longest held up for {longest.total_seconds():.1f} s")  # noqa: T201
    assert longest < HELD_UP


@contextmanager
def steadily(sender: Sender) -> Iterator[list[bytes]]:
    """Post webhooks while the block runs; all are acknowledged."""
    posted: list[bytes] = []
    refused: list[int] = []
    ended = threading.Event()

    def post() -> None:
        while not ended.wait(0.005):
            body = encode(bought(_id=f"certificate-{len(posted)}"))
            answer = sender.post(body)
            (posted if answer.status == 200 else refused).append(body)  # type: ignore[arg-type]

    thread = threading.Thread(target=post)
    thread.start()
    try:
        yield posted
    finally:
        ended.set()
        thread.join()
    assert refused == []
