"""The simulated traffic: true to the documents, deterministic, full of trouble, and sure of the truth."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

import pytest

from consumer.traffic import Kind, Signing, Truth, Webhook, documented, period
from consumer.traffic.examples import CERTIFICATE_ID, EXAMPLES
from schemas.registry import UNROUTED, Malformed, read, route

START = datetime(2026, 3, 1, tzinfo=UTC)
APPLICABLE = {Kind.EVENT, Kind.LATE, Kind.ANOMALY, Kind.DUPLICATE, Kind.RESEND}
Key = tuple[str, bool]


class Story(NamedTuple):
    """A simulated period, taken to its end."""

    webhooks: list[Webhook]
    truth: Truth


def simulated(count: int = 3_000, seed: int = 1, days: float = 1) -> Story:
    truth = Truth()
    return Story(list(period(truth, seed=seed, start=START, count=count, length=timedelta(days=days))), truth)


@pytest.fixture(scope="module")
def story() -> Story:
    return simulated()


def payloads(webhooks: Iterable[Webhook], *kinds: Kind) -> list[dict[str, Any]]:
    wanted = kinds or APPLICABLE
    return [json.loads(webhook.body) for webhook in webhooks if webhook.kind in wanted]


def entity(payload: dict[str, Any]) -> Key:
    data = payload["data"]
    return data.get("_id") or data["giftcertificateId"], payload["livemode"]


def order(payload: dict[str, Any]) -> tuple[str, int, int, str]:
    """Order the events of an entity as the design says, written here once more and independently."""
    emitted = datetime.fromtimestamp(payload["created"], UTC).isoformat(timespec="milliseconds")
    dates = [payload["data"].get(name, {}).get("value") for name in ("updatedAt", "createdAt")]
    occurred = next(filter(None, dates), emitted.replace("+00:00", "Z"))
    rank = ("created", "updated", "deleted").index(payload["event"].rpartition(".")[2])
    return occurred, payload["created"], rank, payload["id"]


def newest(webhooks: Iterable[Webhook], family: str) -> dict[Key, dict[str, Any]]:
    ours = [payload for payload in payloads(webhooks) if payload["event"].startswith(f"{family}.")]
    return {entity(payload): payload for payload in sorted(ours, key=order)}


# The documents' examples


def test_examples_are_acknowledged_events_with_a_known_outcome() -> None:
    truth = Truth()
    webhooks = documented(truth)
    assert [webhook.kind for webhook in webhooks] == [Kind.EVENT] * 5
    assert [json.loads(webhook.body) for webhook in webhooks] == [json.loads(text) for text in EXAMPLES]
    assert truth.attempts == truth.acknowledged == 5
    assert truth.certificates[CERTIFICATE_ID, True].balance == 2_750_000
    assert truth.definitions["60c921a917bda93f5c896bf4", True].deleted
    assert not truth.definitions["5f3e98216501256cff449715", False].deleted


def test_definition_examples_are_those_of_the_documents_to_the_letter() -> None:
    digest = hashlib.sha256("\n".join(EXAMPLES[:3]).encode()).hexdigest()
    assert digest == "d62bb9a71515b9492257f9da3c21188daa0f930be58f24949e9f9bca71c39193"


def test_certificate_examples_have_every_documented_field() -> None:
    created, paid = (json.loads(text)["data"] for text in EXAMPLES[3:])
    assert list(created) == list(paid) == CERTIFICATE_FIELDS
    assert list(created["shiftLocation"]) == SHIFT_LOCATION_FIELDS
    assert created["total"] == created["price"] + created["taxes"][0]["calculated"]


CERTIFICATE_FIELDS = [
    *("_id", "userId", "trxId", "transactionsPaid", "transactionId", "total", "displayTotal", "taxes"),
    *("taxable", "status", "shiftNumber", "shiftLocation", "shiftId", "rounding", "price", "displayPrice"),
    *("lastName", "firstName", "fees", "email", "description", "customerNumber", "certDefId", "balance"),
    *("agencyName", "agencyId", "accountId", "deleted", "createdAt", "updatedAt", "displayCurrency"),
]
SHIFT_LOCATION_FIELDS = [
    *("stationId", "name", "country", "province", "shortcode", "latitude", "longitude", "costCenter"),
    *("operatingCompanyId", "operatingCompanyName", "locationPurchaseLimits", "primaryCurrencyCode"),
    *("acceptedCurrencies", "externalId", "timeZone"),
]


# A period as a whole


def test_the_same_seed_makes_the_same_bytes_and_another_seed_others() -> None:
    assert simulated(500, seed=7) == simulated(500, seed=7)
    first, second = (
        {payload["attemptId"] for payload in payloads(simulated(500, seed=seed).webhooks)} for seed in (7, 8)
    )
    assert not first & second


def test_another_start_makes_other_attempts() -> None:
    later = period(Truth(), seed=1, start=START + timedelta(days=1), count=100)
    earlier = period(Truth(), seed=1, start=START, count=100)
    assert not {p["attemptId"] for p in payloads(later)} & {p["attemptId"] for p in payloads(earlier)}


@pytest.mark.parametrize("count", [0, 1, 2, 3, 17, 1_000])
def test_there_are_as_many_webhooks_as_asked_for(count: int) -> None:
    webhooks, truth = simulated(count)
    assert len(webhooks) == truth.posts.total() == truth.acknowledged + truth.refused == count


@pytest.mark.parametrize("days", [0.01, 1, 31, 365])
def test_the_period_is_filled_to_its_end_and_only_late_arrivals_lie_beyond(days: float) -> None:
    webhooks, _ = simulated(2_000, days=days)
    arrivals = [webhook.arrival - START.timestamp() for webhook in webhooks]
    created = [payload["created"] - START.timestamp() for payload in payloads(webhooks, Kind.EVENT)]
    assert arrivals == sorted(arrivals)
    assert min(created) >= 0
    assert 0.9 * days * 86_400 <= max(created) <= days * 86_400 + 120


def test_of_a_billion_webhooks_only_those_that_are_asked_for_are_made() -> None:
    webhooks = period(Truth(), seed=1, start=START, count=10**9, length=timedelta(days=10**6 / 500))
    assert len(list(islice(webhooks, 5_000))) == 5_000


# What is true


@pytest.mark.parametrize(("seed", "count", "days"), [(1, 3_000, 1), (2, 8_000, 0.02), (3, 5_000, 365)])
def test_the_newest_event_of_every_certificate_says_its_true_balance(seed: int, count: int, days: float) -> None:
    webhooks, truth = simulated(count, seed, days)
    found = {key: payload["data"]["balance"] for key, payload in newest(webhooks, "giftcertificate").items()}
    assert found == {key: certificate.balance for key, certificate in truth.certificates.items()}


def test_a_definition_is_truly_deleted_once_any_delete_was_sent(story: Story) -> None:
    deleted = {entity(p) for p in payloads(story.webhooks) if p["event"] == "giftcertificates.deleted"}
    assert deleted == {key for key, definition in story.truth.definitions.items() if definition.deleted}
    assert newest(story.webhooks, "giftcertificates").keys() == story.truth.definitions.keys()


def test_the_purchase_says_the_face_value_where_one_was_sent(story: Story) -> None:
    purchases = {
        entity(payload): payload["data"]["balance"]
        for payload in payloads(story.webhooks)
        if payload["event"] == "giftcertificate.created"
    }
    certificates = story.truth.certificates.items()
    assert purchases == {key: c.face_value for key, c in certificates if c.purchase_sent}
    assert any(not certificate.purchase_sent for _, certificate in certificates)


def test_the_currency_is_told_where_the_purchase_or_the_definition_names_it(story: Story) -> None:
    named: dict[Key, set[str]] = {}
    ours = [payload for payload in payloads(story.webhooks) if "certDefId" in payload["data"]]
    definitions = {entity(p)[0]: p["data"].get("currencyCode") for p in payloads(story.webhooks) if "name" in p["data"]}
    for payload in ours:
        data, shown = payload["data"], payload["data"]["displayCurrency"]
        by_purchase = {
            data["shiftLocation"].get("primaryCurrencyCode"),
            shown["isocode"] if shown["buy"] == 1 else None,
        }
        purchase = by_purchase if payload["event"] == "giftcertificate.created" else set()
        named.setdefault(entity(payload), set()).update({definitions.get(data["certDefId"]), *purchase} - {None, ""})
    truth = story.truth.certificates
    assert named == {key: {truth[key].currency} if truth[key].currency_told else set() for key in named}
    assert {certificate.currency_told for certificate in truth.values()} == {True, False}


def test_events_attempts_duplicates_and_resends_are_counted_as_sent(story: Story) -> None:
    sent, truth = payloads(story.webhooks), story.truth
    events = {(entity(payload), payload["id"]) for payload in sent}
    assert Counter(key for key, _ in events) == Counter(
        {
            **{key: certificate.events for key, certificate in truth.certificates.items()},
            **{key: definition.events for key, definition in truth.definitions.items()},
        }
    )
    attempts = {payload["attemptId"] for payload in sent}
    assert truth.events == len(events)
    assert truth.attempts == len(attempts)
    assert truth.duplicates == len(sent) - len(attempts)
    assert truth.resends == len(attempts) - len(events)


def test_attempts_of_one_event_say_the_same_of_it(story: Story) -> None:
    told: dict[str, dict[str, Any]] = {}
    for payload in payloads(story.webhooks):
        payload.pop("attemptId")
        assert told.setdefault(payload["id"], payload) == payload


# The receiver's view


def test_the_ingress_can_route_what_must_be_acknowledged_and_nothing_that_is_broken(story: Story) -> None:
    for webhook in story.webhooks:
        if webhook.kind is Kind.BROKEN:
            with pytest.raises(Malformed):
                route(webhook.body)
        else:
            assert (route(webhook.body).topic == UNROUTED) == (webhook.kind is Kind.UNROUTED)


def test_the_worker_can_decode_every_event_and_nothing_that_must_be_dead_lettered(story: Story) -> None:
    for webhook in story.webhooks:
        if webhook.kind is Kind.UNDECODABLE:
            with pytest.raises(Malformed):
                read(webhook.body)
        elif webhook.kind in APPLICABLE:
            read(webhook.body)


def test_only_what_is_not_authentic_is_signed_wrongly_and_expected_to_be_refused(story: Story) -> None:
    expected = {
        Kind.FORGED: (Signing.FORGED, 401),
        Kind.STALE: (Signing.STALE, 401),
        Kind.UNSIGNED: (Signing.MISSING, 401),
        Kind.BROKEN: (Signing.VALID, 400),
    }
    for webhook in story.webhooks:
        signing, status = expected.get(webhook.kind, (Signing.VALID, 200))
        assert (webhook.signing, webhook.expected_status) == (signing, status)


def test_undecodable_webhooks_are_about_certificates_that_are_none_the_worse_for_it(story: Story) -> None:
    for payload in payloads(story.webhooks, Kind.UNDECODABLE):
        assert entity(payload) in story.truth.certificates


# The trouble


@pytest.mark.parametrize("seed", range(5))
def test_even_a_short_simulation_has_every_kind_of_webhook(seed: int) -> None:
    assert set(simulated(300, seed).truth.posts) == set(Kind)


def test_events_arrive_after_newer_ones_of_the_same_certificate(story: Story) -> None:
    seen: dict[Key, tuple[str, int, int, str]] = {}
    overtaken = 0
    for payload in payloads(story.webhooks, Kind.EVENT, Kind.LATE):
        overtaken += seen.get(entity(payload), order(payload)) > order(payload)
        seen[entity(payload)] = max(seen.get(entity(payload), order(payload)), order(payload))
    assert overtaken > 20


def test_a_delete_arrives_before_its_create(story: Story) -> None:
    deleted: set[Key] = set()
    too_late = 0
    for payload in payloads(story.webhooks, Kind.EVENT, Kind.LATE):
        if payload["event"] == "giftcertificates.deleted":
            deleted.add(entity(payload))
        too_late += payload["event"] == "giftcertificates.created" and entity(payload) in deleted
    assert too_late > 5


def test_balances_fall_to_zero_in_several_payments_and_rise_only_as_an_anomaly(story: Story) -> None:
    ordered = sorted(payloads(story.webhooks, Kind.EVENT, Kind.LATE, Kind.ANOMALY), key=order)
    anomalies = {payload["id"] for payload in payloads(story.webhooks, Kind.ANOMALY)}
    balances: dict[Key, int] = {}
    for payload in ordered:
        if payload["event"] == "giftcertificate.updated":
            balance = payload["data"]["balance"]
            rose = balance > balances.get(entity(payload), balance)
            assert rose == (payload["id"] in anomalies)
            balances[entity(payload)] = balance
        elif payload["event"] == "giftcertificate.created":
            balances[entity(payload)] = payload["data"]["balance"]
    payments = Counter(entity(p) for p in ordered if p["event"] == "giftcertificate.updated")
    assert anomalies
    assert sum(balance == 0 and payments[key] > 1 for key, balance in balances.items()) > 50


def test_test_mode_events_are_sent_for_live_certificates_and_definitions(story: Story) -> None:
    for entities in (story.truth.certificates, story.truth.definitions):
        live, test = ({entity for entity, livemode in entities if livemode is mode} for mode in (True, False))
        assert live & test
    twins = [key for key in story.truth.certificates if not key[1] and (key[0], True) in story.truth.certificates]
    assert any(story.truth.certificates[key].balance != story.truth.certificates[key[0], True].balance for key in twins)


# The shape of the payloads


def test_payloads_are_about_as_large_as_the_documents(story: Story) -> None:
    sizes = sorted(len(webhook.body) for webhook in story.webhooks if b'"certDefId"' in webhook.body)
    assert 1_200 < sizes[len(sizes) // 2] < 1_700


def test_bodies_are_what_json_stringify_writes(story: Story) -> None:
    for webhook in story.webhooks:
        if webhook.kind is not Kind.BROKEN:
            compact = json.dumps(json.loads(webhook.body), ensure_ascii=False, separators=(",", ":"))
            assert compact.encode() == webhook.body


def test_certificates_have_no_field_that_the_documents_do_not_have(story: Story) -> None:
    for payload in payloads(story.webhooks):
        if payload["event"].startswith("giftcertificate."):
            assert set(payload["data"]) <= set(CERTIFICATE_FIELDS)
            assert set(payload["data"]["shiftLocation"]) <= set(SHIFT_LOCATION_FIELDS)


def test_certificates_come_in_all_the_forms_that_the_sender_leaves_open(story: Story) -> None:
    certificates = [p["data"] for p in payloads(story.webhooks) if p["event"].startswith("giftcertificate.")]
    locations = [data["shiftLocation"] for data in certificates]
    assert {} in locations
    assert any(location.keys() == {"stationId", "name"} for location in locations)
    assert {location["timeZone"] for location in locations if "timeZone" in location} == {
        *("America/Toronto", "America/Vancouver", "America/Mexico_City", "Europe/Berlin")
    }
    null_date = {"value": 0, "offset": 0}
    assert any(data["updatedAt"] == null_date != data["createdAt"] for data in certificates)
    assert any(data["updatedAt"] == null_date == data["createdAt"] for data in certificates)
    assert any(len(data) < len(CERTIFICATE_FIELDS) for data in certificates)
    assert any(data.get("email") == "" for data in certificates)
    assert any(not data["firstName"].isascii() for data in certificates)
    assert {data["displayCurrency"]["isocode"] for data in certificates} >= {"CAD", "EUR", "MXN", "USD"}
    assert any(data["displayPrice"] != data["price"] for data in certificates)


def test_certificates_are_sometimes_sold_below_their_face_value(story: Story) -> None:
    purchases = [p["data"] for p in payloads(story.webhooks) if p["event"] == "giftcertificate.created"]
    assert any(data["price"] < data["balance"] for data in purchases)
    assert any(data["price"] == data["balance"] for data in purchases)
