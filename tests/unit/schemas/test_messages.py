"""The five events: the documents' own examples, what is tolerated, what is not, and what an error may say."""

import json
import re
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.certificates import (
    CERTIFICATES,
    Certificate,
    CertificateCreated,
    CertificateUpdated,
    ShiftLocation,
)
from schemas.definitions import (
    DEFINITIONS,
    Definition,
    DefinitionCreated,
    DefinitionDeleted,
    DefinitionUpdated,
)
from schemas.envelope import Message
from schemas.events import Family
from schemas.registry import UNROUTED, Malformed, is_almost_ours, read, route
from tests.builders import (
    bought,
    definition,
    definition_deleted,
    encode,
    webhook,
)
from tests.unit.schemas.reading import (
    LEAST,
    NAME,
    certificate,
    certificate_row,
    definition_row,
    documented_certificate,
    message,
    payload,
    refusal,
    with_raw,
)

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
