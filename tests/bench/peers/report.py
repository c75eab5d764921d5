"""A run's figures, and how they are shown."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

from deploy.local.processes import output_of
from deploy.local.stack import Stack
from tests.bench.peers.ingress import Served
from tests.bench.peers.peer import PYTHON, Peer

HERE = Path(__file__).parent
PACKAGES = ("faststream", "aiokafka", "asyncpg", "quixstreams", "confluent-kafka", "fastapi", "uvicorn")


class Report(NamedTuple):
    """Rates in events a second, one a round; cases as words; of each ingress what it took."""

    versions: dict[str, str]
    events: int
    rates: dict[str, list[float]]
    cases: dict[str, dict[str, str]]
    ingress: dict[str, Served]


def versions(stack: Stack) -> dict[str, str]:
    """Say what is measured, on what."""
    listed = json.loads(output_of(PYTHON.absolute(), "-m", "pip", "list", "--format=json"))
    packages = {package["name"]: package["version"] for package in listed}
    debezium = re.search(r"debezium-connector-jdbc</artifactId>\s*<version>([^<]+)", (HERE / "pom.xml").read_text())
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": output_of("git", "-C", HERE, "rev-parse", "--short", "HEAD").strip(),
        "Python": sys.version.split()[0],
        "Kafka": stack.kafka.name,
        "Postgres": stack.postgres.name,
        "Debezium": debezium[1] if debezium else "?",
        **{name: packages[name] for name in PACKAGES},
    }


def markdown(report: Report, peers: Sequence[Peer]) -> str:
    tables = [_versions(report)]
    if report.rates:
        tables.append(_rates(report, [peer for peer in peers if peer.name in report.rates]))
    if report.cases:
        tables.append(_cases(report, [peer for peer in peers if peer.name in report.cases]))
    if report.ingress:
        tables.append(_ingress(report.ingress))
    return "\n\n".join(tables)


def _versions(report: Report) -> str:
    return ", ".join(f"{name} {version}" for name, version in report.versions.items())


def _rates(report: Report, peers: Sequence[Peer]) -> str:
    own = report.rates.get("giftledger", [])
    lines = ["| | writes | events/s, median | all rounds | giftledger ÷ it | goal |", "|---|---|---:|---|---:|---:|"]
    for peer in peers:
        rounds = report.rates[peer.name]
        goal = f"≥ {peer.goal:g}" if peer.goal else ""
        lines.append(f"| {peer.title} | {peer.says} | {_compared(rounds, own)} | {goal} |")
    return "\n".join(lines)


def _cases(report: Report, peers: Sequence[Peer]) -> str:
    head = " | ".join(peer.title for peer in peers)
    lines = [f"| | {head} |", "|---" * (len(peers) + 1) + "|"]
    lines += [
        f"| {case} | {' | '.join(report.cases[peer.name][case] for peer in peers)} |"
        for case in report.cases[peers[0].name]
    ]
    return "\n".join(lines)


def _ingress(ingress: Mapping[str, Served]) -> str:
    lines = [
        "| | requests/s, median | all rounds | giftledger ÷ it | p50, ms | p99, ms | answer while Kafka is frozen |",
        "|---|---:|---|---:|---:|---:|---|",
    ]
    own = [loaded.rate for loaded in ingress["giftledger"].rounds]
    for name, served in ingress.items():
        rates, p50, p99 = zip(*served.rounds, strict=True)
        times = " | ".join(f"{1000 * median(seconds):.1f}" for seconds in (p50, p99))
        lines.append(f"| {name} | {_compared(rates, own)} | {times} | {served.frozen} |")
    return "\n".join(lines)


def _compared(rates: Sequence[float], own: Sequence[float]) -> str:
    each = " ".join(f"{rate:,.0f}" for rate in rates)
    ratio = f"{median(own) / median(rates):.2f}" if own else ""
    return f"{median(rates):,.0f} | {each} | {ratio}"
