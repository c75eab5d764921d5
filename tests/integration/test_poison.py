"""Rules 8 to 10 of applying: one bad message costs one message, and a flood of them stops the worker."""

import random
from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest

from consumer.apply import apply
from consumer.database import Connection, Pool
from consumer.decode import Record
from consumer.errors import Fatal
from consumer.settings import Settings
from schemas.events import Event, Outcome
from tests.builders import bought, encode
from tests.pipeline import dead_letters, publish, until, working

# The database refuses it, for a reason that no decoder could know.
REFUSED_BALANCE = 666


@pytest.fixture
async def refusing(connections: Pool) -> None:
    """Let the database refuse one balance."""
    await connections.execute(f"ALTER TABLE certificate_history ADD CHECK (balance <> {REFUSED_BALANCE})")


async def attempts(connections: Pool) -> int:
    return int(await connections.fetchval("SELECT count(*) FROM webhook_attempt"))


@pytest.mark.usefixtures("refusing")
async def test_a_row_that_the_database_refuses_is_dead_lettered_with_its_reason(
    settings: Settings, connections: Pool
) -> None:
    await publish(settings, bought(_id="a"), bought(REFUSED_BALANCE, _id="b"), bought(_id="c"))

    async with working(settings):
        letters = await until(lambda: dead_letters(settings), "the dead letter")

    assert await attempts(connections) == 2
    (letter,) = letters
    headers = dict(letter.headers)
    assert headers["__connect.errors.stage"] == b"TASK_PUT"
    assert headers["__connect.errors.exception.class.name"] == b"asyncpg.exceptions.CheckViolationError"
    assert headers["received-at"] == b"2026-06-01T12:00:00.000Z"
    assert letter.key == b"b"


@pytest.mark.usefixtures("refusing")
async def test_of_ten_thousand_messages_the_hundred_bad_ones_cost_only_themselves(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = set(random.Random(1).sample(range(10_000), 100))
    bodies = [_message(number, poisonous=number in poison) for number in range(10_000)]
    await publish(settings, *bodies)
    transactions = Counter[int]()

    async def counted(connection: Connection, events: Sequence[Event]) -> list[Outcome]:
        transactions[len(events)] += 1
        return await apply(connection, events)

    monkeypatch.setattr("consumer.worker.apply", counted)

    async with working(settings):
        await until(lambda: _count(connections, 9_900), "9,900 applied attempts", 60)
        letters = await until(lambda: _letters(settings, 100), "100 dead letters", 60)

    assert len(letters) == 100
    refused_by_database = sum(1 for number in poison if number % 2)
    batch = settings.batch_max_records
    extra = sum(transactions.values()) - 10_000 / batch
    assert extra < 100 * 2 * batch.bit_length(), transactions
    print(f"\n{sum(transactions.values())} transactions, {refused_by_database} refusals by the database")  # noqa: T201


def _message(number: int, *, poisonous: bool) -> dict[str, object] | bytes:
    """Half of the poison cannot be decoded, half the database refuses."""
    if not poisonous:
        return bought(_id=f"certificate-{number % 2000}", updated=number % 3000)
    if number % 2:
        return bought(REFUSED_BALANCE, _id=f"certificate-{number % 2000}", updated=number % 3000)
    return encode(bought(_id=f"certificate-{number % 2000}")).replace(b'"balance":5000000', b'"balance":"much"')


async def _count(connections: Pool, at_least: int) -> bool:
    return await attempts(connections) >= at_least


async def _letters(settings: Settings, at_least: int) -> list[Record]:
    found = await dead_letters(settings)
    return list(found) if len(found) >= at_least else []


async def test_a_flood_of_dead_letters_stops_the_worker_before_the_topic_is_emptied(
    settings: Settings, connections: Pool
) -> None:
    await publish(settings, *[b"not json"] * 500)

    with pytest.raises(Fatal, match="DEAD_LETTER_MAX_RATIO=1"):
        async with working(settings) as worker:
            await worker

    assert len(await dead_letters(settings)) <= 100
    assert await attempts(connections) == 0


async def test_the_documented_way_on_lets_a_flood_through(settings: Settings) -> None:
    await publish(settings, *[b"not json"] * 500)

    async with working(msgspec.structs.replace(settings, dead_letter_max_ratio=1.0)):
        await until(lambda: _letters(settings, 500), "500 dead letters")


WHATEVER = {
    "empty": b"",
    "null": b"null",
    "array": b"[]",
    "no text": b"\xff\xfe",
    "deep": b'{"a":' * 5000,
    "deeper": b'{"event":"giftcertificate.created","data":' + b"[" * 200_000,
    "huge number": encode(bought(10**400)),
    "long identifier": encode(bought(_id="x" * 300)),
    "half a surrogate": encode(bought()).replace(b"event-", b"\\ud800"),
    "megabyte": b"x" * 900_000,
}


async def test_whatever_bytes_arrive_the_neighbours_are_applied(settings: Settings, connections: Pool) -> None:
    bodies: list[dict[str, object] | bytes] = []
    for name, value in WHATEVER.items():
        bodies += [bought(_id=f"before {name}"), value, bought(_id=f"after {name}")]
    await publish(settings, *bodies)

    async with working(settings):
        letters = await until(lambda: _letters(settings, len(WHATEVER)), "the dead letters")
        await until(lambda: _count(connections, 2 * len(WHATEVER)), "the neighbours")

    assert sorted(letter.value for letter in letters) == sorted(WHATEVER.values())


async def test_text_that_postgres_cannot_hold_does_not_fail_an_event(settings: Settings, connections: Pool) -> None:
    body = encode(bought(description="NUL @ and half an emoji #")).replace(b"@", b"\\u0000").replace(b"#", b"\\ud83d")
    await publish(settings, body)

    async with working(settings):
        await until(lambda: _count(connections, 1), "the attempt")

    kept = await connections.fetchval("SELECT data ->> 'description' FROM certificate")
    assert kept == "NUL \ufffd and half an emoji \ufffd"
