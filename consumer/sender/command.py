"""What `giftledger reconcile` and `giftledger undelivered` print."""

import asyncio
import csv
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from consumer.common.bounds import give_up
from consumer.common.csv_text import literal
from consumer.common.errors import Fatal
from consumer.common.saying import say
from consumer.common.settings import Settings
from consumer.common.tables import cell, say_rows
from consumer.postgres.database import connect, statement
from consumer.postgres.reporting import TWINS
from consumer.sender.client import NoAnswer, sender_api
from consumer.sender.reconcile import Summary, Wanted, reconcile
from consumer.sender.undelivered import list_undelivered, note, retry
from consumer.sender.verdicts import DIFFERENCES, Verdict

LIVE, TEST = TWINS


async def run_reconcile(settings: Settings, wanted: Wanted, stop: asyncio.Event) -> None:
    """Reconcile until it ends or ``stop`` is set, and say what came of it."""
    walk, stopped = asyncio.create_task(reconcile(settings, wanted)), asyncio.create_task(stop.wait())
    await asyncio.wait({walk, stopped}, return_when=asyncio.FIRST_COMPLETED)
    await give_up(stopped)
    if not walk.done():
        await give_up(walk)
        say("Stopped. The next run goes on from here.")
        return
    _show(walk.result())


def _show(summary: Summary) -> None:
    found = Counter(summary.newest.values())
    say(f"{summary.lists} lists in {summary.requests} requests, {len(summary.newest)} certificates and definitions:")
    for verdict in Verdict:
        if found[verdict]:
            say(f"    {verdict.value}: {found[verdict]}")
    if not summary.lists and not summary.failures:
        say(
            "No list was due: --max-age says when one is again, --everyone asks also for who holds nothing. "
            "A list that could not be had rests for a minute, longer each time."
        )
    if summary.failures:
        failed = f"{summary.failures} lists could not be had; they are asked for again later."
        if summary.failures == summary.lists:
            raise Fatal(failed)
        say(failed)
    if found.keys() & DIFFERENCES:
        say("`giftledger reconcile --list table` shows what differs.")


async def show_differences(settings: Settings, form: str, *, livemode: bool) -> None:
    """Print what differs, for whoever asks the sender's support; nobody is asked now."""
    connection = await connect(settings)
    try:
        sql = statement("sender/differences").replace("{schema}", LIVE if livemode else TEST)
        rows = [dict(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()
    names = (
        "verdict",
        "customer_number",
        "entity",
        "entity_id",
        "here",
        "there",
        "differs_since",
        "account_id",
        "currency",
    )
    if form == "csv":
        _csv(names, rows)
    else:
        say_rows(names, ([row[name] for name in names] for row in rows))
        say(f"{len(rows)} differences.")


def _csv(names: Sequence[str], rows: Iterable[dict[str, Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([cell(literal(row[name]) if isinstance(row[name], str) else row[name]) for name in names])


async def show_undelivered(settings: Settings) -> None:
    """List what the sender could not deliver. Raises Fatal where that cannot be had."""
    connection = await connect(settings)
    try:
        async with sender_api(settings, connection) as api:
            found = await _asked(list_undelivered(api))
            await note(connection, found)
    finally:
        await connection.close()
    say_rows(
        ("id", "event", "entity_id", "created_at"),
        ((one.id, one.event, one.entity_id, one.created_at) for one in found),
    )
    say(f"{len(found)} undelivered webhooks.")


async def retry_undelivered(settings: Settings, webhook_ids: tuple[str, ...], *, everything: bool) -> None:
    """Have the sender send webhooks again. Raises Fatal in the end when one could not be, after trying all."""
    connection = await connect(settings)
    failed = 0
    try:
        async with sender_api(settings, connection) as api:
            chosen = [webhook.id for webhook in await _asked(list_undelivered(api))] if everything else webhook_ids
            for webhook_id in chosen:
                try:
                    await retry(api, webhook_id)
                except NoAnswer as error:
                    failed += 1
                    say(f"{webhook_id}: {error}", err=True)
    finally:
        await connection.close()
    say(f"{len(chosen) - failed} webhooks are sent again.")
    if failed:
        raise Fatal(f"{failed} could not be sent again.")


async def _asked(question: Any) -> Any:
    try:
        return await question
    except NoAnswer as error:
        raise Fatal(f"The sender's API could not be asked for undelivered webhooks: {error}.") from None
