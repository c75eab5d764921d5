"""The head of a request: what it must say once, what it may not say, and how large it may be."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from consumer.ingress.head import ONCE
from consumer.ingress.protocol import MAX_HEAD_BYTES
from consumer.ingress.signature import HEADER, sign
from deploy.local.services import Service
from deploy.local.stack import Stack
from tests.builders import bought, encode
from tests.integration.ingress.raw import (
    HOST,
    LINE,
    answers,
    chunked,
    connect,
    received,
    request,
    send_apart,
    signed,
    statuses,
)
from tests.sender import Sender
from tests.services import commands, create_its_topics, deployment, metric, start_ingress

pytestmark = pytest.mark.once


class Deployment(NamedTuple):
    ingress: Service
    sender: Sender


@pytest.fixture(scope="module")
def deployed(stack: Stack) -> Iterator[Deployment]:
    with commands(stack, deployment(stack)) as giftledger:
        create_its_topics(giftledger)
        yield Deployment(*start_ingress(giftledger))


@pytest.fixture
def sender(deployed: Deployment) -> Sender:
    return deployed.sender


def answer_to(sender: Sender, *segments: bytes) -> bytes:
    with connect(sender) as connection:
        send_apart(connection, *segments)
        return answers(connection, 1)


def assert_refused(answer: bytes, status: int, reason: str) -> None:
    assert statuses(answer) == [status], answer
    assert b"application/problem+json" in answer
    assert f'"reason":"{reason}"'.encode() in answer


BODY = encode(bought())
TWICE = {
    "host": b"host: localhost\r\n",
    "content-length": b"content-length: %d\r\n" % len(BODY),
    "transfer-encoding": b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
    "content-encoding": b"content-encoding: identity\r\ncontent-encoding: identity\r\n",
    "expect": b"expect: nothing\r\nexpect: nothing\r\n",
    "traceparent": b"traceparent: 00\r\nTraceparent: 00\r\n",
    HEADER: f"{HEADER}: {sign('another', BODY)}\r\n".encode(),
}


def test_each_header_that_has_one_value_is_tried_twice_below() -> None:
    assert set(TWICE) == set(ONCE)


@pytest.mark.parametrize("more", TWICE.values(), ids=TWICE)
def test_a_header_given_twice_is_refused(sender: Sender, more: bytes) -> None:
    answer = answer_to(sender, request(BODY, more))

    assert statuses(answer) == [400]
    assert b"application/problem+json" in answer


@pytest.mark.parametrize("name", ["host", "content-encoding", "traceparent", HEADER])
def test_the_header_that_is_given_twice_is_named(deployed: Deployment, name: str) -> None:
    before = metric(deployed.ingress, "giftcert_webhook_requests_total", reason="head_malformed")

    answer = answer_to(deployed.sender, request(BODY, TWICE[name]))

    assert_refused(answer, 400, "head_malformed")
    assert f"Header {name} is given twice".encode() in answer
    assert metric(deployed.ingress, "giftcert_webhook_requests_total", reason="head_malformed") == before + 1


def test_headers_that_are_lists_may_come_in_several_lines(sender: Sender) -> None:
    more = b"via: 1.1 a\r\nvia: 1.1 b\r\nx-forwarded-for: 10.0.0.1\r\nx-forwarded-for: 10.0.0.2\r\n"

    assert statuses(answer_to(sender, request(more=more))) == [200]


@pytest.mark.parametrize("host", [b"", b"host: a b\r\n", b"host: a/b\r\n", b"host: \xff\r\n"], ids=repr)
@pytest.mark.parametrize("line", [LINE, b"GET /health HTTP/1.1\r\n", b"GET /elsewhere HTTP/1.1\r\n"], ids=repr)
def test_a_request_without_a_host_is_refused(sender: Sender, line: bytes, host: bytes) -> None:
    assert_refused(answer_to(sender, request(line=line, host=host)), 400, "head_malformed")


@pytest.mark.parametrize("host", [b"[::1]:8080", b"hooks.example.com:443", b"a_b.example", b""], ids=repr)
def test_any_host_will_do(sender: Sender, host: bytes) -> None:
    assert statuses(answer_to(sender, request(host=b"Host: %b\r\n" % host))) == [200]


def test_http_1_0_needs_no_host_and_is_answered_once(sender: Sender) -> None:
    with connect(sender) as connection:
        connection.sendall(request(line=b"POST /webhooks HTTP/1.0\r\n", host=b"connection: keep-alive\r\n"))
        answer = received(connection)

    assert statuses(answer) == [200]
    assert b"connection: close" in answer


def test_http_1_0_is_not_told_to_continue(sender: Sender) -> None:
    more = b"expect: 100-continue\r\n"
    with connect(sender) as connection:
        send_apart(connection, *cut_before_body(request(BODY, more, line=b"POST /webhooks HTTP/1.0\r\n")))
        assert statuses(received(connection)) == [200]
    with connect(sender) as connection:
        send_apart(connection, *cut_before_body(request(BODY, more)))
        assert statuses(answers(connection, 2)) == [100, 200]


def cut_before_body(whole: bytes) -> tuple[bytes, bytes]:
    return whole.removesuffix(BODY), BODY


@pytest.mark.parametrize("version", [b"0.9", b"2.0", b"1.2", b"3.0", b"1", b"1.11"])
def test_another_version_in_the_line_is_refused(sender: Sender, version: bytes) -> None:
    answer = answer_to(sender, request(line=b"POST /webhooks HTTP/%b\r\n" % version))

    assert statuses(answer) == [400]
    assert b"application/problem+json" in answer


@pytest.mark.parametrize("target", [b"http://localhost/webhooks", b"/webhooks?a=b", b"/%77ebhooks"])
def test_the_path_may_be_written_otherwise(sender: Sender, target: bytes) -> None:
    assert statuses(answer_to(sender, request(line=b"POST %b HTTP/1.1\r\n" % target))) == [200]


@pytest.mark.parametrize(
    "target", [b"http://localhost", b"webhooks", b"*", b"/\xff", b"http://localhost:99999/webhooks"]
)
def test_a_target_that_is_no_path_is_refused(sender: Sender, target: bytes) -> None:
    assert statuses(answer_to(sender, request(line=b"POST %b HTTP/1.1\r\n" % target)))[0] in {400, 404}


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"br", b"identity, gzip", b"x-unknown", b"GZIP"])
def test_an_encoded_body_is_refused_as_that(sender: Sender, encoding: bytes) -> None:
    answer = answer_to(sender, request(more=b"content-encoding: %b\r\n" % encoding))

    assert_refused(answer, 415, "content_encoding")
    assert b"accept-encoding: identity\r\n" in answer


@pytest.mark.parametrize("encoding", [b"identity", b"Identity", b"", b"identity, identity"])
def test_a_body_that_is_said_to_be_as_it_was_is_taken(sender: Sender, encoding: bytes) -> None:
    assert statuses(answer_to(sender, request(more=b"content-encoding: %b\r\n" % encoding))) == [200]


@pytest.mark.parametrize("line", [LINE, b"POST /webhooks HTTP/1.0\r\n"])
@pytest.mark.parametrize("encoding", [b"gzip, chunked", b"identity, chunked", b"chunked"])
def test_a_transfer_encoding_other_than_chunked_in_http_1_1_ends_the_connection(
    sender: Sender, line: bytes, encoding: bytes
) -> None:
    head = line + HOST + signed(BODY) + b"transfer-encoding: %b\r\n\r\n" % encoding
    if (line, encoding) == (LINE, b"chunked"):
        assert statuses(answer_to(sender, head + chunked(BODY))) == [200]
        return
    with connect(sender) as connection:
        connection.sendall(head + chunked(BODY) + request())

        assert statuses(received(connection)) == [400]


@pytest.mark.parametrize("together", [True, False])
def test_a_signature_in_the_trailer_does_not_count(sender: Sender, *, together: bool) -> None:
    head = LINE + HOST + f"trailer: {HEADER}\r\n".encode() + b"transfer-encoding: chunked\r\n\r\n"
    body = chunked(BODY, trailer=signed(BODY))

    answer = answer_to(sender, head + body) if together else answer_to(sender, head, body)

    assert_refused(answer, 401, "signature_missing")


def test_other_headers_in_the_trailer_change_nothing(sender: Sender) -> None:
    head = LINE + HOST + signed(BODY) + b"transfer-encoding: chunked\r\n\r\n"
    trailer = b"content-encoding: gzip\r\nhost: elsewhere\r\n" + signed(b"another")

    assert statuses(answer_to(sender, head + chunked(BODY, trailer=trailer))) == [200]


def of_size(size: int) -> bytes:
    """Write a genuine webhook whose head has ``size`` bytes."""
    rest = size - len(request(BODY, b"x: \r\n")) + len(BODY)
    return request(BODY, b"x: %b\r\n" % (b"y" * rest))


@pytest.mark.parametrize("size", [1000, MAX_HEAD_BYTES - 1, MAX_HEAD_BYTES])
@pytest.mark.parametrize("together", [True, False])
def test_a_head_of_32_kb_is_taken(sender: Sender, size: int, *, together: bool) -> None:
    whole = of_size(size)
    segments = [whole] if together else [whole[: size // 2], whole[size // 2 : size], whole[size:]]

    assert statuses(answer_to(sender, *segments)) == [200]


@pytest.mark.parametrize("size", [MAX_HEAD_BYTES + 1, 40_000, 64_000, 128_000, 250_000])
@pytest.mark.parametrize("together", [True, False])
def test_a_larger_head_is_refused_however_it_comes(sender: Sender, size: int, *, together: bool) -> None:
    whole = of_size(size)
    segments = [whole] if together else [whole[:30_000], whole[30_000:]]
    with connect(sender) as connection:
        send_apart(connection, *segments)
        answer = received(connection)

    assert statuses(answer) == [431]
    assert b"application/problem+json" in answer


def test_a_large_body_in_front_does_not_make_a_head_large(sender: Sender) -> None:
    body = BODY + b" " * 60_000
    second = request(BODY)
    with connect(sender) as connection:
        send_apart(connection, request(body) + second[:100], second[100:])

        assert statuses(answers(connection, 2)) == [200, 200]
