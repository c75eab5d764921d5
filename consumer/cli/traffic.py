"""`giftledger simulate`: realistic traffic."""

from typing import Any

import click

from consumer.cli.command import command, finish
from consumer.cli.options import Rate
from consumer.common.settings import Settings


@click.command(short_help="Send realistic signed traffic.")
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

    finish(run_simulate(settings, **options))
