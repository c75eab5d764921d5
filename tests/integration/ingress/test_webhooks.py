"""The ingress as its callers see it: every answer, and what is in Kafka when it is given.

A real process, a real broker, real HTTP. What happens while the broker is away is in test_ingress_outage.
"""

import json
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from consumer.common.settings import Settings, load
from consumer.ingress.signature import HEADER, sign
from deploy.local.services import Giftledger, Service
from deploy.local.stack import Stack
from deploy.local.waiting import accepts, free_port
from tests.builders import bought, definition, definition_deleted, encode, webhook
from tests.records import attempt, header, published, read_until
from tests.sender import SECRET, Answer, Sender
from tests.services import (
    commands,
    create_its_topics,
    deployment,
    metric,
    read,
    start_ingress,
    wait_for,
    wait_for_metric,
)

LIMIT = 262_144
PAYLOADS = Path(__file__).parents[2] / "payloads"


class Deployment(NamedTuple):
    """The ingress that most tests share."""

    giftledger: Giftledger
    settings: Settings
    ingress: Service
    sender: Sender


@pytest.fixture(scope="module")
def deployed(stack: Stack) -> Iterator[Deployment]:
    environment = deployment(stack, WEBHOOK_SIGNING_KEYS=f"test={SECRET},next=the-next-key")
    with commands(stack, environment) as giftledger:
        create_its_topics(giftledger)
        ingress, sender = start_ingress(giftledger)
        yield Deployment(giftledger, load(environment), ingress, sender)


@pytest.fixture
def sender(deployed: Deployment) -> Sender:
    return deployed.sender


@pytest.fixture
def settings(deployed: Deployment) -> Settings:
    return deployed.settings


def attempt_of(body: bytes) -> str:
    attempt_id: str = json.loads(body)["attemptId"]
    return attempt_id


def not_published(settings: Settings, sender: Sender, attempt_id: str) -> bool:
    """Whether nothing of an attempt reached Kafka: not even before a webhook of the same entity that came later."""
    sentinel = encode(bought())
    assert sender.post(sentinel).status == 200
    records = read_until(
        settings, [], lambda records: attempt_of(sentinel) in map(attempt, records), attempt_of(sentinel)
    )
    return attempt_id not in map(attempt, records)


# 200: durably in Kafka, as it came.


def test_a_webhook_is_answered_with_its_attempt(sender: Sender) -> None:
    body = encode(bought())

    answer = sender.post(body)

    assert (answer.status, answer.json()) == (200, {"attemptId": attempt_of(body)})
    assert answer.headers["content-type"] == "application/json"


ODD_BUT_LEGAL = [
    json.dumps(bought(firstName="Zoë 😀"), indent=2, ensure_ascii=False).encode() + b"\r\n\r\n",
    json.dumps(bought(firstName="Zoë 😀"), ensure_ascii=True).encode(),
    encode(bought(firstName="TEXT")).replace(b"TEXT", rb"\u0000 \ud83d \/ \u0041"),
    encode(bought(big="NUMBER")).replace(b'"NUMBER"', b"1.00000000000000000000000000001e+2"),
    encode(bought(twice="TWICE")).replace(b'"TWICE"', b'1,"twice":2'),
]


@pytest.mark.parametrize("body", ODD_BUT_LEGAL, ids=["indented", "escaped", "half characters", "number", "twice"])
def test_the_bytes_published_are_the_bytes_received(sender: Sender, settings: Settings, body: bytes) -> None:
    assert sender.post(body).status == 200

    assert published(settings, attempt_of(body)).value == body


