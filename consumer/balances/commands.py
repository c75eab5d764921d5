"""Commands: `giftledger balances verify` and `republish`, as they are shown."""

from collections.abc import Sequence

from consumer.balances.republish import republish, republish_all
from consumer.balances.verify import verify
from consumer.common.errors import Fatal
from consumer.common.saying import say
from consumer.common.settings import Settings

# So many are named.
SHOWN = 20


# What changed longer ago is in the topics, or something is wrong.
BEHIND_SECONDS = 60.0


async def run_verify(settings: Settings) -> None:
    """Print what was compared, and what differs.

    Raises Fatal unless the topics say what the tables said a minute ago.
    """
    found = await verify(settings)
    for one in found.differing[:SHOWN]:
        say(f"{one.certificate_id} ({'live' if one.livemode else 'test'}): {one.what}")
    if len(found.differing) > SHOWN:
        say(f"… and {len(found.differing) - SHOWN} more")
    say(f"{found.certificates} certificates, {found.records} records, {found.behind} still to be published.")
    if found.differing:
        raise Fatal(
            f"{len(found.differing)} certificates differ. `giftledger balances republish` publishes them once more."
        )
    if found.behind and not found.is_published:
        raise Fatal(
            f"Nothing was ever published: the topics say nothing of {found.unsaid} certificates. "
            "Run `giftledger balances`."
        )
    if found.behind_seconds > BEHIND_SECONDS:
        raise Fatal(
            f"The topics have been behind for {found.behind_seconds:.0f} s: {found.behind} certificates were not "
            f"compared, and of {found.unsaid} the topics say nothing. Does `giftledger balances` run? "
            "Its /health/ready says what it waits for."
        )


async def run_republish(settings: Settings, ids: Sequence[str]) -> None:
    """Print how many are to be published."""
    count = await (republish(settings, ids) if ids else republish_all(settings))
    say(f"{count} to be published. `giftledger balances` sends them.")
