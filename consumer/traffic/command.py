"""`giftledger simulate`: traffic of the last days for an ingress on this machine, and what came of it."""

from datetime import UTC, datetime, timedelta

from consumer.common.errors import Fatal
from consumer.common.saying import say
from consumer.common.settings import Settings, SettingsError
from consumer.traffic.simulate import Summary, simulate


async def run_simulate(
    settings: Settings, *, url: str | None, count: int, days: int, rate: float | None, concurrency: int, seed: int
) -> None:
    """Send the traffic and print what was answered. Raises Fatal when an answer was not as expected."""
    keys = list(settings.signing_keys.values())
    if not keys:
        raise SettingsError("WEBHOOK_SIGNING_KEYS is not set: the traffic must be signed with something.")
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    summary, _ = await simulate(
        url=url or f"http://127.0.0.1:{settings.ingress_port}",
        secret=keys[0],
        count=count,
        start=midnight - timedelta(days=days),
        length=timedelta(days=days),
        seed=seed,
        concurrency=concurrency,
        rate=rate,
    )
    _show(summary)


def _show(summary: Summary) -> None:
    statuses = ", ".join(f"{status}: {number}" for status, number in sorted(summary.statuses.items()))
    say(f"{summary.statuses.total()} webhooks in {summary.seconds:.1f} s ({statuses}), {summary.retries} retries.")
    for mismatch in summary.mismatches:
        say(f"  {mismatch}")
    if summary.mismatched:
        raise Fatal(f"{summary.mismatched} answers were not as expected.")
