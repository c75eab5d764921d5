"""Leniency: a label of another type costs nothing but itself; what decides whose balance it is and how much does."""

from itertools import count
from typing import Any

import msgspec
import pytest
from msgspec.structs import astuple

from schemas.certificates import ShiftLocation
from schemas.registry import read
from tests.builders import (
    bought,
    definition,
    encode,
    event,
    moment,
    paid_with,
    webhook,
)
from tests.unit.schemas.reading import LEAST, NAME, documented_certificate, message, refusal, with_raw

# Leniency: a label of another type costs nothing but itself.


def reading(**data: Any) -> tuple[Any, tuple[str, ...]]:
    """Decode a purchase: its snapshot, and the doubts about it."""
    read_ = read(encode(webhook("giftcertificate.created", {**LEAST, **data})))
    return read_.message.snapshot, read_.doubts


@pytest.mark.parametrize("name", ["customerNumber", "status", "accountId", "certDefId", "trxId", "userId", "shiftId"])
@pytest.mark.parametrize(
    ("sent", "label"),
    [("12345", "12345"), ("1", "1"), ("-0.5", "-0.5"), ("1e400000", "1e400000"), ("9" * 256, "9" * 256)],
)
def test_a_label_that_is_a_number_is_its_text(name: str, sent: str, label: str) -> None:
    read_ = read(with_raw(name, sent))

    assert read_.doubts == ()
    assert msgspec.to_builtins(read_.message.snapshot, str_keys=True)[name] == label


@pytest.mark.parametrize(
    ("data", "doubt"),
    [
        ({"status": [NAME]}, "status: array"),
        ({"status": {"now": NAME}}, "status: object"),
        ({"customerNumber": True}, "customerNumber: boolean"),
        ({"shiftLocation": []}, "shiftLocation: array"),
        ({"shiftLocation": NAME}, "shiftLocation: text"),
        ({"shiftLocation": {"stationId": [NAME], "name": "Union"}}, "shiftLocation.stationId: array"),
        ({"displayCurrency": NAME}, "displayCurrency: text"),
        ({"displayCurrency": {"buy": [], "sell": 1, "isocode": "CAD"}}, "displayCurrency.buy: array"),
        ({"transactionsPaid": NAME}, "transactionsPaid: text"),
        ({"transactionsPaid": {}}, "transactionsPaid: object"),
        ({"deleted": NAME}, "deleted: text"),
        ({"deleted": 2}, "deleted: number"),
        ({"price": NAME}, "price: text"),
        ({"price": "301000"}, "price: text"),
        ({"price": 3.01}, "price: number"),
        ({"total": True}, "total: boolean"),
        ({"createdAt": NAME}, "createdAt: text"),
        ({"updatedAt": {"value": NAME}}, "updatedAt: object"),
        ({"updatedAt": []}, "updatedAt: array"),
    ],
    ids=count(),
)
def test_what_cannot_be_read_is_not_given_and_told_without_its_value(data: dict[str, Any], doubt: str) -> None:
    snapshot, doubts = reading(**data)

    assert doubts == (f"field_unreadable {doubt}",)
    (name,) = data
    if name not in {"displayCurrency", "shiftLocation"}:
        assert snapshot == reading()[0]


