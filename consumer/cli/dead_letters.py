"""`giftledger dead-letters`: what could not be applied."""

from typing import Any

import click

from consumer.cli.command import command, finish
from consumer.cli.options import Place, letter_filter
from consumer.common.settings import Settings


@click.group("dead-letters", short_help="List, show and replay what could not be applied.")
def dead_letters() -> None:
    """Look at what could not be applied, and send it back once the cause is mended."""


@dead_letters.command("list")
@letter_filter
@click.option("--open", "only_open", is_flag=True, help="Only letters that are open.")
@command
def dead_letters_list(settings: Settings, *, only_open: bool, **wanted: Any) -> None:
    """List dead letters, say which are open, and count them by reason.

    A letter is settled when it was applied since, or when its replay died again. The ledger (DATABASE_URL) knows.
    """
    from consumer.letters.letters import Filter
    from consumer.operate.triage import show_list

    finish(show_list(settings, Filter(**wanted), only_open=only_open))


@dead_letters.command("show")
@click.argument("place", metavar="PARTITION:OFFSET", type=Place())
@command
def dead_letters_show(settings: Settings, place: str) -> None:
    """Show one dead letter whole: reason, headers and body. The body may hold personal data."""
    from consumer.operate.triage import show_one

    finish(show_one(settings, place))


@dead_letters.command("replay")
@click.argument("places", metavar="[PARTITION:OFFSET]...", nargs=-1, type=Place())
@letter_filter
@click.option("--all", "everything", is_flag=True, help="Replay every dead letter that is open.")
@click.option("--dry-run", is_flag=True, help="Only say which.")
@command
def dead_letters_replay(settings: Settings, places: tuple[str, ...], **options: Any) -> None:
    """Send dead letters that are open back to the topics they came from. Safe to repeat."""
    from consumer.letters.letters import Filter
    from consumer.operate.triage import replay_open

    everything, dry_run = options.pop("everything"), options.pop("dry_run")
    wanted = Filter(places=frozenset(places), **options)
    if not everything and wanted == Filter():
        raise click.UsageError("Say which: PARTITION:OFFSET, a filter, or --all.")
    finish(replay_open(settings, wanted, dry_run=dry_run))
