"""A signing key is rotated as the runbook says, under traffic: no webhook is refused, none is lost."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from signal import SIGTERM

from consumer.common.settings import load
from deploy.local.services import Giftledger, Service
from deploy.local.stack import Stack
from deploy.local.waiting import free_port
from tests.builders import bought, encode
from tests.records import attempt, header, read_until
from tests.sender import Sender
from tests.services import commands, create_its_topics, deployment, wait_for

OLD, NEW = "the-key-of-2025", "the-key-of-2026"
SOME = 20


@dataclass
class Replica:
    """One of the ingresses, at a port that it keeps."""

    giftledger: Giftledger
    port: int = field(default_factory=free_port)
    service: Service | None = None

    def start(self, keys: str) -> None:
        self.service = self.giftledger.start("ingress", INGRESS_PORT=str(self.port), WEBHOOK_SIGNING_KEYS=keys)
        self.service.wait_until_ready()

    def restart(self, keys: str) -> None:
        assert self.service
        self.service.process.signal(SIGTERM)
        assert self.service.process.wait() == 0
        self.start(keys)


@dataclass
class Traffic:
    """What posts to whichever replica takes it, as a load balancer does, and the last status of each attempt."""

    replicas: list[Replica]
    secret: str = OLD
    answers: dict[str, int] = field(default_factory=dict)

    def post(self) -> None:
        webhook = bought(_id=f"certificate-{len(self.answers)}")
        self.answers[webhook["attemptId"]] = self.send(encode(webhook), self.secret)

    def send(self, body: bytes, secret: str) -> int:
        status = 0
        for replica in self.replicas:
            try:
                status = Sender(replica.port, secret).post(body).status
            except (OSError, HTTPException):  # it is away, or went
                continue
            if status != 503:
                break
        return status

    def goes_on(self) -> None:
        """Wait until some more is posted."""
        enough = len(self.answers) + SOME
        wait_for(lambda: len(self.answers) >= enough, f"{enough} webhooks")


@contextmanager
def posting(traffic: Traffic) -> Iterator[None]:
    """Post one webhook after the other while the block runs."""
    ended = threading.Event()

    def post() -> None:
        while not ended.wait(0.01):
            traffic.post()

    thread = threading.Thread(target=post)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_key_is_rotated_without_a_dropped_webhook(stack: Stack) -> None:
    environment = deployment(stack)
    with commands(stack, environment) as giftledger:
        create_its_topics(giftledger)
        traffic = Traffic([Replica(giftledger), Replica(giftledger)])
        for replica in traffic.replicas:
            replica.start(f"2025={OLD}")
        with posting(traffic):
            traffic.goes_on()
            for replica in traffic.replicas:
                replica.restart(f"2025={OLD},2026={NEW}")
            traffic.goes_on()
            traffic.secret = NEW
            traffic.goes_on()
            for replica in traffic.replicas:
                replica.restart(f"2026={NEW}")
            traffic.goes_on()
        assert set(traffic.answers.values()) == {200}
        assert traffic.send(encode(bought()), OLD) == 401

    def all_there(records: list[object]) -> bool:
        return traffic.answers.keys() <= set(map(attempt, records))

    records = read_until(load(environment), ["certificates"], all_there, "every attempt that was answered with 200")
    key_of = {attempt(record): header(record, "signing-key-id") for record in records}
    keys = [key_of[attempt_id] for attempt_id in traffic.answers]
    assert keys == sorted(keys, key=str)
    assert set(keys) == {"2025", "2026"}
