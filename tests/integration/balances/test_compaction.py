"""A simulated day on topics that Kafka compacts: who begins when most is gone knows every balance to the unit."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from aiokafka.admin import NewTopic

from consumer.apply.decode import decode
from consumer.balances.verify import verify
from consumer.common.settings import Settings
from consumer.kafka.topics import admin, create_topics
from consumer.postgres.database import Pool
from consumer.traffic import Truth, period
from consumer.traffic.webhooks import EVENTS, Kind
from schemas.events import Event
from tests.applying import applied
from tests.balances import BALANCES, BALANCES_TEST, all_published, publishing, subscribed
from tests.builders import record
from tests.pipeline import until

pytestmark = pytest.mark.long

COUNT = 1500
BATCH = 50
# The cleaner looks every 15 seconds, unless the broker is told otherwise.
CLEANED_SECONDS = 90.0
SMALL_SEGMENTS = {
    "cleanup.policy": "compact",
    "segment.ms": "200",
    "min.cleanable.dirty.ratio": "0.001",
    "max.compaction.lag.ms": "1000",
    "delete.retention.ms": "0",
}


def day(truth: Truth) -> Iterator[list[Event]]:
    """Give a day's events as workers get them, duplicates and late ones included, in batches."""
    webhooks = period(truth, seed=7, start=datetime(2026, 6, 1, tzinfo=UTC), count=COUNT)
    batch: list[Event] = []
    for number, webhook in enumerate(webhooks):
        if webhook.kind in EVENTS | {Kind.DUPLICATE, Kind.RESEND}:
            arrival = datetime.fromtimestamp(webhook.arrival, UTC).isoformat(timespec="milliseconds")
            batch.append(decode(record(webhook.body, offset=number, received_at=arrival)))
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch


async def test_the_day_from_what_compaction_leaves_is_the_simulators_to_the_unit(
    settings: Settings, connections: Pool
) -> None:
    if not settings.kafka_enable_idempotence:
        pytest.skip("the embedded broker compacts nothing: needs Apache Kafka")
    async with admin(settings) as client:
        await client.create_topics(
            [NewTopic(settings.topic(topic), 3, 1, topic_configs=SMALL_SEGMENTS) for topic in (BALANCES, BALANCES_TEST)]
        )
    await create_topics(settings)
    truth = Truth()

    async with publishing(settings):
        for batch in day(truth):
            await applied(connections, *batch)
            await all_published(connections)
        published = len((await subscribed(settings)).records)
        await until(lambda: _is_compacted(settings, published), "the cleaner to have run", CLEANED_SECONDS)

    live, test = await subscribed(settings), await subscribed(settings, BALANCES_TEST)
    balances = {
        (certificate_id, livemode): state["balance"]["units"]
        for read, livemode in ((live, True), (test, False))
        for certificate_id, state in read.last.items()
        if state
    }
    assert balances == {key: certificate.balance for key, certificate in truth.certificates.items()}
    assert len(live.records) < published
    assert (await verify(settings)).differing == []


async def _is_compacted(settings: Settings, published: int) -> bool:
    """Tell whether records are gone that were published: nothing but the cleaner takes any."""
    return len((await subscribed(settings)).records) < published
