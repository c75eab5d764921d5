"""Postgres away under a running worker: it waits, stays in its group, and goes on by itself."""

import json
import urllib.error
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from consumer.common.settings import Settings, load
from deploy.local.postgres import ExternalPostgres, Postgres
from deploy.local.services import Service
from deploy.local.stack import Stack
from tests.builders import bought, encode, paid_with
from tests.databases import applied_attempts, converging
from tests.e2e.traffic import expected_tables, post
from tests.records import committed, is_empty
from tests.sender import Sender
from tests.services import commands, deployment, metric, read, start_both, wait_for, wait_for_metric


class Deployment(NamedTuple):
    """One ingress and one worker that must live through every outage; ``posted`` is what came so far."""

    settings: Settings
    postgres: Postgres | ExternalPostgres
    sender: Sender
    worker: Service
    posted: list[bytes]

    def post(self, count: int = 20) -> None:
        certificate_id = f"certificate-{len(self.posted)}"
        purchase = bought(_id=certificate_id)
        payments = [paid_with(5_000_000 - at, updated=at, _id=certificate_id) for at in range(1, count)]
        bodies = [encode(body) for body in (purchase, *payments)]
        post(self.sender, bodies)
        self.posted.extend(bodies)

    def wait_until_all_is_applied(self) -> None:
        self.worker.process.wait_until(
            lambda: applied_attempts(self.settings.database) == len(self.posted),
            f"{len(self.posted)} attempts applied",
        )

    def reasons(self) -> list[str]:
        """Say why the worker is not ready."""
        try:
            text = read(f"http://127.0.0.1:{self.worker.admin_port}/health/ready")
        except urllib.error.HTTPError as error:
            text = error.read().decode()
        reasons: list[str] = json.loads(text)["reasons"]
        return reasons


@pytest.fixture(scope="module")
def deployed(stack: Stack) -> Iterator[Deployment]:
    """Use the broker that all tests share, and a Postgres that nobody else does."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("KAFKA_BOOTSTRAP_SERVERS", stack.kafka.bootstrap_servers)
        environment.setenv("KAFKA_ENABLE_IDEMPOTENCE", str(stack.kafka.supports_idempotence).lower())
        own = Stack(broker="external")
    # A busy machine may keep a worker from its heartbeat for longer than the usual session of tests.
    settings = {"DATABASE_TIMEOUT_SECONDS": "1", "KAFKA_SESSION_TIMEOUT_MS": "10000"}
    with own, commands(own, deployment(own, **settings)) as giftledger:
        _, sender, worker = start_both(giftledger)
        yield Deployment(load(giftledger.environment), own.postgres, sender, worker, [])


AWAY_AND_BACK = {"stopped": ("stop", "start"), "killed": ("kill", "start"), "hanging": ("pause", "resume")}


@pytest.mark.parametrize(("away", "back"), AWAY_AND_BACK.values(), ids=AWAY_AND_BACK)
def test_a_worker_outlives_an_outage_of_postgres_and_applies_everything(
    deployed: Deployment, away: str, back: str
) -> None:
    deployed.post()
    deployed.wait_until_all_is_applied()
    retries, pid = metric(deployed.worker, "giftcert_retries_total", stage="apply"), deployed.worker.process.pid
    rebalances = metric(deployed.worker, "giftcert_consumer_rebalances_total")

    getattr(deployed.postgres, away)()
    try:
        deployed.post()  # the ingress needs no database
        wait_for_metric(deployed.worker, "giftcert_retries_total", retries + 2, stage="apply")
        wait_for(lambda: any("apply" in reason for reason in deployed.reasons()), "the worker to say that it waits")
    finally:
        getattr(deployed.postgres, back)()
    deployed.wait_until_all_is_applied()
    wait_for(lambda: deployed.reasons() == [], "the worker to be ready again")

    assert converging(deployed.settings.database) == expected_tables(deployed.settings, len(deployed.posted))
    assert is_empty(deployed.settings, "dead-letter")
    assert deployed.worker.process.pid == pid
    assert metric(deployed.worker, "giftcert_consumer_rebalances_total") == rebalances


def test_a_restart_between_two_webhooks_goes_unnoticed(deployed: Deployment) -> None:
    deployed.post()
    deployed.wait_until_all_is_applied()

    deployed.postgres.restart()

    deployed.post()
    deployed.wait_until_all_is_applied()
    wait_for(lambda: committed(deployed.settings) == len(deployed.posted), "the offsets of all records")


def test_a_worker_that_waits_for_postgres_ends_at_once_when_it_is_asked_to(deployed: Deployment) -> None:
    retries = metric(deployed.worker, "giftcert_retries_total", stage="apply")
    deployed.postgres.stop()
    try:
        deployed.post()
        wait_for_metric(deployed.worker, "giftcert_retries_total", retries + 1, stage="apply")
        deployed.worker.process.signal(deployed.worker.process.stop_signal)

        assert deployed.worker.process.wait(20) == 0
    finally:
        deployed.postgres.start()
