"""Several requests on one connection: answered in their order, each once, and bounded in memory while they wait."""

import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from consumer.ingress.connection import LINGER_SECONDS
from deploy.local.services import Service
from deploy.local.stack import Stack
from tests.builders import bought, encode
from tests.integration.ingress.raw import (
    HOST,
    LINE,
    answers,
    connect,
    is_silent,
    received,
    request,
    send_apart,
    statuses,
)
from tests.sender import Sender
from tests.services import commands, create_its_topics, deployment, metric, start_ingress, wait_for

pytestmark = pytest.mark.once

# Longer than a busy machine lets a client wait in the midst of a request, or between two.
READ_SECONDS = 6
KEEP_ALIVE_SECONDS = 6
# What the end of a connection may take beyond its bound.
MARGIN = 30
GET_HEALTH = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"
TOO_LARGE = LINE + HOST + b"content-length: 300000\r\n\r\n"


class Deployment(NamedTuple):
    ingress: Service
    sender: Sender


@pytest.fixture(scope="module")
def deployed(stack: Stack) -> Iterator[Deployment]:
    settings = deployment(
        stack,
        WEBHOOK_READ_TIMEOUT_SECONDS=str(READ_SECONDS),
        INGRESS_KEEP_ALIVE_SECONDS=str(KEEP_ALIVE_SECONDS),
    )
    with commands(stack, settings) as giftledger:
        create_its_topics(giftledger)
        yield Deployment(*start_ingress(giftledger))


@pytest.fixture
def sender(deployed: Deployment) -> Sender:
    return deployed.sender


def test_many_requests_at_once_are_answered_in_their_order(sender: Sender) -> None:
    requests = [request(), GET_HEALTH, request(b"{}"), b"GET /elsewhere HTTP/1.1\r\nhost: a\r\n\r\n"] * 50
    with connect(sender) as connection:
        connection.sendall(b"".join(requests))

        assert statuses(answers(connection, 200)) == [200, 200, 400, 404] * 50


NO_REQUESTS = {
    "garbage": b"garbage\r\n\r\n",
    "a bad chunk": LINE + HOST + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
    "too large a head": LINE + b"x: " + b"y" * 40_000,
}


@pytest.mark.parametrize("before", [1, 3])
@pytest.mark.parametrize("bad", NO_REQUESTS.values(), ids=NO_REQUESTS)
def test_what_is_no_request_does_not_take_the_answer_of_those_in_front(sender: Sender, bad: bytes, before: int) -> None:
    with connect(sender) as connection:
        connection.sendall(request() * before + bad)
        answer = received(connection)

    assert statuses(answer)[:-1] == [200] * before
    assert statuses(answer)[-1] in {400, 431}


def test_what_follows_a_request_that_closes_is_not_answered(sender: Sender) -> None:
    with connect(sender) as connection:
        connection.sendall(request(more=b"connection: close\r\n") + request() + b"garbage\r\n\r\n")

        assert statuses(received(connection)) == [200]


def test_a_refused_body_that_goes_wrong_has_no_second_answer(sender: Sender) -> None:
    with connect(sender) as connection:
        head = LINE + HOST + b"content-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n"
        send_apart(connection, head, b"zz\r\n")

        assert statuses(received(connection)) == [415]


@pytest.mark.parametrize(
    ("one", "enough"),
    [(lambda: GET_HEALTH, 20_000), (request, 1_000)],
    ids=["answered at once", "answered by Kafka"],
)
def test_thousands_of_requests_that_wait_take_no_memory(
    deployed: Deployment, sender: Sender, one: Callable[[], bytes], enough: int
) -> None:
    before = resident_bytes(deployed.ingress)
    with connect(sender) as connection:
        flood = threading.Thread(target=send_until_closed, args=(connection, one() * 10_000, 300), daemon=True)
        flood.start()
        answered, largest = 0, before
        while answered < enough:
            # An answer that is cut in two may be missed; there are enough of them.
            answered += connection.recv(1 << 20).count(b"HTTP/1.1 ")
            largest = max(largest, resident_bytes(deployed.ingress))
    flood.join(30)

    # What waits is more than 129 MB, and each request that is parsed takes some 3 kB.
    assert largest - before < 60_000_000


