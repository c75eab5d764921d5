"""Dead letters: the headers that Kafka Connect's tools read, and the flood that stops the worker."""

import asyncio
from typing import TYPE_CHECKING, Any, cast

import asyncpg
import pytest
from prometheus_client import REGISTRY

from consumer.common.errors import Fatal, Unavailable
from consumer.common.settings import load
from consumer.kafka.batcher import Sending
from consumer.letters.dead_letters import (
    APPLY,
    DECODE,
    MAX_REASON,
    WINDOW,
    DeadLetter,
    DeadLetterLimit,
    DeadLetters,
    Refusal,
)
from schemas.registry import Malformed
from tests.builders import record

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

    from consumer.kafka.publisher import Publisher

ORIGINAL = (("event", b"giftcertificate.created"), ("attempt-id", b"\xff\x00"), ("empty", b""))
PREFIX = "__connect.errors."


def original(**different: Any) -> "ConsumerRecord[bytes | None, bytes | None]":
    fields = {"topic": "giftcert.certificates", "partition": 3, "offset": 7, "headers": ORIGINAL, **different}
    built = record(b'{"half":')
    for name, value in fields.items():
        object.__setattr__(built, name, value)
    return built


def reasons(letter: DeadLetter) -> dict[str, str]:
    return {name.removeprefix(PREFIX): value.decode() for name, value in letter.headers() if name.startswith(PREFIX)}


def test_the_headers_say_where_the_record_was_and_why_it_would_not_do() -> None:
    letter = DeadLetter(original(), DECODE, Malformed("Expected `int` - at `$.data.balance`"))

    assert reasons(letter) == {
        "topic": "giftcert.certificates",
        "partition": "3",
        "offset": "7",
        "stage": "VALUE_CONVERTER",
        "exception.class.name": "schemas.registry.Malformed",
        "exception.message": "Expected `int` - at `$.data.balance`",
    }


def test_a_record_that_the_database_refused_says_so() -> None:
    letter = DeadLetter(original(), APPLY, asyncpg.CheckViolationError("new row violates check constraint"))

    assert reasons(letter)["stage"] == "TASK_PUT"
    assert reasons(letter)["exception.class.name"] == "asyncpg.exceptions.CheckViolationError"


def test_the_original_headers_come_first_and_as_they_were() -> None:
    headers = DeadLetter(original(), DECODE, Malformed("no")).headers()

    assert tuple(headers[: len(ORIGINAL)]) == ORIGINAL


def test_a_reason_is_cut_before_it_fills_the_topic() -> None:
    letter = DeadLetter(original(), DECODE, Malformed("x" * 10_000_000))

    assert reasons(letter)["exception.message"] == "x" * MAX_REASON


def test_a_reason_that_is_no_utf_8_is_still_a_header() -> None:
    assert reasons(DeadLetter(original(), DECODE, Malformed("half \ud83d")))["exception.message"] == "half ?"


# The limit.


def limit(count: int = 3, ratio: float = 0.5) -> DeadLetterLimit:
    return DeadLetterLimit(load({"DEAD_LETTER_MAX_COUNT": str(count), "DEAD_LETTER_MAX_RATIO": str(ratio)}))


def bad(reason: str = "Malformed: no", place: str = "giftcert.certificates 3:1042") -> Refusal:
    return Refusal(reason, place)


def test_few_dead_letters_are_borne_whatever_their_share() -> None:
    limit(count=3).note([bad()] * 3)


def test_many_dead_letters_are_borne_while_their_share_is_small() -> None:
    limit(count=3, ratio=0.5).note([*[None] * 500, *[bad()] * 500])


def test_many_dead_letters_with_a_large_share_stop_the_worker() -> None:
    with pytest.raises(Fatal, match=r"4 of the last 7 records .* DEAD_LETTER_MAX_RATIO=1"):
        limit(count=3, ratio=0.5).note([*[None] * 3, *[bad()] * 4])


def test_a_flood_is_seen_although_it_comes_in_drops() -> None:
    trickle = limit(count=3)
    for _ in range(3):
        trickle.note([bad()])

    with pytest.raises(Fatal):
        trickle.note([bad()])


def test_what_was_long_ago_is_forgotten() -> None:
    patient = limit(count=3, ratio=0.001)
    patient.note([bad()] * 3)
    patient.note([None] * WINDOW)

    patient.note([bad()] * 3)


