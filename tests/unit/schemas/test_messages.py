"""The five events: the documents' own examples, what is tolerated, what is not, and what an error may say."""

import json
import re
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple

from schemas.certificates import (
    CERTIFICATES,
    Certificate,
    CertificateCreated,
    CertificateUpdated,
    DisplayCurrency,
    ShiftLocation,
)
from schemas.definitions import (
    COLUMNS,
    DEFINITIONS,
    Definition,
    DefinitionCreated,
    DefinitionDeleted,
    DefinitionUpdated,
    currency_of,
    row_of,
)
from schemas.envelope import Message
from schemas.events import Family, OrderKey
from schemas.registry import UNROUTED, Malformed, is_almost_ours, read, route
from schemas.text import MAX_DEPTH
from tests.builders import (
    CERTIFICATE_ID,
    DEFINITION_ID,
    bought,
    definition,
    definition_deleted,
    encode,
    event,
    moment,
    paid_with,
    webhook,
)

# Who reads this in a reason knows a person.
NAME = "Zoë Lévesque"

PAYLOADS = Path(__file__).parents[2] / "payloads"


def payload(name: str) -> bytes:
    return (PAYLOADS / f"{name}.json").read_bytes()


def message(body: dict[str, Any]) -> Any:
    return read(encode(body)).message


def certificate(**data: Any) -> Certificate:
    """Decode a purchase whose ``data`` is the least that is legal, and what the test adds."""
    decoded = message(webhook("giftcertificate.created", {"_id": CERTIFICATE_ID, "balance": 1, **data}))
    snapshot: Certificate = decoded.snapshot
    return snapshot


def refusal(body: dict[str, Any] | bytes) -> str:
    with pytest.raises(Malformed) as refused:
        read(body if isinstance(body, bytes) else encode(body))
    return str(refused.value)


# The documents' examples.


def test_the_documented_creation_of_a_definition_is_read() -> None:
    read_ = read(payload("giftcertificates.created"))
    decoded, family = read_.message, read_.family

    assert isinstance(decoded, DefinitionCreated)
    assert (family, decoded.data.id, decoded.livemode) == (DEFINITIONS, "60c921a917bda93f5c896bf4", True)
    assert (decoded.data.price, decoded.data.value) == (301_000, 401_000)
    assert decoded.order.occurred_at.isoformat() == "2021-06-15T21:54:49.510000+00:00"


def test_the_documented_update_of_a_definition_is_read() -> None:
    read_ = read(payload("giftcertificates.updated"))
    decoded, family = read_.message, read_.family

    assert isinstance(decoded, DefinitionUpdated)
    assert (family, decoded.data.id, decoded.livemode) == (DEFINITIONS, "5f3e98216501256cff449715", False)
    assert (decoded.data.price, decoded.data.value) == (5_000_000, 7_500_000)


def test_the_documented_delete_of_a_definition_is_read() -> None:
    read_ = read(payload("giftcertificates.deleted"))
    decoded, family = read_.message, read_.family

    assert isinstance(decoded, DefinitionDeleted)
    assert (family, decoded.data.id, decoded.snapshot) == (DEFINITIONS, "60c921a917bda93f5c896bf4", None)
    assert decoded.deleted_at.isoformat() == "2021-06-15T21:54:55+00:00"


@pytest.mark.parametrize("name", ["giftcertificates.created", "giftcertificates.updated", "giftcertificates.deleted"])
def test_a_documented_example_is_routed_by_its_definition(name: str) -> None:
    example = json.loads(payload(name))

    routed = route(payload(name))

    assert routed.topic == "definitions"
    assert routed.key == example["data"].get("_id", example["data"].get("giftcertificateId"))
    assert routed.envelope.attempt_id == example["attemptId"]


