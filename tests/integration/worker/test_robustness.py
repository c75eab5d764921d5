"""Whatever stands in a record, the whole worker ends with it as applied or as a dead letter, and goes on."""

import asyncio
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaProducer
from hypothesis import given
from hypothesis import settings as examples

from consumer.apply.decode import decode
from consumer.common.settings import Settings, load
from consumer.kafka.options import MAX_RECORD_BYTES, producer_options
from consumer.kafka.record import Record
from consumer.kafka.topics import admin, create_topics, new_topic
from deploy.local.stack import Stack
from schemas.certificates import CERTIFICATES
from schemas.registry import Malformed
from tests.builders import bought, encode, record
from tests.damage import damaged
from tests.databases import rows
from tests.pipeline import RECEIVED_AT, dead_letters, until, working
from tests.services import deployment

pytestmark = pytest.mark.once

MEGABYTES = 3 * 1024 * 1024
DAMAGED = 1000
certificates = itertools.count()


class Sent(NamedTuple):
    """A record as it is sent."""

    value: bytes | None
    key: bytes | None = b"key"
    headers: Sequence[tuple[str, bytes]] = (RECEIVED_AT,)


def purchase(balance: int = 5_000_000, **of: Any) -> dict[str, Any]:
    """Give the purchase of a certificate of its own: nothing that was sold before makes it stale."""
    return bought(balance, _id=f"certificate-{next(certificates)}", **of)


def unread(value: bytes) -> bytes:
    """Write a purchase with a JSON value in a field that no projection reads."""
    return encode(purchase(description="@")).replace(b'"@"', value)


DEAD = {
    "an empty value": Sent(b""),
    "a null value": Sent(None),
    "no JSON": Sent(b"not json"),
    "no text": Sent(b"\xff\xfe"),
    "null": Sent(b"null"),
    "an array": Sent(b"[]"),
    "an empty object": Sent(b"{}"),
    "data of a wrong type": Sent(encode(purchase() | {"data": []})),
    "a balance of a wrong type": Sent(encode(purchase()).replace(b"5000000", b'"5000000"', 1)),
    "a balance that is a fraction": Sent(encode(purchase()).replace(b"5000000", b"0.5", 1)),
    "a balance beyond JavaScript": Sent(encode(purchase(2**53))),
    "a balance beyond everything": Sent(encode(purchase(10**400))),
    "a time that no calendar holds": Sent(encode(purchase(envelope={"created": 10**30}))),
    "livemode as text": Sent(encode(purchase(envelope={"livemode": "true"}))),
    "an event that nobody knows": Sent(encode(purchase() | {"event": "giftcertificate"})),
    "an identifier too long for an index": Sent(encode(bought(_id="x" * 300))),
    "an identifier with half a surrogate": Sent(encode(purchase()).replace(b"event-", b"\\ud800")),
    "an identifier with NUL": Sent(encode(purchase()).replace(b"attempt-", b"\\u0000")),
    "objects without end": Sent(b'{"a":' * 5000),
    "arrays without end": Sent(b'{"event":"giftcertificate.created","data":' + b"[" * 200_000),
    "arrays too deep": Sent(unread(b"[" * 50_000 + b"]" * 50_000)),
    "megabytes of nothing": Sent(b"x" * MEGABYTES),
}
APPLIED = {
    "no headers": Sent(encode(purchase()), headers=()),
    "no key": Sent(encode(purchase()), key=None),
    "headers that are no text": Sent(encode(purchase()), headers=[("received-at", b"\xff"), ("event", b"\x00\xff")]),
    "headers that come twice": Sent(
        encode(purchase()), headers=[RECEIVED_AT, ("received-at", b"2026-06-02T12:00:00Z")]
    ),
    "headers that contradict the body": Sent(
        encode(purchase(envelope={"attemptId": "the-body's"})),
        headers=[("event", b"giftcertificates.deleted"), ("attempt-id", b"theirs"), ("livemode", b"false")],
    ),
    "NUL and half an emoji": Sent(unread(b'"NUL \\u0000 and half an emoji \\ud83d"')),
    "text from right to left, joined and combined": Sent(
        unread('"\u202eabc 👩\u200d👩\u200d👧 e\u0301 \ufeff\u2028"'.encode())
    ),
    "a number of four hundred digits": Sent(unread(b"1" * 400)),
    "a number of two hundred thousand digits": Sent(unread(b"1" * 200_000)),
    "a number that no float holds": Sent(unread(b"1e400")),
    "a number that no jsonb holds": Sent(unread(b"1e400000")),
    "a date that is none": Sent(encode(purchase(updatedAt={"value": "yesterday", "offset": 0}))),
    "the first of all dates": Sent(encode(purchase(updatedAt={"value": "0001-01-01T00:00:00.000Z", "offset": 0}))),
    "the last of all dates": Sent(encode(purchase(createdAt={"value": "9999-12-31T23:59:59.999999Z", "offset": 0}))),
    "labels of another type": Sent(encode(purchase(customerNumber=12345, status=1, shiftLocation=[], deleted=0))),
    "a balance with a fraction of zeros": Sent(encode(purchase()).replace(b"5000000", b"5000000.0", 1)),
    "a number that no database holds": Sent(unread(b"1e200000")),
    "arrays as deep as they may be": Sent(unread(b"[" * 500 + b"]" * 500)),
    "a field twice": Sent(unread(b'1,"description":2')),
    "megabytes of text": Sent(unread(b'"' + b"x" * MEGABYTES + b'"')),
}


