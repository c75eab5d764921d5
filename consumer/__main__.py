"""The command line: the only place where the parts are put together."""

import asyncio
import re
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any

import click
from aiokafka.errors import KafkaConnectionError, KafkaError

from consumer import log
from consumer.errors import Fatal, Unavailable
from consumer.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from consumer.check import Role


class Failure(click.ClickException):
    """Something went wrong that the message explains: exit 1."""

    exit_code = 1


class Instant(click.ParamType[datetime]):
    """A time as ISO 8601, in UTC unless it says otherwise."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read the time, or say that it is none."""
        try:
            given = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time such as 2026-06-01T12:00", param, ctx)
        return given if given.tzinfo else given.replace(tzinfo=UTC)


class Place(click.ParamType[str]):
    """A dead letter's place in its topic."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read the place, or say that it is none."""
        if not re.fullmatch("[0-9]+:[0-9]+", value):
            self.fail(f"{value!r} is not a place such as 3:1042", param, ctx)
        return str(value)


def command(main: Callable[..., None]) -> Callable[..., None]:
    """Give a command its settings, and turn what it cannot bear into a message and an exit status."""

    @wraps(main)
    def run(**options: Any) -> None:
        try:
            settings = load()
            log.configure(settings)
            main(settings, **options)
        except SettingsError as error:
            raise click.UsageError(str(error)) from None
        except (Fatal, Unavailable) as error:
            raise Failure(str(error)) from None
        except KafkaConnectionError:
            from consumer.cause import kafka_cause
            from consumer.kafka import connection_options

            raise Failure(f"Kafka at {asyncio.run(kafka_cause(connection_options(settings)))}") from None
        except KafkaError as error:
            raise Failure(f"Kafka at {settings.kafka_bootstrap_servers}: {error}") from None

    return run


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
    from consumer.ingress import run_ingress
    from consumer.service import run

    run(lambda stop: run_ingress(settings, stop))


@main.command(short_help="Apply the topics' events to Postgres.")
@command
def worker(settings: Settings) -> None:
    """Apply the topics' events to Postgres, as one member of the consumer group."""
    from consumer.service import run
    from consumer.worker import run_worker

    run(lambda stop: run_worker(settings, stop))


@main.command(short_help="Bring the database to this version.")
@command
def migrate(settings: Settings) -> None:
    """Bring the database to this version's tables, roles and reports. Safe to repeat."""
    from consumer.migrate import migrate

    asyncio.run(migrate(settings))
    click.echo("The database is current.")


@main.command(short_help="Create the Kafka topics that are missing.")
@command
def topics(settings: Settings) -> None:
    """Create the Kafka topics that are missing, and show them all. Safe to repeat."""
    from consumer.topics import create_topics

    for topic, partitions in sorted(asyncio.run(create_topics(settings)).items()):
        click.echo(f"{topic}: {partitions} partitions")


@main.command(short_help="Find what is wrong, and how to mend it.")
@click.option(
    "--for",
    "role",
    type=click.Choice(["all", "ingress", "worker"]),
    default="all",
    show_default=True,
    help="An ingress needs no database, a worker no signing keys.",
)
@command
def check(settings: Settings, role: "Role") -> None:
    """Look at settings, broker, topics, database and clocks; say what is wrong and how to mend it.

    Changes nothing. Exit status 1 when something is wrong; warnings are for you to decide.
    """
    from consumer.check import Level, check

    findings = asyncio.run(check(settings, role))
    for finding in findings:
        click.echo(str(finding))
    wrong = sum(finding.level is Level.PROBLEM for finding in findings)
    if wrong:
        raise Failure(f"{wrong} thing{'s' * (wrong != 1)} to mend.")