# The skeleton of a certificate gives types instead of values; these stand for them.
OF_THE_TYPE = {"string": "text", "int": 301_000, "float": 1.25, "boolean": True}
REAL = {
    "isocode": "CAD",
    "primaryCurrencyCode": "CAD",
    "event": "giftcertificate.created",
    "_id": CERTIFICATE_ID,
    "created": 1_623_794_091,
    "value": "2021-06-15T21:54:49.506Z",
}


def filled(skeleton: Any, name: str = "") -> Any:
    if isinstance(skeleton, dict):
        return {key: filled(value, key) for key, value in skeleton.items()}
    if isinstance(skeleton, list):
        return [filled(value) for value in skeleton]
    return REAL[name] if name in REAL and skeleton in {"string", "int"} else OF_THE_TYPE[skeleton]


def documented_certificate() -> dict[str, Any]:
    body: dict[str, Any] = filled(json.loads(payload("giftcertificate.skeleton")))
    body["data"]["taxes"][0]["value"] = 13_000
    return body


@pytest.mark.parametrize(
    ("event", "kind"),
    [("giftcertificate.created", CertificateCreated), ("giftcertificate.updated", CertificateUpdated)],
)
def test_a_certificate_with_every_documented_field_is_read(event: str, kind: type[Message]) -> None:
    read_ = read(encode({**documented_certificate(), "event": event}))
    decoded, family = read_.message, read_.family

    assert isinstance(decoded, kind)
    assert (family, read_.name) == (CERTIFICATES, event)


def test_a_certificate_with_every_documented_field_gives_what_the_projections_use() -> None:
    snapshot = message(documented_certificate()).snapshot

    assert (snapshot.balance, snapshot.price, snapshot.total) == (301_000, 301_000, 301_000)
    assert (snapshot.shift_location.station_id, snapshot.shift_location.time_zone) == ("text", "text")
    assert (snapshot.display_currency.buy, snapshot.display_currency.isocode) == (1.25, "CAD")
    assert snapshot.transactions_paid == []


def test_data_is_kept_as_it_came_with_every_field_that_no_projection_uses() -> None:
    body = documented_certificate()

    data = read(encode(body)).data

    assert json.loads(data) == body["data"]


# Names.


@pytest.mark.parametrize(
    ("event", "family"),
    [
        ("giftcertificate.created", CERTIFICATES),
        ("giftcertificate.updated", CERTIFICATES),
        ("giftcertificates.created", DEFINITIONS),
        ("giftcertificates.updated", DEFINITIONS),
    ],
)
def test_singular_and_plural_names_are_different_things(event: str, family: Family) -> None:
    body = webhook(event, {"_id": "x", "balance": 1})

    assert read(encode(body)).family is family
    assert route(encode(body)).topic == family.topic


@pytest.mark.parametrize(
    "event",
    [
        "giftcertificate.deleted",
        "giftcertificate",
        "giftcertificates",
        "giftcertificate.created.v2",
        "giftcertificatesx.created",
        "GiftCertificate.created",
        " giftcertificate.created",
        "giftcertificate.created\n",
        "transaction.completed",
        "ticket.created",
    ],
)
def test_any_other_name_is_unrouted_and_keyed_by_its_event(event: str) -> None:
    routed = route(encode(webhook(event, None, id="event-7")))

    assert (routed.topic, routed.key) == (UNROUTED, "event-7")


@pytest.mark.parametrize(
    ("event", "almost"),
    [
        ("giftcertificate.deleted", True),
        ("GiftCertificate.created", True),
        ("giftcertificates.restored", True),
        (" giftcertificate.created", True),
        ("giftcertificate.created\n", True),
        ("gift_certificate.created", True),
        ("gift-certificates.updated", True),
        ("giftcertificate", True),
        ("giftcertificate.created", False),
        ("giftcertificates.deleted", False),
        ("ticket.created", False),
        ("gift.created", False),
        ("certificate.created", False),
    ],
)
def test_a_name_that_looks_like_one_of_ours_is_told_from_others(event: str, *, almost: bool) -> None:
    assert is_almost_ours(event) is almost


