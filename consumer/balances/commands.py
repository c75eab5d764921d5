"""Commands: `giftledger balances verify` and `republish`, as they are shown."""

from collections.abc import Sequence

import click

from consumer.balances.republish import republish, republish_all
from consumer.balances.verify import verify
from consumer.common.errors import Fatal
from consumer.common.settings import Settings

# So many are named.
SHOWN = 20


async def run_verify(settings: Settings) -> None:
    """Print what was compared, and what differs. Raises Fatal when something does."""
    found = await verify(settings)
    for one in found.differing[:SHOWN]:
        click.echo(f"{one.certificate_id} ({'live' if one.livemode else 'test'}): {one.what}")
    if len(found.differing) > SHOWN:
        click.echo(f"… and {len(found.differing) - SHOWN} more")
    click.echo(f"{found.certificates} certificates, {found.records} records, {found.behind} still to be published.")
    if found.differing:
        raise Fatal(
            f"{len(found.differing)} certificates differ. `giftledger balances republish` publishes them once more."
        )


async def run_republish(settings: Settings, ids: Sequence[str]) -> None:
    """Print how many are to be published."""
    count = await (republish(settings, ids) if ids else republish_all(settings))
    click.echo(f"{count} to be published. `giftledger balances` sends them.")
