"""The topics of balances in tests: a publisher in this process, and what a subscriber reads."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from consumer.balances.process import run_balances
from consumer.common.settings import Settings
from consumer.kafka.record import Record
from consumer.kafka.scan import scanning
from consumer.kafka.topics import create_topics
from consumer.postgres.database import Pool
from schemas.registry import BALANCES, BALANCES_TEST
from tests.pipeline import until


class Balances(NamedTuple):
    """All that a subscriber reads who begins now: every record, and the last value of each key."""

    records: list[Record]
    last: dict[str, dict[str, Any] | None]


@asynccontextmanager
async def publishing(settings: Settings) -> AsyncIterator[None]:
    """Run a publisher while the block runs; what it dies of is raised at the end."""
    await create_topics(settings)
    stop = asyncio.Event()
    task = asyncio.create_task(run_balances(settings, stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def all_published(connections: Pool) -> None:
    """Wait until nothing is to be published any more."""
    await until(lambda: _is_empty(connections), "an empty outbox")


async def _is_empty(connections: Pool) -> bool:
    return bool(await connections.fetchval("SELECT NOT EXISTS (SELECT FROM balance_outbox)"))


async def subscribed(settings: Settings, topic: str = BALANCES) -> Balances:
    """Read a topic of balances as a subscriber does: from its beginning, what is committed."""
    async with scanning(settings, [settings.topic(topic)], committed=True) as scan:
        records = [record async for some in scan.read() for record in some]
    last = {(record.key or b"").decode(): json.loads(record.value) if record.value else None for record in records}
    return Balances(records, last)


__all__ = ["BALANCES", "BALANCES_TEST", "Balances", "all_published", "publishing", "subscribed"]