BODIES = {
    "bought": bought(shiftLocation={"stationId": "s", "primaryCurrencyCode": "CAD"}),
    "paid with": paid_with(1),
    "definition": definition("created"),
    "in Greek": bought(_id="κάρτα", displayCurrency={"buy": 1, "sell": 1, "isocode": " cad "}),
    "in other dates": bought(createdAt={"value": "2020-01-01t00:00:00+02:00"}, updatedAt={"value": "0"}),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_what_is_plain_and_what_is_not_are_read_alike(body: dict[str, Any]) -> None:
    altered = body | {"data": body["data"] | {"marketingText": "\0"}}  # nothing of which is decoded as if it were plain

    assert message(body) == message(altered)


@pytest.mark.parametrize("identifier", ["a\nb", "a\x7fb", "a\x00b", "\ufffd", "", "a" * 257], ids=repr)
@pytest.mark.parametrize("field", ["id", "attemptId"])
def test_no_envelope_has_an_id_that_is_none(field: str, identifier: str) -> None:
    assert field in refusal(bought() | {field: identifier})


@pytest.mark.parametrize("code", ["CADX", "CA", "C" * 60_000, "$", "CAD\0", "€€€", "CAD EUR", 7, 124])
def test_a_currency_that_is_none_is_not_given_and_told(code: object) -> None:
    snapshot, doubts = reading(shiftLocation={"primaryCurrencyCode": code, "stationId": "s"})

    assert astuple(snapshot.shift_location) == astuple(ShiftLocation(station_id="s"))
    kind = "text" if isinstance(code, str) else "number"
    assert doubts == (f"field_unreadable shiftLocation.primaryCurrencyCode: {kind}",)


@pytest.mark.parametrize("code", ["CAD", " cad ", "\tCAD\n", "\u00a0CAD", "", " ", None])
def test_a_currency_with_blanks_around_it_is_one(code: str | None) -> None:
    assert reading(shiftLocation={"primaryCurrencyCode": code}, status="paid")[1] == ()


@pytest.mark.parametrize("name", ["accountId", "certDefId", "agencyId", "customerNumber", "shiftLocation.stationId"])
@pytest.mark.parametrize("no_id", ["a" * 257, "a\0", "a\ufffd", 10**300], ids=["long", "NUL", "replaced", "number"])
def test_what_reports_group_by_is_as_short_as_an_identifier_and_as_it_was_sent(name: str, no_id: Any) -> None:
    outer, _, inner = name.partition(".")
    data: dict[str, Any] = {outer: {inner: no_id} if inner else no_id}
    read_ = read(encode(bought(**data)))

    kind = "text" if isinstance(no_id, str) else "number"
    assert read_.doubts == (f"field_unreadable {name}: {kind}",)


def test_half_a_surrogate_in_an_account_does_not_make_it_another_ones() -> None:
    read_ = read(encode(bought(accountId="SENT")).replace(b"SENT", rb"a\ud800"))

    snapshot: Any = read_.message.snapshot
    assert snapshot.account_id is None


def test_an_id_of_the_length_of_an_identifier_is_one_also_where_it_is_a_number() -> None:
    assert reading(accountId="a" * 256)[1] == ()
    assert reading(accountId=7)[0].account_id == "7"


def test_of_a_station_only_what_cannot_be_read_is_missing() -> None:
    snapshot, _ = reading(shiftLocation={"stationId": [], "name": 7, "timeZone": "America/Toronto"})

    assert astuple(snapshot.shift_location) == astuple(ShiftLocation(name="7", time_zone="America/Toronto"))


def test_the_fields_of_a_definition_are_read_as_leniently() -> None:
    read_ = read(encode(definition(name=7, currencyCode=[], disabled=1, value=None, price=4_000_000)))
    snapshot: Any = read_.message.snapshot

    assert (snapshot.name, snapshot.disabled, snapshot.price) == ("7", True, 4_000_000)
    assert read_.doubts == ("field_unreadable currencyCode: array",)


@pytest.mark.parametrize(
    ("sent", "deleted"),
    [(0, False), (1, True), ("false", False), ("True", True), ("0", False), ("1", True), ("", None)],
)
def test_a_flag_may_be_a_number_or_a_text(sent: object, deleted: bool | None) -> None:  # noqa: FBT001
    snapshot, doubts = reading(deleted=sent, status=1)

    assert (snapshot.deleted or None if deleted is None else snapshot.deleted) == deleted
    assert doubts == ()


@pytest.mark.parametrize(
    "date", ["2026-06-01T12:00:10Z", "2026-06-01t12:00:10.000z", 1_780_315_210_000, 1_780_315_210, "1780315210000"]
)
def test_a_date_may_stand_without_its_object(date: object) -> None:
    read_ = read(encode(bought(updatedAt=date)))

    assert read_.message.order.occurred_at.second == 10
    assert read_.doubts == ()


@pytest.mark.parametrize(
    "null", [0, 0.0, "0", " ", "", None, {}, {"value": 0.0}, {"value": "0"}, {"value": " "}], ids=repr
)
def test_what_nearly_is_a_null_date_costs_nothing(null: object) -> None:
    read_ = read(encode(bought(updatedAt=null, createdAt=moment(10))))

    assert read_.message.order.occurred_at.second == 10
    assert read_.doubts == ()


def test_a_bad_created_at_beside_a_good_updated_at_costs_nothing() -> None:
    bad = event(paid_with(1, updated=30, createdAt={"value": "yesterday", "offset": 0}))

    assert bad.order.occurred_at.second == 30
    assert bad.doubts == ("field_unreadable createdAt: object",)


def test_a_lenient_reading_says_what_a_strict_one_does() -> None:
    body = documented_certificate()
    strict = read(encode(body))

    lenient = read(encode({**body, "data": {**body["data"], "status": 7}}))

    as_strict: Any = strict.message
    assert lenient.message == msgspec.structs.replace(
        as_strict, data=msgspec.structs.replace(as_strict.snapshot, status="7")
    )


@pytest.mark.parametrize("wrong", ["5000000", None, 0.5, True, [], {}], ids=repr)
def test_what_must_be_right_is_refused_by_its_path_also_beside_a_label_that_is_not(wrong: object) -> None:
    assert "$.data.balance" in refusal(webhook("giftcertificate.created", {**LEAST, "status": 7, "balance": wrong}))
    assert "$.data._id" in refusal(bought(status=7, _id=7))
    assert "$.livemode" in refusal({**bought(status=7), "livemode": "true"})