def send_until_closed(connection: socket.socket, block: bytes, times: int) -> None:
    try:
        for _ in range(times):
            connection.sendall(block)
    except OSError:
        pass


def resident_bytes(service: Service) -> int:
    return int(Path(f"/proc/{service.process.pid}/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("count", [1, 2, 20])
def test_a_client_that_resets_its_connection_costs_no_traceback(
    deployed: Deployment, sender: Sender, count: int
) -> None:
    for _ in range(20):
        with connect(sender) as connection:
            connection.sendall(request() * count + GET_HEALTH)
            # Closing resets the connection instead of ending it.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert sender.post(encode(bought())).status == 200
    assert "Traceback" not in deployed.ingress.process.log.read_text()


# A connection between two requests.


def test_a_connection_may_rest_as_long_as_the_setting_says_and_no_longer(sender: Sender) -> None:
    with connect(sender) as connection:
        connection.sendall(GET_HEALTH)
        answers(connection, 1)
        assert is_silent(connection, KEEP_ALIVE_SECONDS / 2)
        connection.sendall(GET_HEALTH)
        assert statuses(answers(connection, 1)) == [200]

        wait_for(lambda: not is_silent(connection, 0), "the end of the connection", KEEP_ALIVE_SECONDS + MARGIN)
        assert connection.recv(1) == b""


@pytest.mark.parametrize("crumb", [b"\r\n", b"\r", b"\r\n\r\n\r\n"], ids=repr)
def test_an_empty_line_after_an_answer_does_not_hold_the_connection_for_ever(sender: Sender, crumb: bytes) -> None:
    with connect(sender) as connection:
        connection.sendall(GET_HEALTH)
        answers(connection, 1)
        connection.sendall(crumb)

        wait_for(lambda: not is_silent(connection, 0), "the end of the connection", KEEP_ALIVE_SECONDS + MARGIN)


@pytest.mark.parametrize("more", [b"", GET_HEALTH], ids=["nothing more", "another request"])
def test_a_refused_body_that_came_whole_does_not_hold_the_connection_for_ever(sender: Sender, more: bytes) -> None:
    with connect(sender) as connection:
        connection.sendall(TOO_LARGE)
        assert statuses(answers(connection, 1)) == [413]
        connection.sendall(b"x" * 300_000 + more)
        if more:
            assert statuses(answers(connection, 1)) == [200], "the connection goes on where the body ends"

        assert is_silent(connection, LINGER_SECONDS / 2), "whole in time, it costs nobody the connection"
        wait_for(lambda: not is_silent(connection, 0), "the end of the connection", KEEP_ALIVE_SECONDS + MARGIN)


def test_a_refused_body_that_does_not_come_is_not_waited_for(sender: Sender) -> None:
    with connect(sender) as connection:
        connection.sendall(TOO_LARGE)
        answers(connection, 1)

        wait_for(lambda: not is_silent(connection, 0), "the end of the connection", LINGER_SECONDS + MARGIN)


# Chunks and trailers that are larger than what they carry.


@pytest.mark.parametrize(
    "flood",
    [b"0\r\nx: " + b"y" * 100_000, b"0\r\n" + b"x: y\r\n" * 20_000, (b"1;" + b"y" * 12_000 + b"\r\nx\r\n") * 8],
    ids=["one huge trailer", "many trailers", "chunk extensions"],
)
def test_chunks_and_trailers_are_bounded(sender: Sender, flood: bytes) -> None:
    with connect(sender) as connection:
        connection.sendall(LINE + HOST + b"transfer-encoding: chunked\r\n\r\n" + flood)
        answer = received(connection)

    assert statuses(answer) == [400]
    assert b"application/problem+json" in answer


def test_the_smallest_chunks_are_taken(sender: Sender) -> None:
    body = encode(bought())
    whole = request(body).replace(b"content-length: %d" % len(body), b"transfer-encoding: chunked")
    chunks = b"".join(b"0001;a=b\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    with connect(sender) as connection:
        connection.sendall(whole.removesuffix(body) + chunks)

        assert statuses(answers(connection, 1)) == [200]


# Any requests, cut anywhere: each has its own answer, in their order.

OFFER = b"connection: upgrade\r\nupgrade: h2c\r\n"
GZIP = b"content-encoding: gzip\r\n"


def in_chunks(chance: random.Random, more: bytes = b"") -> bytes:
    """Write a genuine webhook in chunks of any size, with extensions and a trailer."""
    body = encode(bought())
    head = (
        request(body, more).removesuffix(body).replace(b"content-length: %d" % len(body), b"transfer-encoding: chunked")
    )
    chunks = []
    while body:
        size = chance.randint(1, 200)
        extension = chance.choice([b"", b";a", b";a=b", b';a="b c"'])
        chunks.append(b"%x%b\r\n%b\r\n" % (len(body[:size]), extension, body[:size]))
        body = body[size:]
    return head + b"".join(chunks) + b"0\r\n" + chance.choice([b"", b"x: y\r\n", b"host: z\r\n"]) + b"\r\n"


KINDS: dict[str, tuple[Callable[[random.Random], bytes], list[int]]] = {
    "genuine": (lambda _: request(), [200]),
    "chunked": (in_chunks, [200]),
    "upgrade": (lambda _: request(more=OFFER), [200]),
    "upgrade, chunked": (lambda chance: in_chunks(chance, OFFER), [200]),
    "upgrade without a body": (lambda _: b"GET /health HTTP/1.1\r\nhost: a\r\n" + OFFER + b"\r\n", [200]),
    "a request in a body": (lambda _: request(request()), [400]),
    "encoded": (lambda _: request(more=GZIP), [415]),
    "encoded, chunked": (lambda chance: in_chunks(chance, GZIP), [415]),
    "encoded, with an offer": (lambda chance: in_chunks(chance, GZIP + OFFER), [415]),
    "too large": (lambda _: LINE + HOST + b"content-length: 300000\r\n\r\n" + b"G" * 300_000, [413]),
    "no host": (lambda _: request(host=b""), [400]),
    "elsewhere": (lambda _: b"PUT /elsewhere HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nGET", [404]),
    "health": (lambda _: b"\r\n" + GET_HEALTH, [200]),
    "large": (lambda _: request(encode(bought()) + b" " * 100_000), [200]),
}


@pytest.mark.parametrize("seed", range(30))
def test_any_requests_cut_anywhere_are_answered_each_once_and_in_their_order(sender: Sender, seed: int) -> None:
    chance = random.Random(seed)
    chosen = [chance.choice(sorted(KINDS)) for _ in range(chance.randint(2, 12))]
    wire = b"".join(KINDS[kind][0](chance) for kind in chosen)
    expected = [status for kind in chosen for status in KINDS[kind][1]]
    with connect(sender) as connection:
        sending = threading.Thread(target=send_cut, args=(connection, wire, chance), daemon=True)
        sending.start()
        got = answers(connection, len(expected))
        sending.join(30)

        assert statuses(got) == expected, chosen
        assert is_silent(connection)


def send_cut(connection: socket.socket, wire: bytes, chance: random.Random) -> None:
    while wire:
        size = chance.choice([1, 7, 100, 1_000, 4_096, 5_000, 100_000, 400_000])
        connection.sendall(wire[:size])
        wire = wire[size:]
        if chance.random() < min(1, 2_000 / (len(wire) + 1)):
            time.sleep(chance.choice([0, 0.001, 0.005]))


def test_a_client_that_reads_no_answers_is_shown_out(deployed: Deployment, sender: Sender) -> None:
    before = metric(deployed.ingress, "giftcert_connections_closed_total", reason="answers_unread")
    flood = GET_HEALTH * 1_000_000
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", sender.port))
        connection.settimeout(60)  # the kernel takes some megabytes of answers
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            connection.sendall(flood)

    assert metric(deployed.ingress, "giftcert_connections_closed_total", reason="answers_unread") == before + 1
