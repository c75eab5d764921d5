"""The watchdog: a worker that gets no further, though nothing is away, ends with an error; any other lives on."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from consumer.common.settings import load
from consumer.worker.watchdog import EXIT_CODE
from deploy.local.processes import Process
from deploy.local.services import Giftledger
from deploy.local.stack import Stack
from deploy.local.waiting import free_port, responds
from tests.builders import bought, encode
from tests.databases import applied_attempts
from tests.services import commands, create_its_topics, deployment, start_ingress, start_worker, wait_for

pytestmark = [pytest.mark.long, pytest.mark.once]

# Longer than a healthy worker takes for any step of its start, on a busy machine.
STALL_SECONDS = 8.0


@pytest.fixture
def giftledger(stack: Stack, database_url: str) -> Iterator[Giftledger]:
    environment = deployment(stack, DATABASE_URL=database_url, WORKER_STALL_SECONDS=str(STALL_SECONDS))
    with commands(stack, environment) as giftledger:
        create_its_topics(giftledger)
        yield giftledger


@contextmanager
def stuck(giftledger: Giftledger, how: str) -> Iterator[tuple[Process, int]]:
    """Start a worker that will get stuck, and give it something to do."""
    _, sender = start_ingress(giftledger)
    admin_port = free_port()
    process = giftledger.stack.run(
        f"worker-{how}",
        [sys.executable, "-m", "tests.e2e.stuck_worker", how],
        {**giftledger.environment, "ADMIN_PORT": str(admin_port)},
    )
    for _ in range(10):
        assert sender.post(encode(bought())).status == 200
    yield process, admin_port


@pytest.mark.parametrize("how", ["blocked-loop", "lost-poll"])
def test_a_worker_that_polls_no_more_ends_with_an_error_and_says_where_it_stands(
    giftledger: Giftledger, how: str
) -> None:
    with stuck(giftledger, how) as (process, _):
        assert process.wait() == EXIT_CODE
        assert "did not poll for" in process.tail(200)
        assert "stuck_worker.py" in process.tail(200)


def test_a_worker_whose_poll_loop_stands_still_is_not_alive(giftledger: Giftledger) -> None:
    with stuck(giftledger, "lost-poll") as (process, admin_port):
        live = f"http://127.0.0.1:{admin_port}/health/live"
        process.wait_until(lambda: responds(live), "life")
        wait_for(lambda: process.running and not responds(live), "its end")


def test_a_worker_whose_fetcher_hangs_silently_ends_with_an_error(giftledger: Giftledger) -> None:
    with stuck(giftledger, "silent-fetcher") as (process, _):
        assert process.wait() == 1
        assert "No progress" in process.tail(200)


def test_a_worker_that_was_frozen_for_longer_than_the_watchdog_waits_goes_on(giftledger: Giftledger) -> None:
    worker = start_worker(giftledger)
    _, sender = start_ingress(giftledger)

    worker.process.pause()
    assert sender.post(encode(bought())).status == 200
    time.sleep(1.5 * STALL_SECONDS)
    worker.process.resume()

    database = load(giftledger.environment).database
    worker.process.wait_until(lambda: applied_attempts(database) == 1, "the webhook to be applied")


def test_a_worker_without_work_is_left_alone(giftledger: Giftledger) -> None:
    worker = start_worker(giftledger)

    time.sleep(2 * STALL_SECONDS)

    assert worker.process.running
    assert responds(f"http://127.0.0.1:{worker.admin_port}/health/live")
