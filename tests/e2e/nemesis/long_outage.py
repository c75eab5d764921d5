"""`python -m tests.e2e.nemesis.long_outage postgres|broker`: one part is away for minutes, under load.

What the worker and the ingress make of it: restarts, rebalances, memory, lag, answers.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path

from deploy.local.waiting import wait_for
from tests.e2e.nemesis.deployment import Deployment, Program, deployed
from tests.e2e.nemesis.verdict import judge, lag
from tests.services import metric

CALM_SECONDS = 10.0
LOOK_SECONDS = 5.0


def memory(program: Program) -> int:
    """Give a process' resident memory in MiB."""
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) // 1024


def main() -> int:
    parser = argparse.ArgumentParser(prog="long_outage", description=__doc__)
    parser.add_argument("part", choices=["postgres", "broker"])
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--rate", type=float, default=150)
    parser.add_argument("--folder", type=Path, help="keep data and logs there")
    given = parser.parse_args()
    with deployed(ingresses=1, workers=1, spares=0, rate=given.rate, seed=1, folder=given.folder) as deployment:
        deployment.wait_until_ready()
        sending = deployment.start_sending()
        time.sleep(CALM_SECONDS)
        ways = {
            "postgres": (deployment.postgres.stop, deployment.postgres.start),
            "broker": (deployment.kafka.kill, deployment.kafka.start),
        }
        report = _measure(deployment, *ways[given.part], seconds=60 * given.minutes)
        deployment.sender.stop()
        wait_for(lambda: not deployment.sender.waiting, "an answer to every webhook", 300)
        wait_for(lambda: asyncio.run(lag(deployment.settings)) == 0, "the lag to end", 300)
        if sending.done() and (error := sending.exception()):
            raise error
        verdict = asyncio.run(judge(deployment.settings, deployment.sender.books))
        books = deployment.sender.books
        report |= {
            "acknowledged": books.acknowledgements,
            "refused (503)": books.answers[503],
            "slowest answer, s": round(books.slowest, 2),
            "processes that ended by themselves": [
                (program.process.name, program.ends) for program in deployment.programs if program.ends
            ],
            "lost": verdict.lost,
            "doubled": verdict.doubled,
            "wrong": verdict.wrong,
        }
    for name, value in report.items():
        print(f"{name}: {value}")  # noqa: T201 - the command's output
    return 1 if verdict.wrong else 0


def _measure(
    deployment: Deployment, away: Callable[[], None], back: Callable[[], None], seconds: float
) -> dict[str, object]:
    worker, ingress = deployment.workers[0], deployment.ingresses[0]
    rebalances = metric(worker.service, "giftcert_consumer_rebalances_total")
    before, peak, ingress_peak, most = memory(worker), 0, 0, 0.0
    away()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
        peak, ingress_peak = max(peak, memory(worker)), max(ingress_peak, memory(ingress))
        most = max(most, metric(worker.service, "giftcert_consumer_lag_messages"))
    back()
    started, accepted = time.monotonic(), deployment.sender.books.acknowledgements
    wait_for(lambda: deployment.sender.books.acknowledgements > accepted, "a webhook to be accepted", 60)
    resumed = time.monotonic() - started
    wait_for(lambda: ingress.ready, "the ingress to be ready", 60)
    wait_for(lambda: asyncio.run(lag(deployment.settings)) < deployment.sender.rate, "the lag to end", 180)
    caught_up = time.monotonic() - started
    peak = max(peak, memory(worker))
    after = metric(worker.service, "giftcert_consumer_rebalances_total")
    return {
        "away, s": seconds,
        "worker's memory before, MiB": before,
        "worker's memory at most, MiB": peak,
        "ingress' memory at most, MiB": ingress_peak,
        "lag at most": most,
        "first 200 after, s": round(resumed, 1),
        "lag below one second's webhooks after, s": round(caught_up, 1),
        "rebalances": after - rebalances,
    }


if __name__ == "__main__":
    sys.exit(main())