@pytest.mark.parametrize("data", ["null", '"text"', "7", "[]", "{}", '{"_id":7}', '{"_id":"\\u0000"}'])
def test_what_an_unrouted_event_holds_is_nobody_s_business(data: str) -> None:
    assert route(encode(webhook("ticket.created", json.loads(data)))).topic == UNROUTED


@pytest.mark.parametrize("event", ["ticket.created", "giftcertificate.deleted", "GiftCertificate.created", "giftcert"])
def test_a_worker_refuses_a_name_that_it_does_not_know(event: str) -> None:
    reason = refusal(webhook(event, {"_id": "x", "balance": 1}))

    assert reason == "No event of this name is known - at `$.event`"


# Tolerance.

CERTIFICATE_FIELDS = [
    field.encode_name for field in msgspec.structs.fields(Certificate) if field.name not in {"id", "balance"}
]
DEFINITION_FIELDS = [field.encode_name for field in msgspec.structs.fields(Definition) if field.name != "id"]


LEAST = {"_id": CERTIFICATE_ID, "balance": 1}
ENVELOPE = {"id": "event", "attemptId": "attempt"}


def certificate_row(**data: Any) -> tuple[Any, ...]:
    """Give what the table makes of the least that is legal and ``data``, without ``data`` as it came."""
    bought_one = event(webhook("giftcertificate.created", {**LEAST, **data}, **ENVELOPE))
    return astuple(bought_one.snapshot)[:-1]


def definition_row(**data: Any) -> tuple[Any, ...]:
    described = event(webhook("giftcertificates.created", {"_id": DEFINITION_ID, **data}, **ENVELOPE))
    row = row_of(described.entity, described, described.deleted_at, described if currency_of(described) else None)
    return tuple(value for name, value in zip(COLUMNS, row, strict=True) if name != "data")


@pytest.mark.parametrize("blank", [None, ""])
@pytest.mark.parametrize("name", CERTIFICATE_FIELDS)
def test_a_blank_field_of_a_certificate_means_the_same_as_a_missing_one(name: str, blank: str | None) -> None:
    assert certificate_row(**{name: blank}) == certificate_row()


@pytest.mark.parametrize("blank", [None, ""])
@pytest.mark.parametrize("name", DEFINITION_FIELDS)
def test_a_blank_field_of_a_definition_means_the_same_as_a_missing_one(name: str, blank: str | None) -> None:
    assert definition_row(**{name: blank}) == definition_row()


@pytest.mark.parametrize("name", ["shiftLocation", "displayCurrency", "createdAt", "updatedAt"])
def test_an_empty_object_in_a_certificate_means_the_same_as_a_missing_one(name: str) -> None:
    assert certificate_row(**{name: {}}) == certificate_row()


@pytest.mark.parametrize("name", ["createdAt", "updatedAt"])
def test_a_null_date_in_a_certificate_means_the_same_as_a_missing_one(name: str) -> None:
    assert certificate_row(**{name: {"value": 0, "offset": 0}}) == certificate_row()


@pytest.mark.parametrize("name", ["stationId", "name", "timeZone", "primaryCurrencyCode"])
@pytest.mark.parametrize("blank", [None, ""])
def test_a_blank_field_of_a_station_means_the_same_as_no_station(name: str, blank: str | None) -> None:
    assert certificate_row(shiftLocation={name: blank}) == certificate_row()


def test_the_station_of_an_older_account_has_only_its_id_and_name() -> None:
    station = certificate(shiftLocation={"stationId": "station-1", "name": "Union"}).shift_location

    assert isinstance(station, ShiftLocation)
    assert (station.station_id, station.name, station.time_zone) == ("station-1", "Union", None)


@pytest.mark.parametrize("unknown", [None, "", 7, 1e300, True, [], {}, [[{"deep": [None]}]], "x" * 10_000], ids=count())
def test_a_field_that_nobody_knows_changes_nothing(unknown: object) -> None:
    assert certificate_row(somethingNew=unknown) == certificate_row()
    assert definition_row(somethingNew=unknown) == definition_row()


