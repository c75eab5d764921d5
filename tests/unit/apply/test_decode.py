"""Decode: a record's body is what counts; its headers only say when it was known."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple

from consumer.apply.decode import decode
from schemas.certificates import CERTIFICATES
from schemas.definitions import row_of
from schemas.registry import Malformed
from tests.builders import CERTIFICATE_ID, bought, definition, encode, record

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


KAFKA_NOON = 1_780_315_200_000


def with_headers(
    *headers: tuple[str, bytes | None], timestamp: int = KAFKA_NOON, **envelope: Any
) -> "ConsumerRecord[bytes | None, bytes | None]":
    body = encode(bought(envelope=envelope))
    return ConsumerRecord("giftcert.certificates", 0, 0, timestamp, 0, b"key", body, None, -1, -1, headers)


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
        KAFKA_NOON,
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


# Times that are none of ours: before 2000 or from 2100 on, or beyond any calendar.
NO_TIMES = [-1, 0, 946_684_799_999, 4_102_444_800_000, 253_402_300_799_999, -(2**63), 2**63 - 1]


@pytest.mark.parametrize("timestamp", NO_TIMES)
def test_a_time_of_kafka_that_is_none_fails_no_event_that_the_ingress_received(timestamp: int) -> None:
    record = with_headers(("received-at", b"2026-06-01T12:00:00.000Z"), timestamp=timestamp)

    assert decode(record).received_at == NOON


@pytest.mark.parametrize("timestamp", NO_TIMES)
def test_an_event_whose_arrival_nobody_knows_is_malformed(timestamp: int) -> None:
    with pytest.raises(Malformed, match="received-at"):
        decode(with_headers(timestamp=timestamp))


@pytest.mark.parametrize(
    "value",
    [
        b"0001-01-01T00:00:00.000Z",
        b"1999-12-31T23:59:59.999Z",
        b"2026-06-02T12:00:00.001Z",
        b"2062-01-01T00:00:00Z",
        b"9999-12-31T23:59:59.999999Z",
    ],
)
def test_a_receipt_that_cannot_be_true_counts_as_missing(value: bytes) -> None:
    assert decode(with_headers(("received-at", value))).received_at == NOON


def test_a_receipt_may_be_up_to_a_day_ahead_of_kafka_s_clock() -> None:
    decoded = decode(with_headers(("received-at", b"2026-06-02T12:00:00.000Z")))

    assert decoded.received_at == NOON + timedelta(days=1)


DAY = 86_400


@pytest.mark.parametrize(
    ("received_at", "timestamp", "created", "is_applied"),
    [
        (b"2026-06-01T12:00:00.000Z", KAFKA_NOON, KAFKA_NOON // 1000 + DAY, True),
        (b"2026-06-01T12:00:00.000Z", KAFKA_NOON, KAFKA_NOON // 1000 + DAY + 1, False),
        (b"2026-06-01T12:00:00.000Z", KAFKA_NOON, KAFKA_NOON + DAY * 1000 + 1, False),
        # Sent again later, as a dead letter: Kafka's time is the later one.
        (b"2026-06-01T12:00:00.000Z", KAFKA_NOON + 9 * DAY * 1000, KAFKA_NOON // 1000 + 10 * DAY, True),
        (b"2026-06-01T12:00:00.000Z", KAFKA_NOON + 9 * DAY * 1000, KAFKA_NOON // 1000 + 10 * DAY + 1, False),
        # A receipt that is none lifts no bound.
        (b"2062-01-01T00:00:00.000Z", KAFKA_NOON, 2_903_299_200, False),
        (b"9999-12-31T23:59:59.999Z", KAFKA_NOON, 253_402_300_799_999, False),
        (b"", KAFKA_NOON, 253_402_300_799_999, False),
        (b"2026-06-01T12:00:00.000Z", -1, 253_402_300_799_999, False),
    ],
)
def test_an_event_that_was_emitted_a_day_after_its_arrival_is_malformed(
    received_at: bytes, timestamp: int, created: int, *, is_applied: bool
) -> None:
    record = with_headers(("received-at", received_at), timestamp=timestamp, created=created)

    if is_applied:
        assert decode(record).order.emitted_at > NOON
    else:
        with pytest.raises(Malformed, match="`created` is more than a day after the event arrived"):
            decode(record)


_ANY_DATE = st.one_of(
    st.sampled_from(["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999999Z", "2026-06-01T12:00:00Z"]),
    st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
).map(lambda value: {"value": value, "offset": 0})


@given(
    dates=st.fixed_dictionaries({"updatedAt": _ANY_DATE, "createdAt": _ANY_DATE}),
    emitted=st.one_of(st.integers(-(2**40), 2**50), st.sampled_from([KAFKA_NOON // 1000, -62_135_596_800])),
    received=st.one_of(st.none(), _ANY_DATE),
    timestamp=st.one_of(st.integers(-(2**63), 2**63 - 1), st.just(KAFKA_NOON)),
    build=st.sampled_from([bought, definition]),
)
def test_no_time_of_an_event_is_one_that_the_driver_would_store_as_infinity(
    dates: dict[str, Any],
    emitted: int,
    received: dict[str, Any] | None,
    timestamp: int,
    build: Callable[..., dict[str, Any]],
) -> None:
    body = build(**dates, deleted=True, envelope={"created": emitted})
    headers = () if received is None else (("received-at", received["value"].encode()),)
    record = ConsumerRecord("topic", 0, 0, timestamp, 0, b"key", encode(body), None, -1, -1, headers)
    try:
        decoded = decode(record)
    except Malformed:
        return

    if decoded.entity.family is CERTIFICATES:
        row: tuple[Any, ...] = astuple(decoded.snapshot)
    else:
        row = row_of(decoded.entity, decoded, decoded.deleted_at, None)
    times = [time for time in (*row, decoded.received_at, decoded.order.emitted_at) if isinstance(time, datetime)]
    assert len(times) >= 4
    assert all(2000 <= time.year <= 2100 for time in times)


def test_a_receipt_without_a_zone_is_in_utc_wherever_the_worker_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "America/Toronto")
        time.tzset()
        received_at = decode(with_headers(("received-at", b"2026-06-01T12:00:00.000"))).received_at
    time.tzset()

    assert received_at == NOON
