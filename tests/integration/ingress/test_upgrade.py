"""Offers to go on in another protocol, as Java's client makes one with each request: ignored, and nothing is lost."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from consumer.common.settings import Settings, load
from deploy.local.stack import Stack
from tests.builders import bought, encode
from tests.integration.ingress.raw import (
    HOST,
    LINE,
    answers,
    chunked,
    connect,
    is_silent,
    request,
    send_apart,
    signed,
    statuses,
)
from tests.records import attempt, published, read_until
from tests.sender import Sender
from tests.services import commands, create_its_topics, deployment, start_ingress

pytestmark = pytest.mark.once

OFFERS = {
    "h2c": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n",
    "websocket": b"Upgrade: websocket\r\nConnection: keep-alive, upgrade\r\nSec-WebSocket-Version: 13\r\n",
    "TLS": b"Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n",
    "several": b"Connection: upgrade\r\nUpgrade: h2c\r\nUpgrade: TLS/1.2, websocket\r\n",
    "without an option": b"Connection: Upgrade\r\nUpgrade:\r\n",
}


@pytest.fixture(scope="module")
def deployed(stack: Stack) -> Iterator[tuple[Settings, Sender]]:
    environment = deployment(stack)
    with commands(stack, environment) as giftledger:
        create_its_topics(giftledger)
        yield load(environment), start_ingress(giftledger)[1]


@pytest.fixture
def settings(deployed: tuple[Settings, Sender]) -> Settings:
    return deployed[0]


@pytest.fixture
def sender(deployed: tuple[Settings, Sender]) -> Sender:
    return deployed[1]


def cut(whole: bytes, body: bytes, where: str) -> list[bytes]:
    """Cut a request into the segments that it comes in."""
    at = {"together": [], "body apart": [-len(body)], "in the head": [40], "thrice": [40, -len(body), -10]}[where]
    places = [0, *(place % len(whole) for place in at), len(whole)]
    return [whole[first:last] for first, last in pairwise(places)]


@pytest.mark.parametrize("where", ["together", "body apart", "in the head", "thrice"])
@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
def test_a_webhook_that_offers_another_protocol_is_taken_with_its_body(
    settings: Settings, sender: Sender, offer: bytes, where: str
) -> None:
    webhook = bought()
    body = encode(webhook)
    with connect(sender) as connection:
        send_apart(connection, *cut(request(body, offer), body, where))
        answer = answers(connection, 1)

        assert statuses(answer) == [200]
        assert is_silent(connection), "one request has one answer"
    assert published(settings, webhook["attemptId"]).value == body


def test_a_chunked_body_behind_an_offer_is_taken(sender: Sender) -> None:
    body = encode(bought())
    head = LINE + HOST + OFFERS["h2c"] + signed(body) + b"transfer-encoding: chunked\r\n\r\n"
    with connect(sender) as connection:
        send_apart(connection, head, chunked(body))

        assert statuses(answers(connection, 1)) == [200]


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
def test_the_next_request_begins_where_the_body_ends(settings: Settings, sender: Sender, offer: bytes) -> None:
    webhooks = [bought() for _ in range(3)]
    with connect(sender) as connection:
        connection.sendall(b"".join(request(encode(webhook), offer) for webhook in webhooks))
        assert statuses(answers(connection, 3)) == [200, 200, 200]
        connection.sendall(request(b"{}"))
        assert statuses(answers(connection, 1)) == [400]

    wanted = {webhook["attemptId"] for webhook in webhooks}
    read_until(settings, [], lambda records: wanted <= set(map(attempt, records)), f"{wanted}")


def test_a_request_inside_of_a_body_is_not_read(settings: Settings, sender: Sender) -> None:
    inner = bought()
    with connect(sender) as connection:
        send_apart(connection, request(request(encode(inner)), OFFERS["h2c"]))

        assert statuses(answers(connection, 1)) == [400], "the outer one is signed, and no JSON"
        assert is_silent(connection)
        connection.sendall(request(encode(outer := bought())))
        assert statuses(answers(connection, 1)) == [200]

    records = read_until(
        settings, [], lambda records: outer["attemptId"] in map(attempt, records), "the webhook that came last"
    )
    assert inner["attemptId"] not in map(attempt, records)


def test_an_offer_with_connection_close_ends_the_connection_after_its_answer(sender: Sender) -> None:
    with connect(sender) as connection:
        connection.sendall(request(more=b"Connection: upgrade, close\r\nUpgrade: h2c\r\n"))
        answer = answers(connection, 2)

    assert statuses(answer) == [200]
    assert b"connection: close" in answer


@pytest.mark.parametrize("line", [b"CONNECT localhost:80 HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n"])
def test_what_asks_for_a_tunnel_is_refused_and_what_follows_is_not_read(sender: Sender, line: bytes) -> None:
    with connect(sender) as connection:
        connection.sendall(line + HOST + b"\r\n" + request())

        assert statuses(answers(connection, 2)) == [400]