def test_a_field_of_the_envelope_that_nobody_knows_changes_nothing() -> None:
    body = bought()

    assert message({**body, "apiVersion": {"major": 2}}) == message(body)


@pytest.mark.parametrize("wrong", [None, "", 7, True, [], {}, "text", [{"calculated": "many"}]], ids=repr)
@pytest.mark.parametrize(
    "name", ["taxes", "fees", "rounding", "email", "firstName", "displayPrice", "shiftNumber", "taxable", "description"]
)
def test_a_field_that_no_projection_uses_may_be_anything(name: str, wrong: object) -> None:
    assert certificate_row(**{name: wrong}) == certificate_row()


@pytest.mark.parametrize("wrong", [None, "", 7, True, [], {}, "text"], ids=repr)
@pytest.mark.parametrize("name", ["availableChannels", "savings", "marketingImage", "image", "createdBy", "userId"])
def test_a_field_of_a_definition_that_no_projection_uses_may_be_anything(name: str, wrong: object) -> None:
    assert definition_row(**{name: wrong}) == definition_row()


def test_the_fields_of_a_message_may_come_in_any_order() -> None:
    body = bought()

    assert message(dict(reversed(body.items()))) == message(body)


@given(st.permutations([b'"id":"e"', b'"attemptId":"a"', b'"livemode":true', b'"created":1', b'"event":"x.y"']))
def test_the_peek_finds_the_envelope_in_any_order(fields: list[bytes]) -> None:
    assert route(b'{"data":{},' + b",".join(fields) + b"}").envelope.event == "x.y"


@pytest.mark.parametrize("number", ["1e400000", "-1e-400000", "9" * 200_000, "0." + "1" * 200_000])
def test_a_number_that_nobody_reads_may_be_any(number: str) -> None:
    read_ = read(with_raw("somethingNew", number))

    assert read_.doubts == ()
    assert read_.data == with_raw("somethingNew", number).decode().partition('"data":')[2][:-1]


@pytest.mark.parametrize("paid", ["[1e400000]", "[" + "9" * 200_000 + "]"])
def test_of_the_paid_transactions_only_their_number_counts(paid: str) -> None:
    assert read(with_raw("transactionsPaid", paid)).message.transactions_paid == 1


# Text that no Postgres text can hold.

HALF_SURROGATES = [r"\ud83d", r"\uDE00", r"\ud83d\ud83d", r"\ude00\ud83d", r"\uD83Dx\uDE00"]


@pytest.mark.parametrize("text", [r"\u0000", r"a\u0000b", *HALF_SURROGATES, r"\ud83d\u0000\ude00"])
def test_a_character_that_postgres_cannot_hold_becomes_a_replacement(text: str) -> None:
    body = encode(webhook("giftcertificate.created", {**LEAST, "email": "TEXT"})).replace(b"TEXT", text.encode())

    data = read(body).data

    assert re.fullmatch("[abx]?(\ufffd|x)+b?", json.loads(data)["email"])


@pytest.mark.parametrize(
    "text", [r"\ud83d\ude00", r"\uD83D\uDE00", r"\\u0000", r"\\ud83d", r"\\\\u0000", r"\\", r"\u00e9"]
)
def test_a_text_that_postgres_can_hold_stays_as_it_came(text: str) -> None:
    body = encode(webhook("giftcertificate.created", {**LEAST, "email": "TEXT"})).replace(b"TEXT", text.encode())

    data = read(body).data

    assert json.loads(data)["email"] == json.loads(f'"{text}"')


@pytest.mark.parametrize("text", [r"\\\u0000", r"\\\ud83d"])
def test_an_escape_after_an_escaped_backslash_is_still_replaced(text: str) -> None:
    body = encode(webhook("giftcertificate.created", {**LEAST, "email": "TEXT"})).replace(b"TEXT", text.encode())

    assert json.loads(read(body).data)["email"] == "\\\ufffd"


