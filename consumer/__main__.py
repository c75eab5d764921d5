"""The command line: the only place where the parts are put together."""

import asyncio
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from consumer import log
from consumer.errors import Fatal
from consumer.settings import Settings, SettingsError, load


class Failure(click.ClickException):
    """Something went wrong that the message explains: exit 1."""

    exit_code = 1


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
        except Fatal as error:
            raise Failure(str(error)) from None

    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="giftledger")
def main() -> None:
    """Turn gift-certificate webhooks into balances that a finance team can sign.

    Settings come from the environment; README.md lists them. Exit status: 0 done, 1 failed, 2 usage.
    """


@main.command()
@command
def ingress(settings: Settings) -> None:
    """Serve POST /webhooks: verify the sender, publish to Kafka, answer."""
    from consumer.ingress import run_ingress
    from consumer.service import run

    run(lambda stop: run_ingress(settings, stop))


@main.command()
@command
def worker(settings: Settings) -> None:
    """Apply the topics' events to Postgres, as one member of the consumer group."""
    from consumer.service import run
    from consumer.worker import run_worker

    run(lambda stop: run_worker(settings, stop))


@main.command()
@command
def migrate(settings: Settings) -> None:
    """Bring the database to this version's tables, roles and reports. Safe to repeat."""
    from consumer.migrate import migrate

    asyncio.run(migrate(settings))
    click.echo("The database is current.")


@main.command()
@command
def topics(settings: Settings) -> None:
    """Create the Kafka topics that are missing, and show them all. Safe to repeat."""
    from consumer.topics import create_topics

    for topic, partitions in sorted(asyncio.run(create_topics(settings)).items()):
        click.echo(f"{topic}: {partitions} partitions")


if __name__ == "__main__":
    sys.exit(main())
