"""Deploy: the commands that bring database and topics to this version, and look whether all is well."""

from typing import TYPE_CHECKING

import click

from consumer.cli.command import command, finish
from consumer.common.saying import say
from consumer.common.settings import Settings

if TYPE_CHECKING:
    from consumer.operate.check import Role


@click.command(short_help="Bring the database to this version.")
@command
def migrate(settings: Settings) -> None:
    """Bring the database to this version's tables, roles and reports. Safe to repeat.

    Writes REPORTING_TIME_ZONE and ACCOUNT_CURRENCIES into the database where they are set: figures follow what stands
    there, and a worker whose environment says otherwise is not ready.
    """
    from consumer.operate.verify import begin_books
    from consumer.postgres.migrate import migrate

    for note in finish(migrate(settings, begin_books)):
        say(note)
    say("The database is current.")


@click.command(short_help="Create the Kafka topics that are missing.")
@command
def topics(settings: Settings) -> None:
    """Create the Kafka topics that are missing, and show them all. Safe to repeat."""
    from consumer.kafka.topics import create_topics

    for topic, partitions in sorted(finish(create_topics(settings)).items()):
        say(f"{topic}: {partitions} partitions")


@click.command(short_help="Find what is wrong, and how to mend it.")
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

    finish(run_check(settings, role))
