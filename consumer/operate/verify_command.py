"""What `giftledger verify` prints."""

import click

from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from consumer.operate.verify import verify

SHOWN = 20


async def run_verify(settings: Settings, *, mend: bool) -> None:
    """Verify and say what came of it. Raises Fatal when something differs that was not mended."""
    done = await verify(settings, mend=mend)
    click.echo(f"{done.certificates} certificates, {len(done.differing)} differ from their history.")
    for certificate_id, livemode in done.differing[:SHOWN]:
        click.echo(f"    {certificate_id} ({'live' if livemode else 'test'})")
    if len(done.differing) > SHOWN:
        click.echo(f"    and {len(done.differing) - SHOWN} more")
    if done.open_tasks:
        click.echo(
            f"{done.open_tasks} rebooking tasks are open: what they are about differs until a worker has done them."
        )
    if done.mended is not None:
        click.echo(f"Mended: {done.mended} lines taken back, and booked as they should be.")
    elif done.differing:
        raise Fatal("The books differ from the facts; --mend books the difference.")