@given(text=st.text(alphabet=st.characters(exclude_characters=["\0"], codec="utf-8")), ascii_only=st.booleans())
def test_any_text_survives_however_it_is_escaped(text: str, *, ascii_only: bool) -> None:
    body = bought(email=text)

    data = read(json.dumps(body, ensure_ascii=ascii_only).encode()).data

    assert json.loads(data)["email"] == text


@given(st.text(alphabet=st.one_of(st.characters(categories=["Cs"]), st.sampled_from("\0\\u0a😀"))))
def test_no_text_that_the_sender_can_write_fails_an_event(text: str) -> None:
    data = read(json.dumps(bought(email=text)).encode()).data

    assert not re.search("[\0\ud800-\udfff]", json.loads(data)["email"])


@pytest.mark.parametrize("field", ["id", "attemptId"])
def test_an_identifier_of_the_envelope_is_never_altered_but_refused(field: str) -> None:
    assert f"$.{field}" in refusal(bought(envelope={field: "a\0b"}))


def test_an_entity_s_identifier_is_never_altered_but_refused() -> None:
    assert "$.data._id" in refusal(json.dumps(bought(_id="a\ud83d")).encode())


# Strictness: identity, event, livemode, balance.

NO_IDENTIFIER: tuple[Any, ...] = (None, "", 7, True, [], {}, "x" * 257)
WRONG: dict[str, tuple[Any, ...]] = {
    "id": NO_IDENTIFIER,
    "attemptId": NO_IDENTIFIER,
    "livemode": (None, "", "true", 1, 0, [], {}),
    "created": (None, "", "1623794091", 1.5, True, {}, []),
    "event": (None, 7, True, [], {}),
}


@pytest.mark.parametrize(
    ("name", "wrong"), [(name, wrong) for name, several in WRONG.items() for wrong in several], ids=count()
)
def test_a_wrong_field_of_the_envelope_is_refused_by_its_path(name: str, wrong: object) -> None:
    body = {**bought(), name: wrong}

    with pytest.raises(Malformed, match=rf"\$\.{name}`"):
        route(encode(body))
    assert f"$.{name}`" in refusal(body)


@pytest.mark.parametrize("name", ["id", "attemptId", "livemode", "created", "event", "data"])
def test_a_missing_field_of_the_envelope_is_refused_by_its_name(name: str) -> None:
    body = {key: value for key, value in bought().items() if key != name}

    with pytest.raises(Malformed, match=f"missing required field `{name}`"):
        route(encode(body))
    assert f"missing required field `{name}`" in refusal(body)


@pytest.mark.parametrize("created", [10**18, -(10**18), 10**30])
def test_a_created_that_no_calendar_holds_is_refused_by_the_ingress_already(created: int) -> None:
    with pytest.raises(Malformed, match="created"):
        route(encode(bought(envelope={"created": created})))


@pytest.mark.parametrize("balance", [None, "", "5000000", 50.5, 2**53, -(2**53), 2**63, True, [], {}], ids=repr)
def test_a_wrong_balance_is_refused_by_its_path(balance: object) -> None:
    assert "$.data.balance" in refusal(webhook("giftcertificate.created", {**LEAST, "balance": balance}))


def test_a_certificate_without_a_balance_is_refused() -> None:
    assert refusal(webhook("giftcertificate.updated", {"_id": "x"})) == (
        "Object missing required field `balance` - at `$.data`"
    )


@pytest.mark.parametrize("amount", [-(2**53) + 1, -1, 0, 2**53 - 1])
def test_any_amount_that_javascript_can_say_is_money(amount: int) -> None:
    snapshot = certificate(balance=amount, price=amount, total=amount)

    assert (snapshot.balance, snapshot.price, snapshot.total) == (amount, amount, amount)