class Story(NamedTuple):
    """What one worker made of all of them, each between two neighbours on one partition."""

    place: dict[str, int]
    applied: dict[int, dict[str, object]]
    letters: dict[int, Record]


def neighbour() -> Sent:
    return Sent(encode(purchase()))


@pytest.fixture(scope="module")
def fresh(stack: Stack, template: str) -> Iterator[Callable[[], Settings]]:
    """Make deployments with one partition and dead letters without a limit."""
    url = stack.postgres.create_database("robustness", template)
    yield lambda: load(deployment(stack, DATABASE_URL=url, TOPIC_PARTITIONS="1", DEAD_LETTER_MAX_RATIO="1"))
    stack.postgres.drop_database("robustness")


@pytest.fixture(scope="module")
def story(fresh: Callable[[], Settings]) -> Story:
    sent: dict[str, Sent] = {}
    for name, whatever in (DEAD | APPLIED).items():
        sent |= {f"before {name}": neighbour(), name: whatever, f"after {name}": neighbour()}
    return asyncio.run(worked_off(fresh(), sent))


async def worked_off(settings: Settings, sent: dict[str, Sent]) -> Story:
    """Send, and let a worker run until all of it is in the ledger or in the dead-letter topic."""
    place = dict(zip(sent, await send(settings, list(sent.values())), strict=True))

    async def all_done() -> Story | None:
        ledger = "SELECT * FROM webhook_attempt WHERE topic = $1"
        found = await asyncio.to_thread(rows, settings.database, ledger, settings.topic(CERTIFICATES.topic))
        applied = {row["kafka_offset"]: row for row in found}
        letters = {
            int(dict(letter.headers)["__connect.errors.offset"]): letter for letter in await dead_letters(settings)
        }
        return Story(place, applied, letters) if applied.keys() | letters.keys() >= set(place.values()) else None

    async with working(settings):
        story = await until(all_done, "an end of every record")
        assert story
        return story


async def send(settings: Settings, sent: Sequence[Sent]) -> list[int]:
    """Put records on the certificates' topic, which takes large ones; give their offsets."""
    roomy = new_topic(settings, CERTIFICATES.topic, 1)
    roomy.topic_configs["max.message.bytes"] = str(MAX_RECORD_BYTES)
    async with admin(settings) as client:
        await client.create_topics([roomy])
    await create_topics(settings)
    producer = AIOKafkaProducer(**producer_options(settings), linger_ms=5)
    await producer.start()
    try:
        sending = [await producer.send(roomy.name, one.value, key=one.key, headers=list(one.headers)) for one in sent]
        return [(await acknowledged).offset for acknowledged in sending]
    finally:
        await producer.stop()


@pytest.mark.parametrize("name", DEAD)
def test_what_nobody_can_apply_is_dead_lettered_as_it_came_with_a_reason(story: Story, name: str) -> None:
    letter = story.letters[story.place[name]]

    assert (letter.value, letter.key) == (DEAD[name].value, DEAD[name].key)
    assert dict(letter.headers)["__connect.errors.exception.message"]
    assert story.place[name] not in story.applied


@pytest.mark.parametrize("name", APPLIED)
def test_what_can_be_applied_is(story: Story, name: str) -> None:
    assert story.applied[story.place[name]]["outcome"] == "applied"
    assert story.place[name] not in story.letters


@pytest.mark.parametrize("name", DEAD | APPLIED)
def test_its_neighbours_are_none_the_worse(story: Story, name: str) -> None:
    assert story.place[f"before {name}"] in story.applied
    assert story.place[f"after {name}"] in story.applied


def test_where_headers_and_body_disagree_the_body_wins(story: Story) -> None:
    attempt = story.applied[story.place["headers that contradict the body"]]

    assert (attempt["attempt_id"], attempt["event"], attempt["livemode"]) == (
        "the-body's",
        "giftcertificate.created",
        True,
    )


def test_what_can_be_decoded_of_damaged_webhooks_the_database_takes(
    fresh: Callable[[], Settings], say: Callable[[str], None]
) -> None:
    bodies: dict[str, bytes] = {}
    undecodable: set[str] = set()

    @examples(max_examples=DAMAGED)
    @given(body=damaged())
    def collect(body: bytes) -> None:
        try:
            name = decode(record(body)).attempt_id
        except Malformed:
            name = f"undecodable {len(bodies)}"
            undecodable.add(name)
        bodies[name] = body

    collect()

    story = asyncio.run(worked_off(fresh(), {name: Sent(body) for name, body in bodies.items()}))

    assert story.letters.keys() == {story.place[name] for name in undecodable}
    say(f"robustness: {len(bodies)} damaged webhooks, {len(story.applied)} applied, {len(story.letters)} dead-lettered")
