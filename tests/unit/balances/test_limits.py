from datetime import UTC, datetime

import msgspec
import pytest

from consumer.balances.limits import RETRY_AT_MOST_SECONDS, RETRY_SECONDS, Limits
from consumer.balances.record import record_of
from consumer.common.settings import Settings
from consumer.kafka.options import largest_balance
from consumer.kafka.transactions import BatchTooLarge, Outgoing
from schemas.balances import Balance, Changed, Money, Station
from schemas.fields import MAX_AMOUNT, MAX_IDENTIFIER


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def of(size: int, topic: str = "live") -> Outgoing:
    return Outgoing(topic, b"", bytes(size), ())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(clock: Clock) -> Limits:
    return Limits(clock)


def test_where_nothing_was_refused_all_is_sent(limits: Limits) -> None:
    assert limits.fitting([of(0), of(10**9)]) == [True, True]
    assert limits.one_by_one == set()


def test_of_a_topic_that_refused_several_at_once_each_goes_alone_and_none_is_held_back(limits: Limits) -> None:
    limits.refuse(BatchTooLarge("live", [of(10), of(20)]))

    assert limits.one_by_one == {"live"}
    assert limits.fitting([of(10), of(20)]) == [True, True]


def test_what_is_as_large_as_one_that_was_refused_alone_is_held_back_in_its_topic(limits: Limits) -> None:
    limits.refuse(BatchTooLarge("live", [of(20)]))

    assert limits.fitting([of(19), of(20), of(21), of(21, "test")]) == [True, False, False, True]


def test_all_is_tried_again_after_a_while_which_doubles_up_to_a_bound(limits: Limits, clock: Clock) -> None:
    pause = RETRY_SECONDS
    for _ in range(8):
        limits.refuse(BatchTooLarge("live", [of(20)]))
        clock.now += pause - 1
        limits.end_round(1)
        assert limits.fitting([of(20)]) == [False]
        clock.now += 1
        limits.end_round(1)
        assert limits.fitting([of(20)]) == [True]
        pause = min(2 * pause, RETRY_AT_MOST_SECONDS)
    assert pause == RETRY_AT_MOST_SECONDS


def test_a_round_without_a_refusal_begins_the_pauses_anew(limits: Limits, clock: Clock) -> None:
    limits.refuse(BatchTooLarge("live", [of(20)]))
    clock.now += RETRY_SECONDS
    limits.end_round(1)
    limits.end_round(0)

    limits.refuse(BatchTooLarge("live", [of(20)]))
    clock.now += RETRY_SECONDS
    limits.end_round(1)

    assert limits.fitting([of(20)]) == [True]


# As JSON writes them, in the sender's body as in ours: plain, escaped, of four bytes.
@pytest.mark.parametrize("character", ["n", "\x01", "\U0010ffff"], ids=["plain", "escaped", "four bytes"])
def test_the_largest_state_that_two_bodies_can_say_fits_the_limit_that_check_asks_for(character: str) -> None:
    settings, identifier = Settings(), "\U0010ffff" * MAX_IDENTIFIER
    name = character * (settings.webhook_max_body_bytes // (len(msgspec.json.encode(character)) - 2))
    station, money = Station(identifier, name), Money.of(-MAX_AMOUNT)
    now = datetime(2026, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)
    state = Balance(
        certificate_id=identifier,
        livemode=False,
        version=2**53 - 1,
        event_id=identifier,
        account_id=identifier,
        definition_id=identifier,
        currency="unspecified",
        balance=money,
        consideration=money,
        face_value=money,
        price=money,
        is_voided=False,
        issuing_station=station,
        last_station=station,
        issued_at=now,
        updated_at=now,
    )
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    record = record_of(settings, Changed(identifier, False, 2**53 - 1, now, state, traceparent))  # noqa: FBT003

    # Each body names its station and what else identifies it, too: that is no part of the name.
    said_with_the_name = len(msgspec.json.encode(identifier)) * 4
    assert record.size - 2 * said_with_the_name < largest_balance(settings)
