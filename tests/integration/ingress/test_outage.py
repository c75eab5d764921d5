"""The ingress while the broker is away: nothing is accepted that is not durable, and nobody waits for long."""

import os
import time
from collections.abc import Iterator

import pytest

from consumer.common.settings import Settings, load
from deploy.local.choices import choose_broker
from deploy.local.kafka import Broker
from deploy.local.services import Giftledger, Service
from deploy.local.stack import Stack
from deploy.local.waiting import accepts, responds
from tests.builders import bought, encode
from tests.records import published
from tests.sender import Answer, Sender
from tests.services import commands, create_its_topics, deployment, metric, start_ingress, wait_for

DEADLINE = 2.0
# What an answer may take beyond the publish deadline, on a busy machine.
MARGIN = 20.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Start a broker that nobody else uses, so that it may be killed."""
    broker, _ = choose_broker(tmp_path_factory.mktemp("broker"), os.environ)
    broker.start()
    yield broker
    broker.resume()
    broker.stop()


@pytest.fixture
def giftledger(stack: Stack, broker: Broker) -> Iterator[Giftledger]:
    environment = deployment(
        stack, KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap_servers, PUBLISH_DEADLINE_SECONDS=str(DEADLINE)
    )
    with commands(stack, environment) as giftledger:
        yield giftledger


@pytest.fixture
def settings(giftledger: Giftledger) -> Settings:
    return load(giftledger.environment)


def post(sender: Sender) -> tuple[Answer, float]:
    """Post a webhook; give the answer, and how many seconds it took."""
    started = time.monotonic()
    return sender.post(encode(bought())), time.monotonic() - started


def assert_unavailable_in_time(sender: Sender) -> None:
    answer, seconds = post(sender)

    assert (answer.status, answer.problem["reason"]) == (503, "kafka_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert seconds < DEADLINE + MARGIN


def ready(ingress: Service) -> bool:
    return responds(f"http://127.0.0.1:{ingress.admin_port}/health/ready")


def live(ingress: Service) -> bool:
    return responds(f"http://127.0.0.1:{ingress.admin_port}/health/live")


def assert_accepts(sender: Sender, settings: Settings) -> None:
    body = bought()
    assert sender.post(encode(body)).status == 200
    assert published(settings, body["attemptId"]).value == encode(body)


def test_a_killed_broker_means_503_within_the_deadline_and_recovery_without_a_restart(
    giftledger: Giftledger, settings: Settings, broker: Broker
) -> None:
    create_its_topics(giftledger)
    ingress, sender = start_ingress(giftledger)
    assert_accepts(sender, settings)

    broker.kill()
    try:
        assert_unavailable_in_time(sender)
        wait_for(lambda: not ready(ingress), "the ingress to see that its broker is gone")
        assert_unavailable_in_time(sender)
        assert live(ingress)
        refused = metric(ingress, "giftcert_webhook_requests_total", outcome="unavailable", reason="kafka_unavailable")
        assert refused == 2
    finally:
        broker.start()

    create_its_topics(giftledger)  # the embedded broker forgets them
    ingress.wait_until_ready()
    wait_for(lambda: post(sender)[0].status == 200, "a webhook to be accepted again")
    assert_accepts(sender, settings)


def test_without_the_broker_s_acknowledgement_there_is_no_200(
    giftledger: Giftledger, settings: Settings, broker: Broker
) -> None:
    create_its_topics(giftledger)
    ingress, sender = start_ingress(giftledger)
    assert_accepts(sender, settings)

    broker.pause()
    try:
        assert_unavailable_in_time(sender)
    finally:
        broker.resume()

    ingress.wait_until_ready()
    wait_for(lambda: post(sender)[0].status == 200, "a webhook to be accepted again")


def test_an_ingress_starts_without_a_broker_and_is_ready_as_soon_as_there_is_one(
    giftledger: Giftledger, settings: Settings, broker: Broker
) -> None:
    broker.stop()
    try:
        ingress, sender = start_ingress(giftledger, ready=False)
        ingress.process.wait_until(lambda: live(ingress) and accepts(sender.port), "both ports to answer")
        assert not ready(ingress)
        assert_unavailable_in_time(sender)
    finally:
        broker.start()

    create_its_topics(giftledger)
    ingress.wait_until_ready()
    assert_accepts(sender, settings)


def test_a_load_balancer_is_told_that_the_broker_is_away_and_no_more(giftledger: Giftledger, broker: Broker) -> None:
    broker.stop()
    ingress, sender = start_ingress(giftledger, ready=False)
    wait_for(lambda: live(ingress) and accepts(sender.port), "a live ingress")

    answer = sender.request("GET", "/health")

    assert answer.status == 503
    assert answer.problem == {"title": "Service Unavailable", "status": 503, "detail": "Not ready"}
    assert int(answer.headers["retry-after"]) >= 1
    broker.start()
    create_its_topics(giftledger)
    wait_for(lambda: sender.request("GET", "/health").status == 200, "the load balancer to be told")


def test_sigterm_ends_the_ingress_also_while_its_broker_hangs(giftledger: Giftledger, broker: Broker) -> None:
    create_its_topics(giftledger)
    ingress, sender = start_ingress(giftledger, PUBLISH_DEADLINE_SECONDS="0.5")
    body = encode(bought())

    with sender.posting(body, send=10) as posting:
        broker.pause()
        try:
            posting.connection.sendall(posting.rest)
            ingress.process.signal(ingress.process.stop_signal)
            answer = posting.answer()
            code = ingress.process.wait(20)
        finally:
            broker.resume()

    assert (answer.status, code) == (503, 0)
