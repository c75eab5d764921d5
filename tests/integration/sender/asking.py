"""What the tests of reconcile have in common: the simulated sender's API, served, and webhooks that are applied."""

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from consumer.apply.apply import apply
from consumer.apply.decode import decode
from consumer.common.service import serving
from consumer.common.settings import Settings, load
from consumer.postgres.database import Pool
from consumer.sender.reconcile import Summary, Wanted, reconcile
from consumer.traffic import Kind, Truth, Webhook, period
from consumer.traffic.api import SimulatedApi
from consumer.traffic.listed import Listed
from consumer.traffic.webhooks import EVENTS
from deploy.local.waiting import free_port
from tests.builders import record

APPLICABLE = EVENTS | {Kind.DUPLICATE, Kind.RESEND}
START = datetime(2025, 1, 1, tzinfo=UTC)


@asynccontextmanager
async def asked(api: SimulatedApi, environment: dict[str, str], **settings: str) -> AsyncIterator[Settings]:
    """Serve the API while the block runs, and give the settings to ask it with: as fast as one likes, at once."""
    port = free_port()
    async with serving(api.app, "127.0.0.1", port):
        yield load(
            {
                **environment,
                "SENDER_API_URL": f"http://127.0.0.1:{port}",
                "SENDER_API_KEY": "key",
                "SENDER_API_TOKEN": "token",
                "SENDER_API_RATE": "1000",
                "RECONCILE_SETTLE_SECONDS": "0.2",
                **settings,
            }
        )


def simulated(count: int, *, seed: int = 1, days: int = 365) -> tuple[list[Webhook], Truth]:
    """Simulate some time of the sender, and give its webhooks and its truth."""
    truth = Truth(listed=Listed())
    return list(period(truth, seed=seed, start=START, count=count, length=timedelta(days=days))), truth


def listed(truth: Truth) -> Listed:
    assert truth.listed is not None
    return truth.listed


async def applied(connections: Pool, webhooks: Iterable[Webhook], batch: int = 500) -> None:
    """Apply webhooks as the worker does."""
    events = [
        decode(
            record(one.body, received_at=datetime.fromtimestamp(one.arrival, UTC).isoformat(timespec="milliseconds"))
        )
        for one in webhooks
        if one.kind in APPLICABLE
    ]
    async with connections.acquire() as connection:
        for start in range(0, len(events), batch):
            await apply(connection, events[start : start + batch])


async def once(settings: Settings, **wanted: Any) -> Summary:
    return await reconcile(settings, Wanted(**{"max_age": timedelta(0), **wanted}))


def ids(webhooks: Iterable[Webhook]) -> set[str]:
    """Give the certificates of webhooks."""
    return {match[1].decode() for one in webhooks if (match := re.search(rb'"_id":"([0-9a-f]{24})"', one.body))}


async def differing(connections: Pool) -> set[str]:
    """Give the certificates and definitions of which the report says that they differ."""
    rows = await connections.fetch("SELECT entity_id FROM reporting.reconciliation WHERE is_settled")
    return {row["entity_id"] for row in rows}