def selection(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which dead letters are meant."""
    options = [
        click.option("--topic", help="Only letters of this original topic, for example giftcert.certificates."),
        click.option("--reason", help="Only letters whose reason contains this text."),
        click.option("--since", type=Instant(), help="Only letters that died at or after this time (ISO 8601, UTC)."),
        click.option("--until", type=Instant(), help="Only letters that died before this time."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@main.group("dead-letters", short_help="List, show and replay what could not be applied.")
def dead_letters() -> None:
    """Look at what could not be applied, and send it back once the cause is mended."""


@dead_letters.command("list")
@selection
@command
def dead_letters_list(settings: Settings, **wanted: Any) -> None:
    """List dead letters, and count them by reason."""
    from consumer.replay import Filter
    from consumer.triage import show_list

    asyncio.run(show_list(settings, Filter(**wanted)))


@dead_letters.command("show")
@click.argument("place", metavar="PARTITION:OFFSET", type=Place())
@command
def dead_letters_show(settings: Settings, place: str) -> None:
    """Show one dead letter whole: reason, headers and body. The body may hold personal data."""
    from consumer.triage import show_one

    asyncio.run(show_one(settings, place))


@dead_letters.command("replay")
@click.argument("places", metavar="[PARTITION:OFFSET]...", nargs=-1, type=Place())
@selection
@click.option("--all", "everything", is_flag=True, help="Replay every dead letter.")
@click.option("--dry-run", is_flag=True, help="Only say which.")
@command
def dead_letters_replay(settings: Settings, places: tuple[str, ...], **options: Any) -> None:
    """Send dead letters back to the topics they came from. Safe to repeat."""
    from consumer.replay import Filter
    from consumer.triage import replay_chosen

    everything, dry_run = options.pop("everything"), options.pop("dry_run")
    wanted = Filter(places=frozenset(places), **options)
    if not everything and wanted == Filter():
        raise click.UsageError("Say which: PARTITION:OFFSET, a filter, or --all.")
    asyncio.run(replay_chosen(settings, wanted, dry_run=dry_run))


@main.command(short_help="Make the tables anew from the topics.")
@click.option("--partial", is_flag=True, help="Go on although the topics no longer hold their beginning.")
@click.option("--accept-differences", is_flag=True, help="Swap although the rebuilt tables differ from the live ones.")
@click.option("--drop-old", is_flag=True, help="Only drop the tables that the last rebuild replaced.")
@command
def rebuild(settings: Settings, *, partial: bool, accept_differences: bool, drop_old: bool) -> None:
    """Make the tables anew from the topics, beside the worker, and swap them in if they agree."""
    from consumer import rebuild

    if drop_old:
        click.echo("Dropped." if asyncio.run(rebuild.drop_old(settings)) else "There was nothing to drop.")
        return
    done = asyncio.run(rebuild.rebuild(settings, partial=partial, accept_differences=accept_differences))
    click.echo(f"{done.records} records read, {done.refused} refused, {len(done.differences)} differences.")
    for table, count in Counter(difference.table for difference in done.differences).items():
        click.echo(f"  {table}: {count}")
    for difference in done.differences[:20]:
        mode = "live" if difference.livemode else "test"
        click.echo(f"    {difference.table} {difference.entity_id} ({mode})")
    if not done.swapped:
        raise Failure("Nothing was swapped. Look at the differences; --accept-differences swaps all the same.")
    click.echo(f"Swapped; applying waited {done.locked_seconds:.2f} s.")
    click.echo("The old tables are in schema giftcert_old until `giftledger rebuild --drop-old`.")


@main.command(short_help="Take old attempts out of the ledger.")
@click.option("--older-than", "days", type=click.IntRange(min=1), required=True, metavar="DAYS", help="Age in days.")
@command
def prune(settings: Settings, days: int) -> None:
    """Take old attempts out of the ledger, in small transactions.

    Safe for the balances: an attempt that comes again is then recognised by its event. Do not prune what an auditor
    may still ask for: which attempt brought an event is only in the ledger.
    """
    from consumer.prune import prune

    click.echo(f"{asyncio.run(prune(settings, timedelta(days=days)))} attempts pruned.")


@main.command(short_help="Send realistic signed traffic.")
@click.option("--url", help="Where the ingress is. Default: this machine, INGRESS_PORT.")
@click.option("--count", type=click.IntRange(min=1), default=1000, show_default=True, help="Webhooks to send.")
@click.option(
    "--days", type=click.IntRange(min=1), default=1, show_default=True, help="Days that they are spread over."
)
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Webhooks a second. Default: no limit.")
@click.option("--concurrency", type=click.IntRange(min=1), default=16, show_default=True, help="Open requests.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed sends other webhooks.")
@command
def simulate(
    settings: Settings, *, url: str | None, count: int, days: int, rate: float | None, concurrency: int, seed: int
) -> None:
    """Send realistic traffic, signed with the first of WEBHOOK_SIGNING_KEYS, and compare the answers.

    Purchases, redemptions and definitions in four currencies; duplicates, resends, late arrivals, test traffic,
    forged signatures and broken bodies. Never against a system whose figures count.
    """
    from consumer.simulate import simulate

    keys = list(settings.signing_keys.values())
    if not keys:
        raise SettingsError("WEBHOOK_SIGNING_KEYS is not set: the traffic must be signed with something.")
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    summary, _ = asyncio.run(
        simulate(
            url=url or f"http://127.0.0.1:{settings.ingress_port}",
            secret=keys[0],
            count=count,
            start=midnight - timedelta(days=days),
            length=timedelta(days=days),
            seed=seed,
            concurrency=concurrency,
            rate=rate,
        )
    )
    statuses = ", ".join(f"{status}: {number}" for status, number in sorted(summary.statuses.items()))
    click.echo(
        f"{summary.statuses.total()} webhooks in {summary.seconds:.1f} s ({statuses}), {summary.retries} retries."
    )
    for mismatch in summary.mismatches:
        click.echo(f"  {mismatch}")
    if summary.mismatched:
        raise Failure(f"{summary.mismatched} answers were not as expected.")


if __name__ == "__main__":
    sys.exit(main())
