"""Clients that are slow, endless, too many or too loud: they are shown out, and the others are served meanwhile."""

import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from consumer.ingress.connection import LINGER_SECONDS
from consumer.ingress.protocol import MAX_HEAD_BYTES
from deploy.local.services import Giftledger, Service
from deploy.local.stack import Stack
from deploy.local.waiting import PATIENT_SECONDS
from tests.builders import bought, encode
from tests.integration.ingress.raw import connect, received
from tests.sender import Sender
from tests.services import commands, create_its_topics, deployment, metric, start_ingress, wait_for

pytestmark = pytest.mark.once

READ_SECONDS = 1.5
# What an answer may take beyond its bound, on a busy machine.
MARGIN = 30.0
# Where the ingress must have patience with a client, for as long as a busy machine takes over the test.
PATIENT = str(PATIENT_SECONDS)
HEAD = b"POST /webhooks HTTP/1.1\r\nhost: localhost\r\n"


class Deployment(NamedTuple):
    giftledger: Giftledger
    ingress: Service
    sender: Sender


@pytest.fixture(scope="module")
def deployed(stack: Stack) -> Iterator[Deployment]:
    with commands(stack, deployment(stack, WEBHOOK_READ_TIMEOUT_SECONDS=str(READ_SECONDS))) as giftledger:
        create_its_topics(giftledger)
        yield Deployment(giftledger, *start_ingress(giftledger))


@pytest.fixture
def sender(deployed: Deployment) -> Sender:
    return deployed.sender


def drip(connection: socket.socket, data: bytes, seconds: float) -> bytes:
    """Send byte by byte until the other side says something or hangs up; give what it said."""
    until = time.monotonic() + seconds
    for byte in data:
        if select.select([connection], [], [], 0.1)[0]:
            break
        connection.sendall(bytes([byte]))
        assert time.monotonic() < until, "nobody was shown out"
    return received(connection)


def assert_serves(sender: Sender) -> None:
    assert sender.post(encode(bought())).status == 200


def test_a_body_that_drips_is_refused_in_time(deployed: Deployment, sender: Sender) -> None:
    before = metric(deployed.ingress, "giftcert_webhook_requests_total", reason="body_too_slow")
    with connect(sender) as connection:
        connection.sendall(HEAD + b"content-length: 1000\r\n\r\n")
        started = time.monotonic()
        answer = drip(connection, b"x" * 1000, READ_SECONDS + MARGIN)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in answer
    assert time.monotonic() - started < READ_SECONDS + LINGER_SECONDS + MARGIN
    assert metric(deployed.ingress, "giftcert_webhook_requests_total", reason="body_too_slow") == before + 1
    assert_serves(sender)


def test_a_client_that_stalls_in_its_body_gives_its_place_back(deployed: Deployment) -> None:
    # Long enough for a busy machine to see that both places are taken.
    _, sender = start_ingress(deployed.giftledger, MAX_IN_FLIGHT_REQUESTS="2", WEBHOOK_READ_TIMEOUT_SECONDS="8")
    body = encode(bought())

    with sender.posting(body, send=10), sender.posting(body, send=10):
        assert sender.post(body).status == 503
        wait_for(lambda: sender.post(body).status == 200, "a place")


def test_a_head_that_drips_is_refused_in_time(sender: Sender) -> None:
    with connect(sender) as connection:
        answer = drip(connection, HEAD + b"x-header: " + b"x" * 1000, READ_SECONDS + MARGIN)

    assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_second_head_that_drips_is_refused_in_time(sender: Sender) -> None:
    with connect(sender) as connection:
        connection.sendall(b"GET /elsewhere HTTP/1.1\r\nhost: localhost\r\n\r\n")
        answered = b""
        while not answered.endswith(b"}"):
            answered += connection.recv(65_536)
        answer = drip(connection, HEAD + b"x-header: " + b"x" * 1000, READ_SECONDS + MARGIN)

    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("flood", [b"x: %s\r\n" % (b"y" * 100), b"y" * 100], ids=["many headers", "one huge header"])
def test_a_flood_of_headers_is_refused(deployed: Deployment, sender: Sender, flood: bytes) -> None:
    before = metric(deployed.ingress, "giftcert_connections_closed_total", reason="head_too_large")
    with connect(sender) as connection:
        connection.sendall(HEAD + b"z: ")
        try:
            for _ in range(10 * MAX_HEAD_BYTES // len(flood)):
                connection.sendall(flood)
        except (BrokenPipeError, ConnectionResetError):
            pass
        received(connection)

    assert metric(deployed.ingress, "giftcert_connections_closed_total", reason="head_too_large") == before + 1
    assert_serves(sender)


def test_an_endless_body_is_cut_off_after_its_refusal(sender: Sender) -> None:
    with connect(sender) as connection:
        connection.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            send_for_ever(connection)


def send_for_ever(connection: socket.socket) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        connection.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        time.sleep(0.01)


def test_two_thousand_idle_connections_disturb_nobody_and_are_closed(sender: Sender) -> None:
    with ExitStack() as connections:
        idle = [connections.enter_context(connect(sender)) for _ in range(2000)]

        assert_serves(sender)
        wait_for(lambda: all(closed(connection) for connection in idle), "the idle ones to be closed")
        assert_serves(sender)


def closed(connection: socket.socket) -> bool:
    connection.setblocking(False)  # noqa: FBT003 - a method of the standard library
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_over_the_bound_of_connections_the_one_that_rested_longest_makes_room(deployed: Deployment) -> None:
    ingress, sender = start_ingress(deployed.giftledger, MAX_CONNECTIONS="50", WEBHOOK_READ_TIMEOUT_SECONDS=PATIENT)
    body = encode(bought())

    with ExitStack() as connections, sender.posting(body, send=10) as busy:
        resting = [connections.enter_context(connect(sender)) for _ in range(49)]
        # The first one is no longer the longest.
        resting[0].sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert resting[0].recv(12) == b"HTTP/1.1 200"

        assert_serves(sender)
        wait_for(lambda: closed(resting[1]), "the longest to be closed")
        assert [closed(connection) for connection in resting] == [False, True] + [False] * 47
        assert busy.finish().status == 200

    assert metric(ingress, "giftcert_connections_closed_total", reason="room") == 1


def test_over_the_bound_of_busy_connections_the_ingress_is_unavailable_and_then_available_again(
    deployed: Deployment,
) -> None:
    _, sender = start_ingress(deployed.giftledger, MAX_CONNECTIONS="3", WEBHOOK_READ_TIMEOUT_SECONDS=PATIENT)
    body = encode(bought())

    with ExitStack() as connections:
        for _ in range(3):
            connections.enter_context(sender.posting(body, send=10))
        with connect(sender) as connection:
            answer = received(connection)

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 1\r\n" in answer
    assert b"application/problem+json" in answer
    assert_serves(sender)
