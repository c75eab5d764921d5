"""Measure what isolation costs a clean stream: `python -m tests.bench.isolation`.

The same batches applied directly and through bisect(), in alternating rounds, as a ratio of medians.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import count

from consumer.apply.apply import apply
from consumer.common.settings import load
from consumer.postgres.database import Pool, pool
from consumer.postgres.migrate import migrate
from consumer.worker.bisect import bisect
from deploy.local.stack import Stack
from schemas.events import Event, Outcome
from tests.builders import event, paid_with

ROUNDS, BATCHES, BATCH = 7, 10, 2000

Apply = Callable[[Sequence[Event]], Awaitable[Sequence[object]]]

_numbers = count()


def main() -> None:
    """Run on a durable Postgres 18; the broker is started with it and not used."""
    with Stack(broker="embedded") as stack:
        url = stack.postgres.create_database("bench")
        asyncio.run(migrate(load({"DATABASE_URL": url})))
        asyncio.run(measure(url))


async def measure(url: str) -> None:
    """Print the medians and their ratio."""
    async with pool(load({"DATABASE_URL": url})) as connections:

        async def directly(events: Sequence[Event]) -> Sequence[Outcome]:
            async with connections.acquire() as connection:
                return await apply(connection, events)

        async def isolated(events: Sequence[Event]) -> Sequence[object]:
            return await bisect(events, directly, lambda *_: None)

        rates: dict[str, list[float]] = {"directly": [], "isolated": []}
        for _ in range(ROUNDS):
            rates["directly"].append(await _rate(connections, directly))
            rates["isolated"].append(await _rate(connections, isolated))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, median in medians.items():
        print(f"{name:10} {median:>10,.0f} events/s")  # noqa: T201
    print(f"isolated ÷ directly {medians['isolated'] / medians['directly']:.3f}")  # noqa: T201


async def _rate(connections: Pool, apply_batch: Apply) -> float:
    batches = [[_event(next(_numbers)) for _ in range(BATCH)] for _ in range(BATCHES)]
    await connections.execute("TRUNCATE certificate, certificate_document, certificate_history, other_attempt, journal")
    started = time.perf_counter()
    for batch in batches:
        await apply_batch(batch)
    return BATCHES * BATCH / (time.perf_counter() - started)


def _event(number: int) -> Event:
    return event(paid_with(number, updated=number % 3000, _id=f"{number % 5000:024}"), offset=number)


if __name__ == "__main__":
    main()
