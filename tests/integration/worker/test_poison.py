"""Rules 8 to 10 of applying: one bad message costs one message, and a flood of them stops the worker."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from math import log2

import msgspec
import pytest

from consumer.apply.apply import apply
from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from consumer.kafka.record import Record
from consumer.postgres.database import Connection, Pool
from deploy.local.waiting import PATIENT_SECONDS
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


class Died(Exception):
    """What a worker dies of in the middle of its work."""


async def test_a_dead_letter_that_was_not_acknowledged_is_sent_by_the_next_worker(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> None:
        raise Died

    await publish(settings, b"not json")
    with monkeypatch.context() as patched:
        patched.setattr("consumer.letters.dead_letters.DeadLetters.publish", die)
        with pytest.raises(Died):
            async with asyncio.timeout(PATIENT_SECONDS), working(settings) as worker:
                await worker

    async with working(settings):
        (letter,) = await until(lambda: dead_letters(settings), "the dead letter")

    assert letter.value == b"not json"


@pytest.mark.usefixtures("refusing")
async def test_of_ten_thousand_messages_the_hundred_bad_ones_cost_only_themselves(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch, say: Callable[[str], None]
) -> None:
    poison = set(random.Random(1).sample(range(10_000), 100))
    bodies = [_message(number, poisonous=number in poison) for number in range(10_000)]
    await publish(settings, *bodies)
    transactions = Counter[int]()

    async def counted(connection: Connection, events: Sequence[Event]) -> list[Outcome]:
        transactions[len(events)] += 1
        return await apply(connection, events)

    monkeypatch.setattr("consumer.worker.worker.apply", counted)

    # A member that is put out of its group dead-letters again what it had not committed.
    async with working(msgspec.structs.replace(settings, kafka_session_timeout_ms=10_000)):
        await until(lambda: _count(connections, 9_900), "9,900 applied attempts", 600)
        letters = await until(lambda: _letters(settings, 100), "100 dead letters")

    assert len(letters) == 100
    assert all("__connect.errors.exception.message" in dict(letter.headers) for letter in letters)
    refused = sum(number % 2 for number in poison)
    extra = transactions.total() - 10_000 / settings.batch_max_records
    bound = refused * 2 * log2(settings.batch_max_records)
    assert extra < bound, transactions
    say(
        f"poison: 10,000 messages, 9,900 applied, 100 dead-lettered; the {refused} that the database refused "
        f"cost {extra:.0f} extra transactions (bound {bound:.0f})"
    )


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


@pytest.mark.usefixtures("refusing")
@pytest.mark.parametrize("body", [b"not json", encode(bought(REFUSED_BALANCE))], ids=["undecodable", "refused"])
async def test_a_flood_of_dead_letters_stops_the_worker_before_the_topic_is_emptied(
    settings: Settings, connections: Pool, body: bytes
) -> None:
    await publish(settings, *[body] * 500)

    with pytest.raises(Fatal, match="DEAD_LETTER_MAX_RATIO=1"):
        async with asyncio.timeout(PATIENT_SECONDS), working(settings) as worker:
            await worker

    assert len(await dead_letters(settings)) <= 100
    assert await attempts(connections) == 0


async def test_the_documented_way_on_lets_a_flood_through(settings: Settings) -> None:
    await publish(settings, *[b"not json"] * 500)

    async with working(msgspec.structs.replace(settings, dead_letter_max_ratio=1.0)):
        await until(lambda: _letters(settings, 500), "500 dead letters")