@pytest.mark.parametrize("name", ["price", "total"])
@pytest.mark.parametrize(
    "amount",
    [
        *("9007199254740992", "-9007199254740992", "9223372036854775808", "1e22", "1e400000"),
        *("1e99999999999999999999", "-5e-99999999999999999999"),
    ],
)
def test_an_amount_that_javascript_cannot_say_is_refused_by_its_path(name: str, amount: str) -> None:
    assert f"$.data.{name}" in refusal(with_raw(name, amount))
    assert "$.data.balance" in refusal(with_raw("balance", amount))
    assert f"$.data.{name}" in refusal(with_raw(name, "9" * 200_000))


@pytest.mark.parametrize("amount", ["5000000.0", "5e6", "5.0E+6", "50000000e-1", "5000000.000000000000000000000000000"])
def test_an_integer_is_one_however_it_is_written(amount: str) -> None:
    for name in ("balance", "price"):
        assert msgspec.to_builtins(read(with_raw(name, amount)).message.snapshot)[name] == 5_000_000


@pytest.mark.parametrize("created", ["1780315200.0", "17803152e2"])
def test_the_time_of_an_event_is_one_however_it_is_written(created: str) -> None:
    body = encode(bought(envelope={"created": -1})).replace(b'"created":-1', f'"created":{created}'.encode())

    assert read(body).message.created == route(body).envelope.created == 1_780_315_200


def with_raw(name: str, value: str) -> bytes:
    """Write a purchase with a value as it stands."""
    return encode(webhook("giftcertificate.created", {**LEAST, name: "@"})).replace(
        f'"{name}":"@"'.encode(), f'"{name}":{value}'.encode()
    )


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


ENTITY_IDS = [
    (bought(), "_id"),
    (definition(), "_id"),
    (definition_deleted(), "giftcertificateId"),
]


@pytest.mark.parametrize(("body", "name"), ENTITY_IDS, ids=["certificate", "definition", "delete"])
@pytest.mark.parametrize("wrong", [None, "", 7, {}, "x" * 257], ids=count())
def test_an_entity_without_a_good_id_is_refused_by_its_path(body: dict[str, Any], name: str, wrong: object) -> None:
    body = {**body, "data": {**body["data"], name: wrong}}

    with pytest.raises(Malformed, match=rf"\$\.data\.{name}`"):
        route(encode(body))
    assert f"$.data.{name}`" in refusal(body)


@pytest.mark.parametrize("data", [None, "", 7, [], "text"], ids=repr)
def test_data_that_is_no_object_is_refused_by_its_path(data: object) -> None:
    body = webhook("giftcertificate.created", data)

    with pytest.raises(Malformed, match=r"\$\.data`"):
        route(encode(body))
    assert "$.data`" in refusal(body)


def test_the_peek_reads_no_business_data() -> None:
    routed = route(encode(webhook("giftcertificate.created", {"_id": "x", "balance": "much", "updatedAt": 7})))

    assert (routed.topic, routed.key) == ("certificates", "x")


@pytest.mark.parametrize(
    "body", [b"", b" ", b"nonsense", b"{", b'{"id":', b"[]", b"null", b'"text"', b"7", b"NaN", b"\xff", b"[" * 10**5]
)
def test_what_is_no_json_object_is_refused_by_peek_and_worker_alike(body: bytes) -> None:
    with pytest.raises(Malformed):
        route(body)
    assert refusal(body)


@pytest.mark.parametrize(
    "wrong", [b"NaN", b"Infinity", b"01", b"'x'", rb'"\x"', b'"\x01"', rb'"\u12"', b"[1,]", b"tru", b'"\xff"', b"/**/1"]
)
def test_what_is_no_json_is_refused_even_where_nobody_reads_it(wrong: bytes) -> None:
    body = encode(bought(email="TEXT")).replace(b'"TEXT"', wrong)

    with pytest.raises(Malformed):
        route(body)
    assert refusal(body)