def test_a_batch_larger_than_the_window_fills_it() -> None:
    with pytest.raises(Fatal, match=f"{WINDOW} of the last {WINDOW} records"):
        limit().note([*[None] * 5 * WINDOW, *[bad()] * 5 * WINDOW])


def test_what_is_scattered_over_a_large_batch_counts_by_its_share() -> None:
    limit(count=3, ratio=0.2).note([None if number % 8 else bad() for number in range(5 * WINDOW)])


def test_how_close_a_flood_is_can_be_seen() -> None:
    limit(count=3, ratio=1).note([bad(), None, bad(), bad()])

    assert REGISTRY.get_sample_value("giftcert_dead_letters_window") == 3


def test_good_records_alone_stop_nobody() -> None:
    after_a_flood = limit(count=3, ratio=0.5)
    with pytest.raises(Fatal):
        after_a_flood.note([bad()] * 4)

    after_a_flood.note([None])


def test_at_a_ratio_of_one_nothing_stops_the_worker() -> None:
    limit(count=1, ratio=1).note([bad()] * WINDOW)


def test_the_flood_names_the_commonest_reason_and_one_place() -> None:
    trickle = limit(count=3)
    trickle.note([bad("Malformed: rare", "giftcert.definitions 0:1")])

    with pytest.raises(Fatal, match=r"5 of the last 5 records .* 4 of them .* Malformed: common\. One is a 1:0"):
        trickle.note([bad("Malformed: common", f"a 1:{offset}") for offset in range(4)])


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            Malformed("Expected `str` of length <= 1024 - at `$.data`"),
            "Malformed: Expected `str` of length <= … - at `$.data`",
        ),
        (asyncpg.DataError('invalid input syntax: "Ada Lovelace"'), "DataError"),
        (ValueError("Ada Lovelace"), "ValueError"),
    ],
)
def test_a_refusals_reason_counts_alike_and_quotes_nobody(error: Exception, reason: str) -> None:
    assert Refusal.of(original(), error) == Refusal(reason, "giftcert.certificates 3:7")


# The way to the topic.


class Sent:
    """Stands for the publisher: takes what it is given, and answers what it is told to."""

    def __init__(self, *failures: Unavailable | None) -> None:
        self.records: list[dict[str, Any]] = []
        self._failures = list(failures)

    def send(self, topic: str, **record: Any) -> Sending:
        self.records.append({"topic": topic, **record})
        failure = self._failures.pop(0) if self._failures else None
        sending = Sending(None, None, (), asyncio.get_running_loop().create_future(), bool)
        sending.settle(failure)
        return sending


def dead_letters(sent: Sent) -> DeadLetters:
    return DeadLetters(load({"TOPIC_PREFIX": "acme", "PUBLISH_DEADLINE_SECONDS": "1"}), cast("Publisher", sent))


async def test_a_dead_letter_has_the_original_key_and_bytes_and_the_dead_letter_topic() -> None:
    sent, letter = Sent(), DeadLetter(original(key=b"certificate-1"), DECODE, Malformed("no"))

    await dead_letters(sent).publish([letter])

    assert sent.records == [
        {"topic": "acme.dead-letter", "key": b"certificate-1", "value": b'{"half":', "headers": letter.headers()}
    ]


async def test_a_record_without_key_and_value_is_a_dead_letter_without_them() -> None:
    sent = Sent()

    await dead_letters(sent).publish([DeadLetter(original(key=None, value=None), DECODE, Malformed("no"))])

    assert (sent.records[0]["key"], sent.records[0]["value"]) == (None, None)


async def test_no_dead_letters_trouble_nobody() -> None:
    sent = Sent()

    await dead_letters(sent).publish([])

    assert sent.records == []


async def test_all_must_be_acknowledged() -> None:
    letters = [DeadLetter(original(offset=offset), DECODE, Malformed("no")) for offset in range(3)]

    with pytest.raises(Unavailable):
        await dead_letters(Sent(None, None, Unavailable("did not take the record"))).publish(letters)


@pytest.mark.parametrize(("stage", "reason"), [(DECODE, "undecodable"), (APPLY, "refused_by_database")])
async def test_a_dead_letter_is_counted_by_its_topic_and_reason(stage: str, reason: str) -> None:
    labels = {"topic": "giftcert.counted", "reason": reason}

    await dead_letters(Sent()).publish([DeadLetter(original(topic="giftcert.counted"), stage, Malformed("no"))])

    assert REGISTRY.get_sample_value("giftcert_dead_letters_total", labels) == 1