@pytest.mark.parametrize(
    ("body", "topic", "key"),
    [
        (bought(_id="certificate-1"), "certificates", "certificate-1"),
        (webhook("giftcertificate.updated", {"_id": "certificate-1", "balance": 0}), "certificates", "certificate-1"),
        (definition(_id="definition-1"), "definitions", "definition-1"),
        (definition("updated", _id="définition"), "definitions", "définition"),
        (definition_deleted("definition-1"), "definitions", "definition-1"),
        (
            webhook("transaction.completed", {"_id": "transaction-1"}, id="event-of-its-own"),
            "unrouted",
            "event-of-its-own",
        ),
        (webhook("giftcertificate.voided", {"_id": "certificate-1"}, id="another"), "unrouted", "another"),
    ],
    ids=lambda value: value["event"] if isinstance(value, dict) else None,
)
def test_a_record_is_in_its_family_s_topic_under_its_entity_s_key(
    sender: Sender, settings: Settings, body: dict[str, Any], topic: str, key: str
) -> None:
    assert sender.post(encode(body)).status == 200

    assert published(settings, body["attemptId"], topic).key.decode() == key


def test_an_event_that_is_almost_ours_is_counted_and_named_in_the_log(deployed: Deployment, sender: Sender) -> None:
    before = metric(deployed.ingress, "giftcert_webhooks_almost_ours_total")
    for event in ("GiftCertificate.created", "ticket.created"):
        assert sender.post(encode(webhook(event, {"_id": "certificate-1"}))).status == 200

    assert metric(deployed.ingress, "giftcert_webhooks_almost_ours_total") == before + 1
    assert "GiftCertificate.created" in deployed.ingress.process.tail()


@pytest.mark.parametrize("name", ["giftcertificates.created", "giftcertificates.updated", "giftcertificates.deleted"])
def test_a_documented_example_is_accepted_as_it_stands(sender: Sender, settings: Settings, name: str) -> None:
    body = (PAYLOADS / f"{name}.json").read_bytes()

    assert sender.post(body).status == 200

    assert published(settings, attempt_of(body), "definitions").value == body


@pytest.mark.parametrize(("livemode", "text"), [(True, "true"), (False, "false")])
def test_the_headers_of_a_record_say_what_the_envelope_says(
    sender: Sender, settings: Settings, *, livemode: bool, text: str
) -> None:
    body = bought(envelope={"id": "event-é", "livemode": livemode})
    signed = signature(encode(body))

    sender.post(encode(body), {HEADER: signed})

    record = published(settings, body["attemptId"])
    headers = dict(record.headers)
    headers.pop("received-at")
    assert headers == {
        "event": b"giftcertificate.created",
        "event-id": "event-é".encode(),
        "attempt-id": body["attemptId"].encode(),
        "livemode": text.encode(),
        "signing-key-id": b"test",
        "signature": signed.encode(),
    }


