"""What `giftledger verify` prints."""

from collections.abc import Sequence

from consumer.common.errors import Fatal
from consumer.common.saying import say
from consumer.common.settings import Settings
from consumer.operate.verify import verify

SHOWN = 20


async def run_verify(settings: Settings, *, mend: bool) -> None:
    """Verify and say what came of it. Raises Fatal when something differs that was not mended."""
    done = await verify(settings, mend=mend)
    say(f"{done.certificates} certificates, {len(done.differing)} differ from their history.")
    _show([f"{one} ({'live' if live else 'test'}): {', '.join(what)}" for (one, live), what in done.differing.items()])
    if done.totals:
        say(f"{len(done.totals)} kept totals differ from the journal's lines.")
    _show(
        [f"{one.cell}: {', '.join(f'{one.table}.{name}' for name in one.columns) or one.table}" for one in done.totals]
    )
    if done.zones:
        say(f"{len(done.zones)} time zones of stations are marked as none in vain, or are not.")
    _show([f"station {zone.station_id} ({'live' if zone.livemode else 'test'}): {zone.name}" for zone in done.zones])
    if done.open_tasks:
        say(f"{done.open_tasks} rebooking tasks are open: what they are about differs until a worker has done them.")
    if done.too_late:
        named = ", ".join(map(str, done.too_late[:SHOWN])) + (", …" if len(done.too_late) > SHOWN else "")
        raise Fatal(
            f"Lines came into months after these were closed: {named}. No worker books so, and Postgres refuses it of "
            "writers. Either the lines are false or the close is: the runbook, “Lines in a closed month”, tells them "
            "apart. Only the tables' owner can take out what is false; then --mend books what differs."
        )
    if done.mended is not None:
        say(f"Mended: {done.mended} lines taken back, and booked as they should be.")
        if done.totals:
            say("The totals are kept anew, from the first line on.")
    elif not done.is_right:
        raise Fatal("The books differ from the facts; --mend books the difference.")


def _show(lines: Sequence[str]) -> None:
    for line in lines[:SHOWN]:
        say(f"    {line}")
    if len(lines) > SHOWN:
        say(f"    and {len(lines) - SHOWN} more")
