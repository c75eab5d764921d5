"""What a subscriber of balances knows, who reads the topics and never asks the database."""

import asyncio

from consumer.balances.record import balance_in
from consumer.common.settings import Settings, load
from consumer.kafka.scan import scanning
from consumer.traffic import Truth
from deploy.local.databases import first_value
from deploy.local.demo.comparison import Comparison, Key, compare_values, true_balances
from deploy.local.services import Giftledger, Service
from schemas.registry import BALANCES, BALANCES_TEST

PUBLISHED_SECONDS = 60


def subscribe(commands: Giftledger, publisher: Service, truth: Truth) -> Comparison:
    """Wait until all is published, and compare the last balance of each certificate with the truth.

    Raises TimeoutError, and StackError where the publisher has ended.
    """
    url = commands.environment["DATABASE_URL"]
    is_published = "SELECT NOT EXISTS (SELECT FROM giftcert.balance_outbox)"
    publisher.process.wait_until(
        lambda: asyncio.run(first_value(url, is_published, connect_seconds=10)), "an empty outbox", PUBLISHED_SECONDS
    )
    balances = asyncio.run(_read(load(commands.environment)))
    return compare_values("balances by their topics alone", balances, true_balances(truth))


async def _read(settings: Settings) -> dict[Key, int]:
    last: dict[Key, int] = {}
    async with scanning(settings, [settings.topic(BALANCES), settings.topic(BALANCES_TEST)], committed=True) as scan:
        async for records in scan.read():
            for balance in (balance_in(record.value) for record in records if record.value):
                last[balance.certificate_id, balance.livemode] = balance.balance.units
    return last