def nested(levels: int, opening: str = "[", closing: str = "]") -> bytes:
    """Write a purchase that is nested so deeply, all told."""
    inner = opening * (levels - 2) + ("1" if opening.endswith(":") else "") + closing * (levels - 2)
    return encode(bought(email="TEXT")).replace(b'"TEXT"', inner.encode())


BRACKETS = [("[", "]"), ('{"":', "}"), ('[{"]":', "}]"), ('{"\\"[":[', "]}")]


def called_deeply(frames: int, body: bytes) -> bool:
    """Tell whether the worker can read a body, and the ingress too, from so deep a call stack."""
    if frames:
        return called_deeply(frames - 1, body)
    reasons = set()
    for reader in (route, read):
        try:
            reader(body)
        except Malformed as error:
            reasons.add(str(error))
        else:
            reasons.add("")
    assert reasons in ({""}, {"Nested too deeply"})
    return reasons == {""}


@pytest.mark.parametrize("frames", [0, 200])
@pytest.mark.parametrize("brackets", BRACKETS, ids=count())
def test_how_deep_a_message_may_be_is_one_number_for_everybody(brackets: tuple[str, str], frames: int) -> None:
    each = 1 if len(brackets[1]) == 1 else 2
    deepest = b"".join([nested((MAX_DEPTH - 2) // each + 2, *brackets)])
    too_deep = nested((MAX_DEPTH - 2) // each + 3, *brackets)

    assert called_deeply(frames, deepest)
    assert not called_deeply(frames, too_deep)


def test_many_brackets_are_not_deep() -> None:
    assert message(bought(taxes=[{"each": []}] * 10_000, description="[" * 10_000)).data.balance == 5_000_000


@pytest.mark.parametrize("levels", [974, 978, 100_000])
def test_what_is_nested_too_deeply_is_refused(levels: int) -> None:
    assert refusal(nested(levels)) == "Nested too deeply"


# Errors name the path and quote nothing.


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("$.event", webhook(NAME, LEAST)),
        ("$.event", {**bought(), "event": [NAME]}),
        ("$.event", webhook(f"two\nlines\n{NAME}", LEAST)),
        ("$.id", bought(envelope={"id": f"{NAME}\0"})),
        ("$.livemode", bought(envelope={"livemode": NAME})),
        ("$.created", bought(envelope={"created": NAME})),
        ("$.data.balance", webhook("giftcertificate.created", {**LEAST, "balance": NAME})),
        ("$.data.price", bought(price=2021 * 10**20)),
        ("$.data._id", bought(_id=f"{NAME}\n")),
    ],
    ids=count(),
)
def test_an_error_names_the_path_and_quotes_no_value(path: str, body: dict[str, Any]) -> None:
    message = refusal(body)

    assert f"`{path}`" in message
    assert not re.search("Zo|vesque|lines|2021", message)


# Meaning.


@pytest.mark.parametrize(
    ("currency", "code"),
    [
        ({"buy": 1, "sell": 1, "isocode": "CAD"}, "CAD"),
        ({"buy": 1.0, "sell": 1.0, "isocode": "CAD"}, "CAD"),
        ({"buy": 1.25, "sell": 1, "isocode": "USD"}, None),
        ({"buy": 1, "sell": 1.25, "isocode": "USD"}, None),
        ({"buy": "", "sell": "", "isocode": "CAD"}, None),
        ({"isocode": "CAD"}, None),
        ({"buy": 1, "sell": 1, "isocode": ""}, None),
        ({"buy": 1, "sell": 1}, None),
    ],
)
def test_the_display_currency_is_the_base_currency_only_at_a_rate_of_one(
    currency: dict[str, Any], code: str | None
) -> None:
    display = certificate(displayCurrency=currency).display_currency

    assert isinstance(display, DisplayCurrency)
    assert display.base_isocode == code


def order_of(body: dict[str, Any]) -> OrderKey:
    key: OrderKey = message(body).order
    return key


def test_an_event_happened_when_its_data_was_updated() -> None:
    assert order_of(bought(updated=30, createdAt=moment(10))).occurred_at.second == 30


def test_without_an_update_an_event_happened_when_its_data_was_created() -> None:
    body = bought(updated=None, createdAt=moment(10), updatedAt={"value": 0, "offset": 0})

    assert order_of(body).occurred_at.second == 10


def test_the_date_of_the_purchase_is_not_that_of_an_update() -> None:
    created, updated = (order_of(build(1, updated=None, createdAt=moment(10))) for build in (bought, paid_with))

    assert (created.occurred_at.second, updated.occurred_at.second) == (10, 0)


@pytest.mark.parametrize("absurd", ["0001-01-01T00:00:00.000Z", "1999-12-31T00:00:00Z", "2062-01-01T00:00:00Z"])
def test_a_date_that_cannot_be_true_is_passed_over_and_the_next_one_counts(absurd: str) -> None:
    wrong = {"value": absurd, "offset": 0}

    assert order_of(bought(updatedAt=wrong, createdAt=moment(10))).occurred_at.second == 10
    assert order_of(bought(updatedAt=wrong, createdAt=wrong)).occurred_at == datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_a_doubt_names_the_rule_the_date_and_what_it_said() -> None:
    wrong = {"value": "0001-01-01T00:00:00.000Z", "offset": 0}
    doubt = "date_implausible {} 0001-01-01T00:00:00+00:00"

    assert event(bought(createdAt=wrong)).doubts == (doubt.format("createdAt"),)
    assert event(paid_with(1, createdAt=wrong)).doubts == (doubt.format("createdAt"),)
    assert event(definition(createdAt=wrong, updatedAt=wrong)).doubts == (
        doubt.format("createdAt"),
        doubt.format("updatedAt"),
    )
    assert event(bought(createdAt=moment(0))).doubts == ()


def test_nothing_happens_to_a_certificate_before_it_is_created() -> None:
    created, updated = order_of(bought(updated=60)), order_of(paid_with(1, updated=30))

    assert created < updated


def test_at_one_time_more_paid_transactions_are_later_and_no_list_comes_first() -> None:
    same: dict[str, Any] = {"id": "same"}
    orders = [order_of(paid_with(1, transactionsPaid=paid, envelope=same)) for paid in (None, [], ["t"], ["t", "t"])]

    assert orders == sorted(orders)
    assert len(set(orders)) == 4


@pytest.mark.parametrize("created", [946_684_799, 0, -62_135_596_800, 946_684_799_999])
def test_an_event_that_was_emitted_before_2000_is_refused_by_the_worker_and_not_by_the_ingress(created: int) -> None:
    body = bought(envelope={"created": created})

    assert route(encode(body)).topic == "certificates"
    assert refusal(body) == "`created` is before the year 2000"


def test_without_any_date_an_event_happened_when_it_was_emitted() -> None:
    key = order_of(bought(updated=None, envelope={"created": 1_780_315_200}))

    assert key.occurred_at == key.emitted_at == datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_at_the_same_time_created_comes_before_updated_before_deleted() -> None:
    same: dict[str, Any] = {"id": "same", "created": 1_780_315_200}
    created, updated = (definition(action, updated=0, envelope=same) for action in ("created", "updated"))

    assert order_of(created) < order_of(updated) < order_of(definition_deleted(**same))


@pytest.mark.parametrize(("deleted", "second"), [(True, 30), (False, None), (None, None), ("", None)])
def test_a_definition_that_says_deleted_was_deleted_when_it_was_updated(deleted: object, second: int | None) -> None:
    deleted_at = message(definition("updated", updated=30, deleted=deleted)).deleted_at

    assert (deleted_at and deleted_at.second) == second


def test_the_purchase_is_known_by_either_of_its_two_names() -> None:
    by_either = {certificate_row(trxId="purchase"), certificate_row(transactionId="purchase")}

    assert by_either == {certificate_row(transactionId="purchase", trxId="something else")}
