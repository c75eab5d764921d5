"""Any report can be asked as it stood: taken between the batches of a random history, and again at its end."""

import random
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from consumer.apply.apply import apply
from consumer.books.rebooking import run_tasks
from consumer.books.totals import keep_totals
from consumer.postgres.database import Connection, Pool
from tests.builders import event
from tests.reporting.loading import load
from tests.reporting.year import ACCOUNT_CURRENCIES, START, TIME_ZONE, a_year

# What was asked, with which arguments, and the answer: rows, or a refusal.
Answer = list[tuple[Any, ...]] | str


@pytest.mark.parametrize("seed", range(4))
async def test_what_a_report_said_it_says_of_that_time_for_ever(connections: Pool, seed: int) -> None:
    chance = random.Random(seed)
    said: list[tuple[datetime, str, tuple[Any, ...], Answer]] = []

    async for connection in batches(connections, chance):
        known_at = await connection.fetchval("SELECT clock_timestamp()")
        for function, arguments in questions(chance):
            said.append((known_at, function, arguments, await ask(connection, function, arguments)))

    answered = [answer for *_, answer in said if answer and not isinstance(answer, str)]
    assert len(answered) > 40
    async with connections.acquire() as connection:
        for known_at, function, arguments, answer in said:
            assert await ask(connection, function, (*arguments, known_at)) == answer, (function, arguments, known_at)


async def batches(connections: Pool, chance: random.Random) -> AsyncIterator[Connection]:
    """Apply a year in any order, in batches of any size, with tasks and totals whenever they come to it."""
    await load(connections, [], ACCOUNT_CURRENCIES, TIME_ZONE)
    deliveries = a_year(chance.randrange(10**6), certificates=40)
    chance.shuffle(deliveries)
    events = [event(delivery.body, received_at=delivery.received_at.isoformat()) for delivery in deliveries]
    async with connections.acquire() as connection:
        while events:
            size = chance.choice([1, 5, 10, 20])
            await apply(connection, events[:size])
            del events[:size]
            if chance.random() < 0.3:
                await run_tasks(connections)
            if chance.random() < 0.3:
                assert await keep_totals(connection)
            yield connection


def questions(chance: random.Random) -> list[tuple[str, tuple[Any, ...]]]:
    moment = START + timedelta(seconds=chance.randrange(400 * 86_400))
    first, last = sorted(moment.date() + timedelta(days=chance.randrange(-40, 40)) for _ in range(2))
    return [
        ("liability_as_of", (moment,)),
        ("liability_on", (last,)),
        ("liability_rollforward", (first, last)),
        ("liability_rollforward", (date.min, date.max)),
    ]


async def ask(connection: Connection, function: str, arguments: tuple[Any, ...]) -> Answer:
    placeholders = ", ".join(f"${number}" for number in range(1, len(arguments) + 1))
    try:
        # The name of a station is its newest, whatever was said then.
        rows = await connection.fetch(f"SELECT * FROM reporting.{function}({placeholders})", *arguments)  # noqa: S608
    except asyncpg.InvalidParameterValueError as refusal:
        return str(refusal)
    return sorted((tuple(v for k, v in row.items() if k != "issuing_station_name") for row in rows), key=str)