def test_the_time_of_receipt_is_rfc_3339_in_utc_with_milliseconds(sender: Sender, settings: Settings) -> None:
    body = encode(bought())
    before = datetime.now(UTC)
    sender.post(body)
    after = datetime.now(UTC)

    received_at = header(published(settings, attempt_of(body)), "received-at") or ""

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", received_at)
    cut = before.replace(microsecond=before.microsecond // 1000 * 1000)
    assert cut <= datetime.fromisoformat(received_at) <= after


TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_valid_traceparent_is_passed_on(sender: Sender, settings: Settings) -> None:
    body = encode(bought())

    sender.post(body, {"traceparent": TRACEPARENT})

    assert header(published(settings, attempt_of(body)), "traceparent") == TRACEPARENT


@pytest.mark.parametrize(
    "traceparent",
    ["", "nonsense", TRACEPARENT.upper(), f"{TRACEPARENT}-extra", TRACEPARENT[:-1], f"{TRACEPARENT}{'0' * 4000}"],
    ids=["empty", "nonsense", "upper case", "longer", "shorter", "very long"],
)
def test_any_other_traceparent_is_left_out(sender: Sender, settings: Settings, traceparent: str) -> None:
    body = encode(bought())

    assert sender.post(body, {"traceparent": traceparent}).status == 200

    assert header(published(settings, attempt_of(body)), "traceparent") is None


def test_the_signature_is_kept_as_it_was_sent(sender: Sender, settings: Settings) -> None:
    body = encode(bought())
    parts = dict(part.split("=", 1) for part in signature(body).split(","))
    sent = f"v=1, s2={parts['s2'].upper()} ,s=Zo\xeb,t={parts['t']}"

    assert sender.post(body, {HEADER: sent}).status == 200

    assert dict(published(settings, attempt_of(body)).headers)["signature"] == sent.encode("latin-1")


@pytest.mark.parametrize(("secret", "key_id"), [(SECRET, "test"), ("the-next-key", "next")])
def test_two_keys_are_valid_at_once_and_the_record_names_which(
    sender: Sender, settings: Settings, secret: str, key_id: str
) -> None:
    body = encode(bought())

    assert sender._replace(secret=secret).post(body).status == 200

    assert header(published(settings, attempt_of(body)), "signing-key-id") == key_id


def test_a_body_that_was_written_anew_on_its_way_is_accepted_as_it_came_and_counted(
    deployed: Deployment, sender: Sender, settings: Settings
) -> None:
    signed, body = encode(one := bought(firstName="Zoë")), json.dumps(one, indent=1).encode()
    before = metric(deployed.ingress, "giftcert_webhook_reserialised_total")

    assert sender.post(body, {HEADER: sign(SECRET, signed)}).status == 200

    assert published(settings, attempt_of(body)).value == body
    assert metric(deployed.ingress, "giftcert_webhook_reserialised_total") == before + 1


def test_a_chunked_body_is_accepted(sender: Sender, settings: Settings) -> None:
    body = encode(bought())
    halves = [body[:40], body[40:]]

    assert sender.post_chunked(halves, {HEADER: sign(SECRET, body)}).status == 200

    assert published(settings, attempt_of(body)).value == body


def padded(size: int) -> bytes:
    body = encode(bought())
    return body + b" " * (size - len(body))


def test_a_body_of_the_largest_size_is_accepted(sender: Sender, settings: Settings) -> None:
    body = padded(LIMIT)

    assert sender.post(body).status == 200

    assert published(settings, attempt_of(body)).value == body


def test_a_client_that_hangs_up_after_its_body_does_not_cancel_the_publish(sender: Sender, settings: Settings) -> None:
    body = encode(bought())

    with sender.posting(body, send=len(body)):
        pass

    assert published(settings, attempt_of(body)).value == body


# 400: not JSON, or no readable envelope.


@pytest.mark.parametrize("body", [b"", b"nonsense", b'{"id":', b"[]", b"null", b"\xff", b"[" * 100_000], ids=range(7))
def test_what_is_no_json_object_is_refused(sender: Sender, body: bytes) -> None:
    answer = sender.post(body)

    assert (answer.status, answer.problem["reason"]) == (400, "malformed")


def test_an_empty_object_is_refused_by_the_name_of_a_field(sender: Sender) -> None:
    answer = sender.post(b"{}")

    assert answer.status == 400
    assert answer.problem["detail"] == "Object missing required field `id`"


@pytest.mark.parametrize("name", ["id", "attemptId", "livemode", "created", "event", "data"])
def test_a_missing_field_of_the_envelope_is_named(sender: Sender, name: str) -> None:
    answer = sender.post(encode({key: value for key, value in bought().items() if key != name}))

    assert answer.status == 400
    assert f"`{name}`" in answer.problem["detail"]


def test_a_wrong_field_of_the_envelope_is_named_and_not_quoted(sender: Sender) -> None:
    answer = sender.post(encode(bought(envelope={"livemode": "Zoë Lévesque"})))

    assert answer.status == 400
    assert answer.problem["detail"] == "Expected `bool`, got `str` - at `$.livemode`"


def test_an_entity_without_an_id_is_refused_by_its_path(sender: Sender) -> None:
    answer = sender.post(encode(webhook("giftcertificate.created", {"balance": 1})))

    assert answer.status == 400
    assert "`_id` - at `$.data`" in answer.problem["detail"]


def test_what_the_ingress_need_not_know_it_does_not_judge(sender: Sender) -> None:
    body = encode(webhook("giftcertificate.created", {"_id": "x", "balance": "much"}))

    assert sender.post(body).status == 200


def test_a_refused_body_is_not_published(sender: Sender, settings: Settings) -> None:
    body = bought(envelope={"livemode": "yes"})

    assert sender.post(encode(body)).status == 400

    assert not_published(settings, sender, body["attemptId"])


# 401: signature missing, wrong, or too old.


def signature(body: bytes, *, secret: str = SECRET, late: int = 0) -> str:
    return sign(secret, body, int(time.time()) - late)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (lambda: None, "signature_missing"),
        (lambda: "", "signature_missing"),
        (lambda: "nonsense", "signature_malformed"),
        (lambda: "t=1,s=", "signature_malformed"),
        (lambda: sign("another-key", b"x"), "signature_mismatch"),
        (lambda: sign(SECRET, b"another body"), "signature_mismatch"),
        (lambda: signature(b"x", late=3600), "timestamp_out_of_tolerance"),
        (lambda: signature(b"x", late=-3600), "timestamp_out_of_tolerance"),
    ],
    ids=["missing", "empty", "nonsense", "half", "another key", "another body", "stale", "from the future"],
)
def test_a_webhook_without_a_good_signature_is_refused_and_the_reason_named(
    sender: Sender, value: Callable[[], str | None], reason: str
) -> None:
    answer = sender.post(encode(bought()), {HEADER: value()})

    assert (answer.status, answer.problem["reason"]) == (401, reason)


