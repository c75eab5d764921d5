"""The command line: the only place where the rooms are put together. A command says its options and calls its room."""

import asyncio
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from consumer.command import command
from consumer.commands_of_close import close
from consumer.common.settings import Settings
from consumer.operate.options import MOST_DAYS, Place, Rate, letter_filter

if TYPE_CHECKING:
    from consumer.operate.check import Role


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="giftledger")
def main() -> None:
    """Turn gift-certificate webhooks into balances that a finance team can sign.

    Settings come from the environment; README.md lists them. Exit status: 0 done, 1 failed, 2 usage.
    """


@main.command(short_help="Serve POST /webhooks, and publish to Kafka.")
@command
def ingress(settings: Settings) -> None:
    """Serve POST /webhooks: verify the sender, publish to Kafka, answer."""
    from consumer.common.service import run
    from consumer.ingress.app import run_ingress

    run(lambda stop: run_ingress(settings, stop))


@main.command(short_help="Apply the topics' events to Postgres.")
@command
def worker(settings: Settings) -> None:
    """Apply the topics' events to Postgres, as one member of the consumer group."""
    from consumer.common.service import run
    from consumer.worker.worker import run_worker

    run(lambda stop: run_worker(settings, stop))


@main.command(short_help="Bring the database to this version.")
@command
def migrate(settings: Settings) -> None:
    """Bring the database to this version's tables, roles and reports. Safe to repeat.

    Writes REPORTING_TIME_ZONE and ACCOUNT_CURRENCIES into the database where they are set: figures follow what stands
    there, and a worker whose environment says otherwise is not ready.
    """
    from consumer.operate.verify import begin_books
    from consumer.postgres.migrate import migrate

    for note in asyncio.run(migrate(settings, begin_books)):
        click.echo(note)
    click.echo("The database is current.")


@main.command(short_help="Create the Kafka topics that are missing.")
@command
def topics(settings: Settings) -> None:
    """Create the Kafka topics that are missing, and show them all. Safe to repeat."""
    from consumer.kafka.topics import create_topics

    for topic, partitions in sorted(asyncio.run(create_topics(settings)).items()):
        click.echo(f"{topic}: {partitions} partitions")


@main.command(short_help="Find what is wrong, and how to mend it.")
@click.option(
    "--for",
    "role",
    type=click.Choice(["all", "ingress", "worker", "balances", "reconcile"]),
    default="all",
    show_default=True,
    help="An ingress needs no database, a worker and a publisher of balances no signing keys, reconcile no broker.",
)
@command
def check(settings: Settings, role: "Role") -> None:
    """Look at settings, broker, topics, database, clocks and the sender's API; say what is wrong and how to mend it.

    Changes nothing. Exit status 1 when something is wrong; warnings are for you to decide.
    """
    from consumer.operate.check import run_check

    asyncio.run(run_check(settings, role))


@main.group(invoke_without_command=True, short_help="Keep the topics of each certificate's newest state.")
@click.pass_context
def balances(context: click.Context) -> None:
    """Keep the compacted topics of each certificate's newest state; verify them, or publish once more.

    Without a command: publish what changes, until asked to stop. Of several processes one works, the others stand by.
    """
    if context.invoked_subcommand is None:
        _keep_balances()


@command
def _keep_balances(settings: Settings) -> None:
    from consumer.balances.process import run_balances
    from consumer.common.service import run

    run(lambda stop: run_balances(settings, stop))


@balances.command("verify")
@command
def balances_verify(settings: Settings) -> None:
    """Read the topics to their end, and compare the last record of each certificate with the tables.

    Exit status 1 when something differs that is not on its way. Nothing is stopped for it.
    """
    from consumer.balances.commands import run_verify

    asyncio.run(run_verify(settings))


@balances.command("republish")
@click.argument("ids", metavar="[CERTIFICATE]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All certificates, under versions above all in the topics.")
@command
def balances_republish(settings: Settings, *, ids: tuple[str, ...], everything: bool) -> None:
    """Publish certificates once more, under new versions. Safe to repeat; `giftledger balances` sends them."""
    from consumer.balances.commands import run_republish

    if bool(ids) == everything:
        raise click.UsageError("Say which: CERTIFICATE..., or --all.")
    asyncio.run(run_republish(settings, ids))


@main.group("dead-letters", short_help="List, show and replay what could not be applied.")
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
    from consumer.operate.triage import show_list
    from consumer.worker.letters import Filter

    asyncio.run(show_list(settings, Filter(**wanted), only_open=only_open))


@dead_letters.command("show")
@click.argument("place", metavar="PARTITION:OFFSET", type=Place())
@command
def dead_letters_show(settings: Settings, place: str) -> None:
    """Show one dead letter whole: reason, headers and body. The body may hold personal data."""
    from consumer.operate.triage import show_one

    asyncio.run(show_one(settings, place))


@dead_letters.command("replay")
@click.argument("places", metavar="[PARTITION:OFFSET]...", nargs=-1, type=Place())
@letter_filter
@click.option("--all", "everything", is_flag=True, help="Replay every dead letter that is open.")
@click.option("--dry-run", is_flag=True, help="Only say which.")
@command
def dead_letters_replay(settings: Settings, places: tuple[str, ...], **options: Any) -> None:
    """Send dead letters that are open back to the topics they came from. Safe to repeat."""
    from consumer.operate.triage import replay_open
    from consumer.worker.letters import Filter

    everything, dry_run = options.pop("everything"), options.pop("dry_run")
    wanted = Filter(places=frozenset(places), **options)
    if not everything and wanted == Filter():
        raise click.UsageError("Say which: PARTITION:OFFSET, a filter, or --all.")
    asyncio.run(replay_open(settings, wanted, dry_run=dry_run))


