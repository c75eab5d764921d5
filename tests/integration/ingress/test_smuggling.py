"""Requests whose end two readers could see in two places: a proxy in front of the ingress might see another than we.

Each carries a genuine webhook behind what may or may not be its end. It must never be taken for a second request.
"""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from consumer.ingress.signature import HEADER, sign
from deploy.local.services import Service
from deploy.local.stack import Stack
from tests.builders import bought, encode
from tests.integration.ingress.raw import connect, received
from tests.sender import SECRET, Sender
from tests.services import commands, create_its_topics, deployment, metric, start_ingress

pytestmark = pytest.mark.once

LINE = b"POST /webhooks HTTP/1.1\r\nhost: localhost\r\n"
LAST_CHUNK = b"0\r\n\r\n"


class Deployment(NamedTuple):
    ingress: Service
    sender: Sender


@pytest.fixture(scope="module")
def deployed(stack: Stack) -> Iterator[Deployment]:
    with commands(stack, deployment(stack, WEBHOOK_READ_TIMEOUT_SECONDS="1")) as giftledger:
        create_its_topics(giftledger)
        yield Deployment(*start_ingress(giftledger))


def genuine() -> bytes:
    """Write a request that the ingress takes, where it begins one."""
    body = encode(bought())
    lines = f"{HEADER}: {sign(SECRET, body)}\r\ncontent-length: {len(body)}\r\n\r\n"
    return LINE + lines.encode() + body


# Headers, and what stands between them and the genuine request.
AMBIGUOUS = {
    "a length and chunks": (b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", LAST_CHUNK),
    "chunks and a length": (b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n", LAST_CHUNK),
    "two lengths": (b"content-length: 0\r\ncontent-length: 5\r\n\r\n", b""),
    "the same length twice": (b"content-length: 0\r\ncontent-length: 0\r\n\r\n", b""),
    "a list of lengths": (b"content-length: 0, 0\r\n\r\n", b""),
    "a length with a sign": (b"content-length: +0\r\n\r\n", b""),
    "a length with a space in it": (b"content-length: 0 0\r\n\r\n", b""),
    "a length that is folded": (b"content-length: 0\r\n 0\r\n\r\n", b""),
    "a length of more than 64 bits": (b"content-length: 18446744073709551616\r\n\r\n", b""),
    "a length below zero": (b"content-length: -1\r\n\r\n", b""),
    "a length that is none": (b"content-length: 0x0\r\n\r\n", b""),
    "chunked, and not last": (b"transfer-encoding: chunked, identity\r\n\r\n", LAST_CHUNK),
    "an encoding that nobody knows": (b"transfer-encoding: xchunked\r\n\r\n", LAST_CHUNK),
    "chunked twice": (b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n", LAST_CHUNK),
    "chunked in quotation marks": (b'transfer-encoding: "chunked"\r\n\r\n', LAST_CHUNK),
    "chunked with a parameter": (b"transfer-encoding: chunked;q=1\r\n\r\n", LAST_CHUNK),
    "compressed, then chunked": (b"transfer-encoding: gzip, chunked\r\n\r\n", LAST_CHUNK),
    "chunked twice in one line": (b"transfer-encoding: chunked, chunked\r\n\r\n", LAST_CHUNK),
    "a header without a colon": (b"content-length\r\n\r\n", b""),
    "a header without a name": (b": chunked\r\n\r\n", b""),
    "a folded first line": (b" content-length: 0\r\n\r\n", b""),
    "a space before the colon": (b"transfer-encoding : chunked\r\n\r\n", LAST_CHUNK),
    "a folded line": (b"transfer-encoding:\r\n chunked\r\n\r\n", LAST_CHUNK),
    "a vertical tab": (b"transfer-encoding:\x0bchunked\r\n\r\n", LAST_CHUNK),
    "line feeds alone": (b"x: y\ncontent-length: 0\n\n", b""),
    "a carriage return alone": (b"x: y\rcontent-length: 0\r\n\r\n", b""),
    "a NUL in a name": (b"content-\x00length: 0\r\n\r\n", b""),
    "a chunk of 0x0": (b"transfer-encoding: chunked\r\n\r\n", b"0x0\r\n\r\n"),
    "a chunk of 0 in another script": (b"transfer-encoding: chunked\r\n\r\n", b"\xd9\xa0\r\n\r\n"),
    "a chunk with a space before its size": (b"transfer-encoding: chunked\r\n\r\n", b" 0\r\n\r\n"),
    "a chunk extension with a line feed": (b"transfer-encoding: chunked\r\n\r\n", b"0;a\nb\r\n\r\n"),
    "a chunk longer than its size": (b"transfer-encoding: chunked\r\n\r\n", b"1\r\nxx\r\n0\r\n\r\n"),
    "a chunk of -1": (b"transfer-encoding: chunked\r\n\r\n", b"-1\r\n\r\n"),
    "a chunk of no size": (b"transfer-encoding: chunked\r\n\r\n", b"\r\n\r\n"),
    "a chunk of more than 64 bits": (b"transfer-encoding: chunked\r\n\r\n", b"f0000000000000000\r\n\r\n"),
    "a chunk that ends in a line feed": (b"transfer-encoding: chunked\r\n\r\n", b"1\nx\n0\n\n"),
}


@pytest.mark.parametrize(("headers", "between"), AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_what_follows_an_ambiguous_request_is_no_request(deployed: Deployment, headers: bytes, between: bytes) -> None:
    accepted = metric(deployed.ingress, "giftcert_webhook_requests_total", outcome="accepted")
    with connect(deployed.sender) as connection:
        connection.sendall(LINE + headers + between + genuine())
        answer = received(connection)

    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), answer
    assert b"application/problem+json" in answer
    assert answer.count(b"HTTP/1.") == 1, "one answer, and the connection is closed"
    assert metric(deployed.ingress, "giftcert_webhook_requests_total", outcome="accepted") == accepted


def test_the_genuine_request_is_one_where_nothing_is_ambiguous(deployed: Deployment) -> None:
    """So that the tests above would see it."""
    with connect(deployed.sender) as connection:
        connection.sendall(LINE + b"content-length: 0\r\n\r\n" + genuine())
        answer = b""
        while answer.count(b"HTTP/1.1 ") < 2 or not answer.endswith(b"}"):
            answer += connection.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"HTTP/1.1 200 " in answer


def test_what_is_no_http_is_refused_as_every_error_and_counted(deployed: Deployment) -> None:
    before = metric(deployed.ingress, "giftcert_connections_closed_total", reason="not_http")
    with connect(deployed.sender) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        answer = received(connection)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer
    assert metric(deployed.ingress, "giftcert_connections_closed_total", reason="not_http") == before + 1