@pytest.mark.parametrize("late", [290, -290])
def test_a_signature_within_the_tolerance_is_accepted(sender: Sender, late: int) -> None:
    body = encode(bought())

    assert sender.post(body, {HEADER: signature(body, late=late)}).status == 200


@pytest.mark.parametrize("late", [310, -310])
def test_a_signature_outside_of_the_tolerance_is_refused(sender: Sender, late: int) -> None:
    body = encode(bought())

    assert sender.post(body, {HEADER: signature(body, late=late)}).status == 401


@pytest.mark.parametrize("body", [b"{}", b"nonsense", b""], ids=range(3))
def test_who_has_no_key_learns_nothing_about_the_body(sender: Sender, body: bytes) -> None:
    assert sender.post(body, {HEADER: None}).status == 401


def test_a_forged_webhook_is_not_published(sender: Sender, settings: Settings) -> None:
    body = encode(bought())

    assert sender._replace(secret="guessed").post(body).status == 401

    assert not_published(settings, sender, attempt_of(body))


def test_a_refusal_shows_nothing_of_body_signature_or_keys(sender: Sender) -> None:
    body = encode(bought(firstName="Zoë Lévesque"))
    forged = signature(body, secret="guessed")

    text = str(sender.post(body, {HEADER: forged}))

    assert not re.search(f"Zo|vesque|{forged[-64:]}|{SECRET}|the-next-key", text)


# 404 and 405: other paths, other methods.


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path", ["/", "/webhook", "/webhooks/", "/webhooks/1", "/Webhooks", "/metrics", "/health/live", "/health/ready"]
)
def test_another_path_is_not_found(sender: Sender, method: str, path: str) -> None:
    answer = sender.request(method, path)

    assert answer.status == 404
    assert answer.problem


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_another_method_is_not_allowed_and_the_right_one_named(sender: Sender, method: str) -> None:
    answer = sender.request(method, "/webhooks")

    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert answer.problem


def test_the_head_of_a_refusal_has_no_body(sender: Sender) -> None:
    answer = sender.request("HEAD", "/webhooks")

    assert (answer.status, answer.body) == (405, b"")


def test_a_query_changes_nothing(sender: Sender) -> None:
    body = encode(bought())

    assert sender.request("POST", "/webhooks?account=1", body, {HEADER: signature(body)}).status == 200


