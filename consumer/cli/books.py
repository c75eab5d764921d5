"""Books: the commands that compare facts and books, make them anew, and say what may stand."""

from datetime import timedelta
from typing import Any

import click

from consumer.cli.command import command, finish
from consumer.cli.options import MOST_DAYS, Rule
from consumer.common.saying import say
from consumer.common.settings import Settings


@click.command(short_help="Compare the books with the facts.")
@click.option("--mend", is_flag=True, help="Book what differs.")
@command
def verify(settings: Settings, *, mend: bool) -> None:
    """Compare all that is kept of every certificate with what its history comes to, and totals with the lines.

    Names each certificate that differs, and in what: certificate.COLUMN, journal.COLUMN, exception.RULE. Of definitions
    and documents only the topics can say what they should be: `giftledger rebuild` compares those.

    Exit status 1 when something differs and was not mended. Nothing is waited for; the workers go on.
    """
    from consumer.operate.verify_command import run_verify

    finish(run_verify(settings, mend=mend))


@click.command(short_help="Make the tables anew from the topics.")
@click.option("--partial", is_flag=True, help="Go on although the topics no longer hold their beginning.")
@click.option("--accept-differences", is_flag=True, help="Swap although the rebuilt tables differ from the live ones.")
@click.option("--drop-old", is_flag=True, help="Only drop the tables that the last rebuild replaced.")
@command
def rebuild(settings: Settings, *, partial: bool, accept_differences: bool, drop_old: bool) -> None:
    """Make the tables anew from the topics, beside the worker, and swap them in if they agree."""
    from consumer.operate.rebuild_command import run_drop_old, run_rebuild

    if drop_old:
        finish(run_drop_old(settings))
    else:
        finish(run_rebuild(settings, partial=partial, accept_differences=accept_differences))


@click.command(short_help="Take old resends out of the ledger.")
@click.option(
    "--older-than", "days", type=click.IntRange(1, MOST_DAYS), required=True, metavar="DAYS", help="Age in days."
)
@command
def prune(settings: Settings, days: int) -> None:
    """Take old resends out of the ledger, in small transactions.

    Safe for the balances: a resend that comes again is recognised by its event. Which attempt brought an event stays.
    """
    from consumer.operate.prune import prune

    say(f"{finish(prune(settings, timedelta(days=days)))} attempts pruned.")


@click.group(short_help="List and acknowledge what cannot all be true.")
def exceptions() -> None:
    """Look at what the webhooks say that cannot all be true, and say what may stand."""


@exceptions.command("list")
@click.option("--rule", type=Rule(), help="Only exceptions of this rule.")
@click.option("--all", "everything", is_flag=True, help="Acknowledged ones, too.")
@click.option("--test", "test", is_flag=True, help="Of test traffic instead of live.")
@click.option("--limit", type=click.IntRange(min=1, max=1_000_000), default=100, show_default=True)
@command
def exceptions_list(settings: Settings, **wanted: Any) -> None:
    """List exceptions, errors first, and count them by rule."""
    from consumer.operate.exceptions import show_exceptions

    finish(show_exceptions(settings, **wanted))


@exceptions.command("acknowledge")
@click.argument("rule", type=Rule())
@click.argument("entity_id")
@click.option("--event", "event_id", help="Only the exception that this event shows.")
@click.option("--by", "acknowledged_by", required=True, help="Who understood it.")
@click.option("--because", required=True, help="Why it may stand.")
@click.option("--test", "test", is_flag=True, help="Of test traffic instead of live.")
@command
def exceptions_acknowledge(settings: Settings, **said: Any) -> None:
    """Acknowledge the open exceptions of a rule and an entity, as they stand: one that changes is open again."""
    from consumer.operate.exceptions import acknowledge

    say(f"{finish(acknowledge(settings, **said))} acknowledged.")
