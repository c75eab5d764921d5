"""Brings deliveries into the tables by the way that they always take."""

from consumer.postgres.database import Pool
from consumer.worker.apply import apply
from tests.builders import event
from tests.reference import Delivery


async def load(
    connections: Pool,
    deliveries: list[Delivery],
    account_currencies: dict[str, str] | None = None,
    time_zone: str = "UTC",
    *,
    batch: int = 400,
) -> None:
    """Apply deliveries in their order, and set what the workers write at their start."""
    async with connections.acquire() as connection:
        await connection.executemany(
            "INSERT INTO account_currency VALUES ($1, $2)", list((account_currencies or {}).items())
        )
        await connection.execute("UPDATE reporting_setting SET time_zone = $1", time_zone)
        events = [event(delivery.body, received_at=delivery.received_at.isoformat()) for delivery in deliveries]
        for start in range(0, len(events), batch):
            await apply(connection, events[start : start + batch])