# GET /health: what a load balancer asks.


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_health_is_200_and_nothing_else(sender: Sender, method: str) -> None:
    answer = sender.request(method, "/health")

    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_health_is_only_asked_for(sender: Sender, method: str) -> None:
    answer = sender.request(method, "/health")

    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.problem


def test_health_is_no_webhook(deployed: Deployment, sender: Sender) -> None:
    before = metric(deployed.ingress, "giftcert_webhook_requests_total")

    sender.request("GET", "/health")

    assert metric(deployed.ingress, "giftcert_webhook_requests_total") == before


# 413: over the cap.


@pytest.mark.parametrize("size", [LIMIT + 1, 300 * 1024, 20_000_000])
def test_a_body_over_the_cap_is_refused(sender: Sender, size: int) -> None:
    answer = sender.post(padded(size))

    assert (answer.status, answer.problem["reason"]) == (413, "body_too_large")


@pytest.mark.parametrize("size", [LIMIT + 1, 300 * 1024, 20_000_000])
def test_a_chunked_body_over_the_cap_is_refused(sender: Sender, size: int) -> None:
    body = padded(size)
    chunks = [body[at : at + 8192] for at in range(0, size, 8192)]

    answer = sender.post_chunked(chunks, {HEADER: signature(body)})

    assert (answer.status, answer.problem["reason"]) == (413, "body_too_large")


def test_a_body_over_the_cap_is_refused_before_it_is_sent(sender: Sender) -> None:
    request = f"POST /webhooks HTTP/1.1\r\nHost: localhost\r\nContent-Length: {10**12}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", sender.port), timeout=30) as connection:
        connection.sendall(request.encode())

        assert connection.recv(12) == b"HTTP/1.1 413"


