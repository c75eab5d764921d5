"""Services: the commands that run until they are asked to stop, and those that keep the topics of balances."""

import click

from consumer.cli.command import command, finish
from consumer.common.settings import Settings


@click.command(short_help="Serve POST /webhooks, and publish to Kafka.")
@command
def ingress(settings: Settings) -> None:
    """Serve POST /webhooks: verify the sender, publish to Kafka, answer."""
    from consumer.common.service import run
    from consumer.ingress.app import run_ingress

    run(lambda stop: run_ingress(settings, stop))


@click.command(short_help="Apply the topics' events to Postgres.")
@command
def worker(settings: Settings) -> None:
    """Apply the topics' events to Postgres, as one member of the consumer group."""
    from consumer.common.service import run
    from consumer.worker.worker import run_worker

    run(lambda stop: run_worker(settings, stop))


@click.group(invoke_without_command=True, short_help="Keep the topics of each certificate's newest state.")
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

    finish(run_verify(settings))


@balances.command("republish")
@click.argument("ids", metavar="[CERTIFICATE]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All certificates, under versions above all in the topics.")
@command
def balances_republish(settings: Settings, *, ids: tuple[str, ...], everything: bool) -> None:
    """Publish certificates once more, under new versions. Safe to repeat; `giftledger balances` sends them."""
    from consumer.balances.commands import run_republish

    if bool(ids) == everything:
        raise click.UsageError("Say which: CERTIFICATE..., or --all.")
    finish(run_republish(settings, ids))
