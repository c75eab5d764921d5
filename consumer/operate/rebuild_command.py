"""What `giftledger rebuild` prints."""

from collections import Counter

from consumer.common.errors import Fatal
from consumer.common.saying import say
from consumer.common.settings import Settings
from consumer.operate.rebuild import Rebuilt, drop_old, rebuild

SHOWN_DIFFERENCES = 20


async def run_rebuild(settings: Settings, *, partial: bool, accept_differences: bool) -> None:
    """Rebuild and say what came of it. Raises Fatal when nothing was swapped."""
    done = await rebuild(settings, partial=partial, accept_differences=accept_differences)
    _show_differences(done)
    if not done.swapped:
        raise Fatal("Nothing was swapped. Look at the differences; --accept-differences swaps all the same.")
    say(f"Swapped; applying waited {done.locked_seconds:.2f} s.")
    say("The old tables are in schema giftcert_old until `giftledger rebuild --drop-old`.")


async def run_drop_old(settings: Settings) -> None:
    """Drop what the last rebuild replaced, and say whether there was anything."""
    say("Dropped." if await drop_old(settings) else "There was nothing to drop.")


def _show_differences(done: Rebuilt) -> None:
    say(f"{done.records} records read, {done.refused} refused, {len(done.differences)} differences.")
    for table, count in Counter(difference.table for difference in done.differences).items():
        say(f"  {table}: {count}")
    for difference in done.differences[:SHOWN_DIFFERENCES]:
        mode = "live" if difference.livemode else "test"
        say(f"    {difference.table} {difference.entity_id} ({mode})")
