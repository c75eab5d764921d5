"""What the sender's API may answer, and what is made of it."""

import json
from typing import Any

import pytest

from consumer.sender.answers import Item, read_one, read_page, read_undelivered
from schemas.fields import MAX_AMOUNT
from schemas.registry import Malformed


def page(*items: Any, **other: Any) -> bytes:
    return json.dumps({"giftCertificates": list(items), **other}).encode()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"balance": 5, "accountId": "a"}, (5, None, "a")),
        ({}, (None, None, None)),
        ({"balance": None, "accountId": None}, (None, None, None)),
        ({"balance": "5"}, (None, None, None)),
        ({"balance": 5.0}, (5, None, None)),
        ({"balance": 5.5}, (None, None, None)),
        ({"balance": MAX_AMOUNT}, (MAX_AMOUNT, None, None)),
        ({"balance": MAX_AMOUNT + 1}, (None, None, None)),
        ({"balance": -(10**400)}, (None, None, None)),
        ({"balance": 5, "deleted": True}, (0, None, None)),
        ({"balance": 5, "deleted": "no"}, (5, None, None)),
        ({"value": 7, "price": 6}, (7, 6, None)),
        ({"balance": 5, "accountId": "x" * 257}, (5, None, None)),
        ({"balance": 5, "accountId": "a\x00"}, (5, None, None)),
        ({"balance": 5, "data": {"deep": [[[[]]]]}}, (5, None, None)),
    ],
)
def test_of_an_item_nothing_is_relied_on_but_its_id(fields: dict[str, Any], expected: tuple[Any, ...]) -> None:
    assert read_page(page({"_id": "i", **fields})).items == [Item("i", *expected)]


@pytest.mark.parametrize("item", [{}, {"_id": 5}, {"_id": ""}, {"_id": "x" * 257}, {"_id": "a\nb"}, 5, None, []])
def test_an_item_without_an_id_costs_itself_only(item: Any) -> None:
    read = read_page(page(item, {"_id": "i", "balance": 1}))

    assert [one.id for one in read.items] == ["i"]
    assert read.unreadable == 1


@pytest.mark.parametrize("count", ["5", None, -1, 1.5, 10**30, True, []])
def test_a_count_that_is_none_is_none(count: Any) -> None:
    assert read_page(page(count=count)).total is None


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b"{}", b"<html>", b'"giftCertificates"', b'{"giftCertificates": 5}', b"\xff"),
        b'{"giftCertificates": [' + b"[" * 600 + b"]" * 600 + b"]}",
        b"[" * 100_000,
    ],
)
def test_what_is_not_documented_is_no_page(body: bytes) -> None:
    for read in (read_page, read_one):
        with pytest.raises(Malformed):
            read(body)


def test_the_message_quotes_nothing_of_the_answer() -> None:
    with pytest.raises(Malformed) as error:
        read_page(b'{"giftCertificates": "Zo\xc3\xab"}')

    assert "Zo" not in str(error.value)


@pytest.mark.parametrize(
    "body", [b'{"undelivered": [%s], "count": 1}', b"[%s]", b'{"whatever": [%s]}'], ids=["named", "bare", "any-name"]
)
def test_undelivered_webhooks_are_read_whatever_their_list_is_called(body: bytes) -> None:
    item = {"_id": "u1", "event": "giftcertificate.created", "created": 1780315200, "data": {"_id": "c1"}}

    (webhook,) = read_undelivered(body % json.dumps(item).encode())

    assert (webhook.id, webhook.event, webhook.entity_id) == ("u1", "giftcertificate.created", "c1")
    assert webhook.created_at
    assert webhook.created_at.isoformat() == "2026-06-01T12:00:00+00:00"


@pytest.mark.parametrize(
    "created", [None, 0, -1, 10**30, "x", {"value": "never"}, {"value": "0001-01-01T00:00:00Z"}, [], 1e308]
)
def test_an_undelivered_webhook_without_a_date_that_can_be_true_has_none(created: Any) -> None:
    (webhook,) = read_undelivered(json.dumps([{"id": "u", "created": created, "createdAt": created}]).encode())

    assert (webhook.created_at, webhook.event, webhook.entity_id) == (None, "?", "?")


@pytest.mark.parametrize("body", [b"{}", b'{"a": [], "b": []}', b"5", b"<html>"])
def test_without_one_list_nothing_is_known_of_the_undelivered(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_undelivered(body)
