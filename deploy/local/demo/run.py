"""Run: a signed webhook becomes a balance in a report, step by step."""

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import asyncpg
from rich.console import Console

from consumer.books.days import month_after
from consumer.close.month import newest_over
from consumer.traffic import Truth
from consumer.traffic.simulate import Summary, simulate
from deploy.local.databases import first_value
from deploy.local.demo.asking import ask_the_sender
from deploy.local.demo.closing import close_the_month
from deploy.local.demo.comparison import Comparison, Liability, compare, liabilities
from deploy.local.demo.reports import print_metrics, print_reports, scrape, total
from deploy.local.demo.subscribing import subscribe
from deploy.local.demo.usage import usage
from deploy.local.demo.verdict import verdict
from deploy.local.services import Giftledger, Service, giftledger
from deploy.local.stack import Stack
from deploy.local.waiting import free_port

# So many webhooks are lost on the way, on purpose.
LOST = 3


class Running(NamedTuple):
    """giftledger, up and ready; ``url`` is where the sender posts to."""

    commands: Giftledger
    ingress: Service
    worker: Service
    publisher: Service
    url: str


def demo(console: Console, count: int, seed: int) -> bool:
    """Run the demo; answer whether everything agrees."""
    started = time.monotonic()
    with running(console) as system:
        summary, truth = play_sender(console, system, count, seed, lost=LOST)
        with step(
            console, f"giftledger reconcile found what was lost, and the sender sent {len(truth.lost)} webhooks again"
        ):
            found = asyncio.run(
                ask_the_sender(
                    console, system.commands, system.url, truth, lambda: wait_until_applied(console, system, truth)
                )
            )
        comparisons, outstanding = asyncio.run(report(console, system, truth))
        comparisons += found
        with step(console, "Read every balance from the topics that giftledger balances keeps"):
            comparisons.append(subscribe(system.commands, system.publisher, truth))
        with step(console, "Stopped ingress, worker and balances"):
            system.commands.stop()
        comparisons += close_the_month(console, system.commands, closable(), truth, step)
    agrees = verdict(console, summary, truth, comparisons, outstanding)
    console.print(f"The demo took {time.monotonic() - started:.1f} s.")
    return agrees


def stay(console: Console, count: int, seed: int) -> bool:
    """Start everything, fill it, say how to use it, and wait for Ctrl-C."""
    with running(console) as system:
        if count:
            play_sender(console, system, count, seed)
        urls = {
            "url": system.url,
            "ingress": system.ingress.metrics_url,
            "worker": system.worker.metrics_url,
        }
        console.print(usage(system.commands, **urls), markup=False, highlight=False, soft_wrap=True)
        with suppress(KeyboardInterrupt):  # here, that is the way to end it
            signal.pause()
        console.print("Stopping …")
    return True


@contextmanager
def running(console: Console) -> Iterator[Running]:
    """Start the stack and giftledger on it, step by step; stop both on every way out."""
    with ExitStack() as ways_down, _undisturbed_exit():
        with step(console, "Started Postgres and a broker"):
            stack = ways_down.enter_context(Stack())
            commands = ways_down.enter_context(giftledger(stack))
        with step(console, "giftledger migrate"):
            commands.run("migrate")
        with step(console, "giftledger topics"):
            commands.run("topics")
        with step(console, "giftledger ingress, worker and balances are ready"):
            port = free_port()
            ingress = commands.start("ingress", INGRESS_PORT=str(port))
            worker, publisher = commands.start("worker"), commands.start("balances")
            for service in (ingress, worker, publisher):
                service.wait_until_ready()
        yield Running(commands, ingress, worker, publisher, f"http://127.0.0.1:{port}")


def play_sender(console: Console, system: Running, count: int, seed: int, *, lost: int = 0) -> tuple[Summary, Truth]:
    """Post the traffic of a day without what is lost, and wait until it is applied. Raises SimulationError.

    It is near the end of a month that can be closed; on no station's clock does it reach into the next one.
    """
    day = month_after(closable()) - timedelta(days=2)
    with step(console, f"Posted the documents' examples and a simulated day of {count:,} webhooks"):
        summary, truth = asyncio.run(
            simulate(
                url=system.url,
                secret=system.commands.secret,
                count=count,
                seed=seed,
                start=datetime(day.year, day.month, day.day, tzinfo=UTC),
                lost=lost,
            )
        )
    with suppress(TimeoutError), step(console, "Everything acknowledged is applied or dead-lettered"):
        # The comparison tells what is missing after a timeout.
        wait_until_applied(console, system, truth, missing=len(truth.lost))
    return summary, truth


def closable() -> date:
    """Give the newest month that is over in every time zone."""
    return newest_over(datetime.now(UTC))


def wait_until_applied(console: Console, system: Running, truth: Truth, *, missing: int = 0) -> None:
    """Wait for the ledger and the worker's own count. Raises TimeoutError after saying how far they came."""
    url = system.commands.environment["DATABASE_URL"]
    attempts = truth.attempts - missing
    processed = attempts + truth.duplicates + truth.dead_lettered
    progress = ""

    def applied() -> bool:
        nonlocal progress
        metrics = scrape(system.worker.metrics_url)
        ledger = asyncio.run(first_value(url, "SELECT count(*) FROM giftcert.webhook_attempt", connect_seconds=10))
        done = total(metrics, "giftcert_messages_processed_total")
        dead = total(metrics, "giftcert_dead_letters_total")
        progress = (
            f"{ledger} of {attempts} attempts in the ledger, {done} of {processed} records "
            f"processed, {dead} of {truth.dead_lettered} dead letters"
        )
        return ledger >= attempts and dead >= truth.dead_lettered and done >= processed

    try:
        system.worker.process.wait_until(applied, "all applied or dead-lettered")
    except TimeoutError as error:
        console.print(f"{progress}\n{error}", markup=False, style="red")
        raise


async def report(console: Console, system: Running, truth: Truth) -> tuple[list[Comparison], list[Liability]]:
    """Print the reporting views and the metrics; compare the database with the truth."""
    database = await asyncpg.connect(system.commands.environment["DATABASE_URL"])
    try:
        await print_reports(console, database)
        print_metrics(console, [*scrape(system.ingress.metrics_url), *scrape(system.worker.metrics_url)])
        return await compare(database, truth), await liabilities(database, truth)
    finally:
        await database.close()


@contextmanager
def step(console: Console, what: str) -> Iterator[None]:
    """Say what was done, and how long it took."""
    started = time.monotonic()
    try:
        yield
    except BaseException as error:
        how = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        console.print(f"[red]✗[/] {what}: {how} after {time.monotonic() - started:.1f} s", highlight=False)
        raise
    console.print(f"[green]✓[/] {what} [dim]{time.monotonic() - started:.1f} s[/]", highlight=False)


@contextmanager
def _undisturbed_exit() -> Iterator[None]:
    """Ignore a second Ctrl-C: it must not interrupt the clean-up that the first one began."""
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
