"""`make bench-peers`: giftledger and its peers, rates and correctness of workers and rates of ingresses."""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from deploy.local.stack import Stack
from tests.bench.peers import debezium, giftledger
from tests.bench.peers.cases import answers
from tests.bench.peers.ingress import compare
from tests.bench.peers.peer import Peer, create_text_table, python
from tests.bench.peers.rates import rates
from tests.bench.peers.report import Report, markdown, versions
from tests.bench.sizes import FULL, POSTGRES
from tests.bench.workload import Workload

OURS = "facts, books and state, once and in order; data as text"
STATE = "the last state to come, 2,000 at a time; data as jsonb"
TEXT, ONE = STATE.replace("jsonb", "text"), STATE.replace("2,000", "one")
CONNECT: dict[str, Any] = {"reads_rows": True, "dead_letters": "connect-dead-letter"}
PEERS = (
    Peer("giftledger", "giftledger", OURS, giftledger.start, giftledger.prepare, dead_letters="dead-letter"),
    Peer("debezium", "Debezium JDBC sink, UNNEST", STATE, debezium.start, goal=1.1, **CONNECT),
    Peer("debezium-text", "Debezium, text", TEXT, debezium.start_text, create_text_table, goal=1, **CONNECT),
    Peer("faststream-batch", "FastStream, batch", STATE, python("faststream", "batch"), goal=1.1),
    Peer("faststream-text", "FastStream, text", TEXT, python("faststream", "text"), create_text_table, goal=1),
    Peer("quix", "Quix Streams Postgres sink", STATE.replace("2,000", "20,000"), python("quix"), goal=1.35),
    Peer("faststream-one", "FastStream, one by one", ONE, python("faststream", "one"), few=True, goal=7),
    Peer("faststream-one-acked", "one by one, NACK_ON_ERROR", ONE, python("faststream", "one-acked"), few=True),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench-peers", description=__doc__)
    names = ", ".join(peer.name for peer in PEERS)
    parser.add_argument(
        "--only",
        metavar="NAMES",
        type=chosen,
        default=PEERS,
        help=f"of the workers, some of {names}, separated by commas",
    )
    parser.add_argument("--what", choices=["rates", "cases", "ingress", "all"], default="all")
    parser.add_argument("--events", type=int, default=200_000, help="of the rates (default 200,000)")
    parser.add_argument("--rounds", type=int, default=3, help="of which each rate is the median (default 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    given = parser.parse_args()
    with Stack(broker="apache", postgres_settings=POSTGRES) as stack:
        report = asyncio.run(_run(stack, given))
    print(markdown(report, PEERS))  # noqa: T201 - the command's output
    if given.json:
        given.json.write_text(json.dumps(report._asdict(), indent=1))
    return 0


def chosen(names: str) -> list[Peer]:
    """Find peers by their names, separated by commas. Raises ArgumentTypeError."""
    known = {peer.name: peer for peer in PEERS}
    if unknown := [name for name in names.split(",") if name not in known]:
        raise argparse.ArgumentTypeError(f"no peer is called {', '.join(unknown)}")
    return [known[name] for name in names.split(",")]


async def _run(stack: Stack, given: argparse.Namespace) -> Report:
    report = Report(versions(stack), given.events, {}, {}, {})
    if given.what in {"rates", "all"}:
        # Four events a certificate.
        workload = Workload(given.events, given.events // 4)
        report.rates.update(await rates(stack, given.only, workload, given.rounds))
    if given.what in {"cases", "all"}:
        for peer in given.only:
            report.cases[peer.name] = await answers(stack, peer)
            sys.stderr.write(f"{peer.title}: {json.dumps(report.cases[peer.name])}\n")
    if given.what in {"ingress", "all"}:
        report.ingress.update(compare(stack, FULL._replace(rounds=given.rounds)))
    return report


if __name__ == "__main__":
    sys.exit(main())
