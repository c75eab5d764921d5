"""Sender: the commands that ask the sender's own API."""

from datetime import timedelta
from typing import Any

import click

from consumer.cli.command import command, finish
from consumer.cli.options import MOST_DAYS
from consumer.common.settings import Settings


@click.command(short_help="Compare with what the sender's own API says.")
@click.option("--customers", "most", type=click.IntRange(1, 10**9), help="Ask for at most so many lists.")
@click.option(
    "--customer", "customers", multiple=True, metavar="NUMBER", help="Only this customer; several may be named."
)
@click.option(
    "--max-age",
    type=click.IntRange(0, MOST_DAYS),
    default=7,
    show_default=True,
    metavar="DAYS",
    help="Ask again for whom was confirmed longer ago.",
)
@click.option("--everyone", is_flag=True, help="Ask also for customers who hold nothing by our books.")
@click.option("--once", is_flag=True, help="End when nothing is due, instead of going on for ever.")
@click.option("--list", "form", type=click.Choice(["table", "csv"]), help="Ask nobody: list what differs.")
@click.option("--test", "test", is_flag=True, help="Of test traffic instead of live.")
@command
def reconcile(settings: Settings, *, form: str | None, test: bool, max_age: int, **wanted: Any) -> None:
    """Ask the sender's API (SENDER_API_URL) for the certificates of our customers, and say where it differs.

    Those confirmed longest ago come first, then the largest. A difference counts once it has lasted longer than a
    webhook may take (RECONCILE_SETTLE_SECONDS). May be ended or killed at any moment: the next run goes on from there;
    a second one at the same time waits. Writes no balance.
    """
    from consumer.sender.command import run_reconcile, show_differences
    from consumer.sender.reconcile import Wanted

    if form:
        finish(show_differences(settings, form, livemode=not test))
        return
    from consumer.common.service import run

    age = timedelta(days=max_age)
    run(lambda stop: run_reconcile(settings, Wanted(livemode=not test, max_age=age, **wanted), stop))


@click.group(short_help="List and retry what the sender could not deliver.")
def undelivered() -> None:
    """Look at what the sender's API (SENDER_API_URL) has as undelivered, and have it sent again."""


@undelivered.command("list")
@command
def undelivered_list(settings: Settings) -> None:
    """List the webhooks that the sender could not deliver, the oldest first."""
    from consumer.sender.command import show_undelivered

    finish(show_undelivered(settings))


@undelivered.command("retry")
@click.argument("webhook_ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every webhook that the sender could not deliver.")
@command
def undelivered_retry(settings: Settings, webhook_ids: tuple[str, ...], *, everything: bool) -> None:
    """Have the sender send undelivered webhooks again. Safe to repeat: the same event is applied once."""
    from consumer.sender.command import retry_undelivered

    if everything == bool(webhook_ids):
        raise click.UsageError("Say which: their ids, or --all.")
    finish(retry_undelivered(settings, webhook_ids, everything=everything))