def test_an_endless_body_is_refused_at_the_cap(sender: Sender) -> None:
    request = b"POST /webhooks HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n%s\r\n" % (8192, b" " * 8192)
    with socket.create_connection(("127.0.0.1", sender.port), timeout=30) as connection:
        connection.sendall(request + chunk * (LIMIT // 8192 + 1))

        assert connection.recv(12) == b"HTTP/1.1 413"


# Clients that go away.


def test_a_client_that_hangs_up_in_the_middle_of_its_body_publishes_nothing(
    deployed: Deployment, sender: Sender, settings: Settings
) -> None:
    reason = {"outcome": "refused", "reason": "client_disconnected"}
    before = metric(deployed.ingress, "giftcert_webhook_requests_total", **reason)
    body = encode(bought())

    with sender.posting(body, send=len(body) - 1):
        pass

    wait_for_metric(deployed.ingress, "giftcert_webhook_requests_total", before + 1, **reason)
    assert not_published(settings, sender, attempt_of(body))


def test_a_connection_carries_several_webhooks_and_survives_a_refusal(sender: Sender) -> None:
    good, bad = encode(bought()), b"{}"
    request = b"".join(
        b"POST /webhooks HTTP/1.1\r\nHost: localhost\r\n%s: %s\r\nContent-Length: %d\r\n\r\n%s"
        % (HEADER.encode(), signature(body).encode(), len(body), body)
        for body in (good, bad, good)
    )
    with socket.create_connection(("127.0.0.1", sender.port), timeout=30) as connection:
        connection.sendall(request)
        received = b""
        while received.count(b"HTTP/1.1 ") < 3 and (more := connection.recv(65536)):
            received += more

    assert re.findall(rb"HTTP/1\.1 (\d+)", received) == [b"200", b"400", b"200"]


# The two ports.


@pytest.mark.parametrize("path", ["/metrics", "/health/live", "/health/ready"])
def test_health_and_metrics_are_on_the_admin_port(deployed: Deployment, path: str) -> None:
    assert read(f"http://127.0.0.1:{deployed.ingress.admin_port}{path}")


def test_webhooks_are_not_on_the_admin_port(deployed: Deployment) -> None:
    body = encode(bought())

    assert Sender(deployed.ingress.admin_port).post(body).status == 404


def test_answers_are_counted_by_outcome_and_reason(deployed: Deployment, sender: Sender) -> None:
    counted: dict[tuple[str, str], Callable[[], Answer]] = {
        ("accepted", "published"): lambda: sender.post(encode(bought())),
        ("refused", "malformed"): lambda: sender.post(b"{}"),
        ("refused", "signature_missing"): lambda: sender.post(b"{}", {HEADER: None}),
        ("refused", "body_too_large"): lambda: sender.post(padded(LIMIT + 1)),
        ("refused", "not_found"): lambda: sender.request("GET", "/"),
        ("refused", "method_not_allowed"): lambda: sender.request("GET", "/webhooks"),
    }

    for (outcome, reason), post in counted.items():
        labels = {"outcome": outcome, "reason": reason}
        before = metric(deployed.ingress, "giftcert_webhook_requests_total", **labels)
        post()
        assert metric(deployed.ingress, "giftcert_webhook_requests_total", **labels) == before + 1, labels


def test_no_id_is_a_label(deployed: Deployment, sender: Sender) -> None:
    body = bought(_id="certificate-of-this-test", customerNumber="customer-of-this-test")

    sender.post(encode(body))

    text = read(deployed.ingress.metrics_url)
    assert not re.search(f"of-this-test|{body['id']}\\b|{body['attemptId']}\\b", text)


# Bounds of what is held in memory.


def test_over_the_bound_of_requests_the_ingress_is_unavailable_and_then_available_again(deployed: Deployment) -> None:
    _, sender = start_ingress(deployed.giftledger, MAX_IN_FLIGHT_REQUESTS="2")
    body, other = encode(bought()), encode(bought())

    with sender.posting(body, send=1) as first, sender.posting(body, send=1) as second:
        refused = sender.post(other)
        assert [first.finish().status, second.finish().status] == [200, 200]

    assert (refused.status, refused.problem["reason"]) == (503, "in_flight_requests")
    assert int(refused.headers["retry-after"]) >= 1
    assert sender.post(other).status == 200


def test_what_was_refused_is_in_flight_no_more(deployed: Deployment) -> None:
    ingress, sender = start_ingress(deployed.giftledger, MAX_IN_FLIGHT_REQUESTS="1")
    body = encode(bought())

    refused = [
        sender.post(b"{}").status,
        sender.post(body, {HEADER: None}).status,
        sender.post(padded(LIMIT + 1)).status,
    ]
    with sender.posting(body, send=1):
        pass
    wait_for_metric(ingress, "giftcert_webhook_requests_total", 1, reason="client_disconnected")

    assert [*refused, sender.post(body).status] == [400, 401, 413, 200]


def test_over_the_bound_of_bytes_the_ingress_is_unavailable_and_then_available_again(deployed: Deployment) -> None:
    _, sender = start_ingress(deployed.giftledger, MAX_IN_FLIGHT_BYTES=str(LIMIT + 1000))
    large, small = padded(LIMIT), padded(1001)

    with sender.posting(large, send=1) as first:
        refused = sender.post(small)
        assert first.finish().status == 200

    assert (refused.status, refused.problem["reason"]) == (503, "in_flight_bytes")
    assert int(refused.headers["retry-after"]) >= 1
    assert sender.post(small).status == 200


def test_a_body_of_unknown_length_counts_as_the_largest(deployed: Deployment) -> None:
    _, sender = start_ingress(deployed.giftledger, MAX_IN_FLIGHT_BYTES=str(LIMIT - 1))
    body = encode(bought())

    refused = sender.post_chunked([body], {HEADER: signature(body)})

    assert (refused.status, refused.problem["reason"]) == (503, "in_flight_bytes")


# Start and end.


def test_without_a_signing_key_the_ingress_refuses_to_start_and_names_the_setting(deployed: Deployment) -> None:
    service, sender = start_ingress(deployed.giftledger, ready=False, WEBHOOK_SIGNING_KEYS="")

    assert service.process.wait() == 2

    assert "WEBHOOK_SIGNING_KEYS is not set" in service.process.tail()
    assert not accepts(sender.port)


def test_with_a_wrong_setting_the_ingress_refuses_to_start_and_names_it(deployed: Deployment) -> None:
    service, _ = start_ingress(deployed.giftledger, ready=False, WEBHOOK_MAX_BODY_BYTES="256k")

    assert service.process.wait() == 2

    assert "WEBHOOK_MAX_BODY_BYTES" in service.process.tail()


@pytest.mark.parametrize("name", ["INGRESS_PORT", "ADMIN_PORT"])
def test_a_port_that_is_taken_ends_the_ingress_with_a_message_that_names_it(deployed: Deployment, name: str) -> None:
    ports = {"INGRESS_PORT": str(free_port()), "ADMIN_PORT": str(free_port()), name: str(deployed.sender.port)}
    process = deployed.giftledger.stack.run(
        "taken-port", [sys.executable, "-m", "consumer", "ingress"], {**deployed.giftledger.environment, **ports}
    )

    assert process.wait() == 1

    assert f"127.0.0.1:{deployed.sender.port}" in process.tail()
    assert "Traceback" not in process.tail()


def test_where_verification_is_off_anybody_is_believed_and_a_metric_shows_it(
    deployed: Deployment, settings: Settings
) -> None:
    ingress, sender = start_ingress(deployed.giftledger, WEBHOOK_VERIFICATION="off", WEBHOOK_SIGNING_KEYS="")
    body = encode(bought())

    assert sender.post(body, {HEADER: None}).status == 200

    record = published(settings, attempt_of(body))
    assert header(record, "signing-key-id") is None
    assert header(record, "signature") is None
    assert metric(ingress, "giftcert_webhook_verification_enabled") == 0
    assert "WEBHOOK_VERIFICATION=off" in ingress.process.log.read_text()


def test_where_verification_is_on_a_metric_shows_it(deployed: Deployment) -> None:
    assert metric(deployed.ingress, "giftcert_webhook_verification_enabled") == 1


def test_sigterm_ends_the_ingress_after_it_has_answered_what_is_in_flight(
    deployed: Deployment, settings: Settings
) -> None:
    ingress, sender = start_ingress(deployed.giftledger)
    body = encode(bought())

    with sender.posting(body, send=10) as posting:
        ingress.process.signal(ingress.process.stop_signal)
        wait_for(lambda: not accepts(sender.port), "the ingress to accept nothing more")
        answer = posting.finish()

    assert answer.status == 200
    assert ingress.process.wait() == 0
    assert published(settings, attempt_of(body)).value == body


def test_sigterm_waits_no_longer_for_a_client_than_it_may(deployed: Deployment) -> None:
    ingress, sender = start_ingress(deployed.giftledger, SHUTDOWN_GRACE_SECONDS="1")
    body = encode(bought())

    with sender.posting(body, send=10) as posting:
        ingress.process.signal(ingress.process.stop_signal)
        answer = posting.answer()

        assert (answer.status, answer.problem["reason"]) == (503, "draining")
        assert ingress.process.wait() == 0
    assert "Traceback" not in ingress.process.log.read_text()


def test_nothing_secret_or_personal_is_logged(deployed: Deployment, sender: Sender) -> None:
    sender.post(encode(bought(firstName="Zoë", lastName="Lévesque", email="zoe@example.com", livemode="Zoë")))
    sender._replace(secret="guessed").post(encode(bought(firstName="Zoë")))

    log = deployed.ingress.process.log.read_text()

    assert "webhook refused" in log
    assert not re.search(f"Zo|vesque|zoe@|{SECRET}|the-next-key", log)
