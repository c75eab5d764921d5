"""Brings deliveries into the tables by the way that they always take."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta

from consumer.apply.apply import apply
from consumer.books.rebooking import run_tasks
from consumer.postgres.database import Connection, Pool
from tests.builders import event
from tests.reference import Delivery


async def load(
    connections: Pool,
    deliveries: Sequence[Delivery],
    account_currencies: dict[str, str] | None = None,
    time_zone: str = "UTC",
    *,
    batch: int = 400,
) -> None:
    """Apply deliveries in their order, set what the migration writes, and book again what is known later."""
    async with connections.acquire() as connection:
        await set_figures(connection, account_currencies, time_zone)
        events = [event(delivery.body, received_at=delivery.received_at.isoformat()) for delivery in deliveries]
        for start in range(0, len(events), batch):
            await apply(connection, events[start : start + batch])
    await run_tasks(connections)


async def set_figures(connection: Connection, account_currencies: dict[str, str] | None, time_zone: str) -> None:
    """Write the two settings that decide figures, while nothing is booked by others."""
    await connection.executemany(
        "INSERT INTO account_currency VALUES ($1, $2) ON CONFLICT DO NOTHING", list((account_currencies or {}).items())
    )
    await connection.execute("UPDATE reporting_setting SET time_zone = $1", time_zone)


def by_arrival(deliveries: Iterable[Delivery], every: timedelta) -> list[tuple[datetime, list[Delivery]]]:
    """Cut deliveries into slices of their arrival; give each with the time at which it ends."""
    slices: list[tuple[datetime, list[Delivery]]] = []
    for delivery in sorted(deliveries, key=lambda delivery: delivery.received_at):
        while not slices or delivery.received_at > slices[-1][0]:
            slices.append(((slices[-1][0] if slices else delivery.received_at) + every, []))
        slices[-1][1].append(delivery)
    return slices


async def load_at(connections: Pool, booked_at: datetime, deliveries: Sequence[Delivery]) -> None:
    """Apply deliveries as if it were that time: their lines are booked then, instead of now."""
    before = await connections.fetchval("SELECT coalesce(max(id), 0) FROM journal")
    await load(connections, deliveries, time_zone=await connections.fetchval("SELECT time_zone FROM reporting_setting"))
    # What no role of ours may do: the tests' own superuser sets the clock back.
    await connections.execute("UPDATE journal SET booked_at = $1 WHERE id > $2", booked_at, before)


async def load_as_it_came(
    connections: Pool, slices: Iterable[tuple[datetime, list[Delivery]]]
) -> AsyncIterator[tuple[datetime, list[Delivery]]]:
    """Apply slice after slice, each at its own time, and give each when it is booked."""
    for booked_at, deliveries in slices:
        await load_at(connections, booked_at, deliveries)
        yield booked_at, deliveries
