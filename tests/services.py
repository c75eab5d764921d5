"""giftledger's own processes in tests: an ingress or a worker, and what their admin ports say."""

import asyncio
import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prometheus_client.parser import text_string_to_metric_families

from consumer.common.settings import load
from consumer.kafka.topics import create_topics
from consumer.postgres.migrate import migrate
from deploy.local.services import Giftledger, Service
from deploy.local.stack import Stack
from deploy.local.waiting import free_port, wait_for
from tests.sender import SECRET, Sender


def deployment(stack: Stack, **settings: str) -> dict[str, str]:
    """Give the settings of a deployment of its own: topics, consumer group, key; the database is the stack's.

    A group forgets its dead soon: a successor has to wait for that.
    """
    return {
        **stack.environment(),
        "TOPIC_PREFIX": f"test-{uuid.uuid4().hex[:12]}",
        "TOPIC_PARTITIONS": "3",
        "KAFKA_GROUP_ID": f"test-{uuid.uuid4().hex[:12]}",
        "KAFKA_SESSION_TIMEOUT_MS": "2000",
        "WEBHOOK_SIGNING_KEYS": f"test={SECRET}",
        "INGRESS_HOST": "127.0.0.1",
        "INGRESS_PORT": str(free_port()),
        "ADMIN_HOST": "127.0.0.1",
        "ADMIN_PORT": str(free_port()),
        **settings,
    }


@contextmanager
def commands(stack: Stack, environment: Mapping[str, str]) -> Iterator[Giftledger]:
    """Run giftledger's commands, and end those that keep running when the block ends."""
    giftledger = Giftledger(stack, environment)
    try:
        yield giftledger
    finally:
        giftledger.stop()


def create_its_topics(giftledger: Giftledger) -> None:
    """Do what `giftledger topics` does, without a process of its own: most tests are not about the command."""
    asyncio.run(create_topics(load(giftledger.environment)))


def migrate_its_database(giftledger: Giftledger) -> None:
    """Do what `giftledger migrate` does, without a process of its own."""
    asyncio.run(migrate(load(giftledger.environment)))


def start_ingress(giftledger: Giftledger, *, ready: bool = True, **settings: str) -> tuple[Service, Sender]:
    """Start an ingress; give it, and a sender that posts to it."""
    port = free_port()
    service = giftledger.start("ingress", INGRESS_PORT=str(port), **settings)
    if ready:
        service.wait_until_ready()
    return service, Sender(port)


def start_worker(giftledger: Giftledger, **settings: str) -> Service:
    service = giftledger.start("worker", **settings)
    service.wait_until_ready()
    return service


def start_both(giftledger: Giftledger) -> tuple[Service, Sender, Service]:
    """Make tables and topics, start an ingress and a worker; give both, and a sender between them."""
    migrate_its_database(giftledger)
    create_its_topics(giftledger)
    return *start_ingress(giftledger), start_worker(giftledger)


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own processes, on loopback
        text: str = answer.read().decode()
        return text


def reasons(service: Service) -> str:
    """Say why a service is not ready; nothing when it is, or one of its ports does not listen yet."""
    try:
        read(f"http://127.0.0.1:{service.admin_port}/health/ready")
    except urllib.error.HTTPError as refusal:
        with refusal:
            against = json.load(refusal)["reasons"]
            return "" if "not listening yet" in against else " ".join(against)
    except OSError:
        pass
    return ""


def wait_for_reason(service: Service, reason: str) -> None:
    """Wait until a service is not ready for a reason that contains these words."""
    service.process.wait_until(lambda: reason in reasons(service), f"not ready: {reason}")


def metric(service: Service, name: str, **labels: str) -> float:
    """Give a sample's value, summed over the labels that are not given; 0 where there is none."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(read(service.metrics_url))
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def wait_for_metric(service: Service, name: str, value: float, **labels: str) -> None:
    """Wait until a metric is at least ``value``. Raises with the process' log when it ends meanwhile."""
    what = f"{name}{labels or ''} >= {value:g}"
    service.process.wait_until(lambda: metric(service, name, **labels) >= value, what)


__all__ = [
    "commands",
    "create_its_topics",
    "deployment",
    "metric",
    "migrate_its_database",
    "read",
    "reasons",
    "start_both",
    "start_ingress",
    "start_worker",
    "wait_for",
    "wait_for_metric",
    "wait_for_reason",
]
