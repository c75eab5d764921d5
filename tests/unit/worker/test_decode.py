"""Decode: a record's body is what counts; its headers only say when it was known."""

import time
from datetime import UTC, datetime

import pytest
from aiokafka.structs import ConsumerRecord

from consumer.worker.decode import decode
from schemas.certificates import CERTIFICATES
from schemas.registry import Malformed
from tests.builders import CERTIFICATE_ID, bought, definition, encode, record

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def with_headers(
    *headers: tuple[str, bytes | None], timestamp: int = 1_780_315_200_000
) -> "ConsumerRecord[bytes | None, bytes | None]":
    return ConsumerRecord("giftcert.certificates", 0, 0, timestamp, 0, b"key", encode(bought()), None, -1, -1, headers)


def test_an_event_is_what_its_body_says() -> None:
    body = bought(envelope={"id": "event", "attemptId": "attempt", "livemode": False})

    decoded = decode(record(encode(body), offset=7))

    assert (decoded.name, decoded.attempt_id, decoded.order.event_id) == ("giftcertificate.created", "attempt", "event")
    assert decoded.entity == (CERTIFICATES, CERTIFICATE_ID, False)
    assert (decoded.topic, decoded.partition, decoded.offset) == ("giftcert.certificates", 0, 7)


def test_the_body_wins_over_headers_key_and_topic() -> None:
    lying = ConsumerRecord(
        "giftcert.definitions",
        0,
        0,
        0,
        0,
        b"another-certificate",
        encode(bought(envelope={"id": "event", "attemptId": "attempt", "livemode": True})),
        None,
        -1,
        -1,
        (
            ("event", b"giftcertificates.deleted"),
            ("event-id", b"another-event"),
            ("attempt-id", b"another-attempt"),
            ("livemode", b"false"),
        ),
    )

    decoded = decode(lying)

    assert (decoded.name, decoded.attempt_id, decoded.order.event_id) == ("giftcertificate.created", "attempt", "event")
    assert decoded.entity == (CERTIFICATES, CERTIFICATE_ID, True)


def test_a_record_of_the_other_family_s_topic_is_read_all_the_same() -> None:
    assert decode(record(encode(definition()), topic="giftcert.certificates")).entity.family.name == "definition"


@pytest.mark.parametrize("value", [None, b"", b"{}", b"nonsense"])
def test_a_record_that_is_no_message_is_malformed(value: bytes | None) -> None:
    with pytest.raises(Malformed):
        decode(record(value))


@pytest.mark.parametrize(
    "received_at", ["2026-06-01T12:00:00.000Z", "2026-06-01T12:00:00+00:00", "2026-06-01T08:00:00.000-04:00"]
)
def test_an_event_is_known_since_the_ingress_received_it(received_at: str) -> None:
    decoded = decode(with_headers(("received-at", received_at.encode()), timestamp=0))

    assert decoded.received_at == NOON


def test_milliseconds_of_the_receipt_are_kept() -> None:
    decoded = decode(with_headers(("received-at", b"2026-06-01T12:00:00.123Z")))

    assert decoded.received_at.microsecond == 123_000


@pytest.mark.parametrize(
    "value", [None, b"", b"yesterday", b"\xff", b"2026-13-01T00:00:00Z", b"0001-01-01T00:00:00+14:00", b"1780315200"]
)
def test_a_receipt_that_cannot_be_read_was_when_kafka_took_the_record(value: bytes | None) -> None:
    assert decode(with_headers(("received-at", value))).received_at == NOON


def test_a_receipt_that_is_missing_was_when_kafka_took_the_record() -> None:
    assert decode(with_headers(("event", b"x"), ("other", None))).received_at == NOON


@pytest.mark.parametrize("timestamp", [-1, -(2**63), 2**63 - 1])
def test_a_time_of_kafka_that_no_calendar_holds_fails_no_event(timestamp: int) -> None:
    assert decode(with_headers(timestamp=timestamp)).received_at.tzinfo is UTC


def test_a_receipt_without_a_zone_is_in_utc_wherever_the_worker_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "America/Toronto")
        time.tzset()
        received_at = decode(with_headers(("received-at", b"2026-06-01T12:00:00.000"))).received_at
    time.tzset()

    assert received_at == NOON
