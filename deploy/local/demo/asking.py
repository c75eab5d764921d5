"""What the demo asks the simulated sender: which webhooks were lost on the way, and to send them again."""

import asyncio
from collections.abc import Callable

import asyncpg
from rich.console import Console

from consumer.common.service import serving
from consumer.traffic import Truth, Webhook
from consumer.traffic.api import SimulatedApi
from consumer.traffic.listed import Listed
from consumer.traffic.simulate import Sender
from deploy.local.demo.comparison import Comparison
from deploy.local.demo.reports import print_table
from deploy.local.services import Giftledger
from deploy.local.waiting import free_port

_FOUND = """
SELECT verdict, entity_id AS certificate, here, there, currency
FROM reporting.reconciliation
WHERE is_settled
ORDER BY entity_id
"""


async def ask_the_sender(
    console: Console, commands: Giftledger, url: str, truth: Truth, wait: Callable[[], None]
) -> list[Comparison]:
    """Let reconcile find what was lost, have it sent again, and let reconcile look once more.

    ``url`` is where the sender posts to; ``wait`` waits until what it posted is applied. Gives what was found beside
    what was lost, before and after.
    """
    api = SimulatedApi(truth.listed or Listed())
    for webhook in truth.lost:
        api.lose(webhook.body)
    sender = Sender(url=url, secret=commands.secret)

    async def deliver(body: bytes) -> None:
        await sender.send([Webhook(truth.lost[0].kind, body, arrival=0.0)], total=1, concurrency=1)

    api.deliver = deliver
    port = free_port()
    settings = {
        "SENDER_API_URL": f"http://127.0.0.1:{port}",
        "SENDER_API_KEY": "key",
        "SENDER_API_TOKEN": "token",
        "SENDER_API_RATE": "1000",
        "RECONCILE_SETTLE_SECONDS": "1",
    }
    lost = {_first("_id", webhook) for webhook in truth.lost}
    async with serving(api.app, "127.0.0.1", port):
        await asyncio.to_thread(commands.run, "reconcile", "--once", "--max-age", "0", **settings)
        found = await _differing(console, commands)
        await asyncio.to_thread(commands.run, "undelivered", "retry", "--all", **settings)
        await asyncio.to_thread(wait)
        again = [option for webhook in truth.lost for option in ("--customer", _first("customerNumber", webhook))]
        await asyncio.to_thread(commands.run, "reconcile", "--once", "--max-age", "0", *again, **settings)
        left = await _differing(None, commands)
    return [
        _compared("lost webhooks found by reconcile", found, lost),
        _compared("differences after undelivered retry", left, set()),
    ]


def _first(name: str, webhook: Webhook) -> str:
    return webhook.body.decode().partition(f'"{name}":"')[2].partition('"')[0]


async def _differing(console: Console | None, commands: Giftledger) -> set[str]:
    database = await asyncpg.connect(commands.environment["DATABASE_URL"])
    try:
        rows = [dict(row) for row in await database.fetch(_FOUND)]
    finally:
        await database.close()
    if console:
        print_table(console, "reporting.reconciliation · the sender says otherwise", rows)
    return {row["certificate"] for row in rows}


def _compared(what: str, found: set[str], true: set[str]) -> Comparison:
    differences = [f"{what}: {one} was not found" for one in sorted(true - found)]
    differences += [f"{what}: {one} is no loss" for one in sorted(found - true)]
    return Comparison(what, len(found & true), len(true), differences)