@main.command(short_help="Make the tables anew from the topics.")
@click.option("--partial", is_flag=True, help="Go on although the topics no longer hold their beginning.")
@click.option("--accept-differences", is_flag=True, help="Swap although the rebuilt tables differ from the live ones.")
@click.option("--drop-old", is_flag=True, help="Only drop the tables that the last rebuild replaced.")
@command
def rebuild(settings: Settings, *, partial: bool, accept_differences: bool, drop_old: bool) -> None:
    """Make the tables anew from the topics, beside the worker, and swap them in if they agree."""
    from consumer.operate.rebuild_command import run_drop_old, run_rebuild

    if drop_old:
        asyncio.run(run_drop_old(settings))
    else:
        asyncio.run(run_rebuild(settings, partial=partial, accept_differences=accept_differences))


@main.command(short_help="Compare the books with the facts.")
@click.option("--mend", is_flag=True, help="Book what differs.")
@command
def verify(settings: Settings, *, mend: bool) -> None:
    """Compare the lines of every certificate with what its history comes to, and name those that differ.

    Exit status 1 when something differs and was not mended. Nothing is waited for; the workers go on.
    """
    from consumer.operate.verify_command import run_verify

    asyncio.run(run_verify(settings, mend=mend))


@main.group(short_help="List and acknowledge what cannot all be true.")
def exceptions() -> None:
    """Look at what the webhooks say that cannot all be true, and say what may stand."""


@exceptions.command("list")
@click.option("--rule", help="Only exceptions of this rule.")
@click.option("--all", "everything", is_flag=True, help="Acknowledged ones, too.")
@click.option("--test", "test", is_flag=True, help="Of test traffic instead of live.")
@click.option("--limit", type=click.IntRange(min=1, max=1_000_000), default=100, show_default=True)
@command
def exceptions_list(settings: Settings, **wanted: Any) -> None:
    """List exceptions, errors first, and count them by rule."""
    from consumer.operate.exceptions import show_exceptions

    asyncio.run(show_exceptions(settings, **wanted))


@exceptions.command("acknowledge")
@click.argument("rule")
@click.argument("entity_id")
@click.option("--event", "event_id", help="Only the exception that this event shows.")
@click.option("--by", "acknowledged_by", required=True, help="Who understood it.")
@click.option("--because", required=True, help="Why it may stand.")
@click.option("--test", "test", is_flag=True, help="Of test traffic instead of live.")
@command
def exceptions_acknowledge(settings: Settings, **said: Any) -> None:
    """Acknowledge the open exceptions of a rule and an entity, as they stand: one that changes is open again."""
    from consumer.operate.exceptions import acknowledge

    click.echo(f"{asyncio.run(acknowledge(settings, **said))} acknowledged.")


@main.command(short_help="Compare with what the sender's own API says.")
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
        asyncio.run(show_differences(settings, form, livemode=not test))
        return
    from consumer.common.service import run

    age = timedelta(days=max_age)
    run(lambda stop: run_reconcile(settings, Wanted(livemode=not test, max_age=age, **wanted), stop))


@main.group(short_help="List and retry what the sender could not deliver.")
def undelivered() -> None:
    """Look at what the sender's API (SENDER_API_URL) has as undelivered, and have it sent again."""


@undelivered.command("list")
@command
def undelivered_list(settings: Settings) -> None:
    """List the webhooks that the sender could not deliver, the oldest first."""
    from consumer.sender.command import show_undelivered

    asyncio.run(show_undelivered(settings))


@undelivered.command("retry")
@click.argument("webhook_ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every webhook that the sender could not deliver.")
@command
def undelivered_retry(settings: Settings, webhook_ids: tuple[str, ...], *, everything: bool) -> None:
    """Have the sender send undelivered webhooks again. Safe to repeat: the same event is applied once."""
    from consumer.sender.command import retry_undelivered

    if everything == bool(webhook_ids):
        raise click.UsageError("Say which: their ids, or --all.")
    asyncio.run(retry_undelivered(settings, webhook_ids, everything=everything))


@main.command(short_help="Take old resends out of the ledger.")
@click.option(
    "--older-than", "days", type=click.IntRange(1, MOST_DAYS), required=True, metavar="DAYS", help="Age in days."
)
@command
def prune(settings: Settings, days: int) -> None:
    """Take old resends out of the ledger, in small transactions.

    Safe for the balances: a resend that comes again is recognised by its event. Which attempt brought an event stays.
    """
    from consumer.operate.prune import prune

    click.echo(f"{asyncio.run(prune(settings, timedelta(days=days)))} attempts pruned.")


@main.command(short_help="Send realistic signed traffic.")
@click.option("--url", help="Where the ingress is. Default: this machine, INGRESS_PORT.")
@click.option("--count", type=click.IntRange(1, 10_000_000), default=1000, show_default=True, help="Webhooks to send.")
@click.option(
    "--days", type=click.IntRange(1, 3650), default=1, show_default=True, help="Days that they are spread over."
)
@click.option("--rate", type=Rate(), help="Webhooks a second. Default: no limit.")
@click.option("--concurrency", type=click.IntRange(1, 10_000), default=16, show_default=True, help="Open requests.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed sends other webhooks.")
@command
def simulate(settings: Settings, **options: Any) -> None:
    """Send realistic traffic, signed with the first of WEBHOOK_SIGNING_KEYS, and compare the answers.

    Purchases, redemptions and definitions in four currencies; duplicates, resends, late arrivals, test traffic,
    forged signatures and broken bodies. Never against a system whose figures count.
    """
    from consumer.traffic.command import run_simulate

    asyncio.run(run_simulate(settings, **options))


main.add_command(close)


if __name__ == "__main__":
    sys.exit(main())
