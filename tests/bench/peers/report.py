"""A run's figures, and how they are shown."""

import json
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

from deploy.local.processes import output_of
from deploy.local.stack import Stack
from tests.bench.peers.peer import PYTHON, Peer

HERE = Path(__file__).parent


class Report(NamedTuple):
    """Rates in events a second, one a round; cases as words."""

    versions: dict[str, str]
    events: int
    rates: dict[str, list[float]]
    cases: dict[str, dict[str, str]]


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
        **{name: packages[name] for name in ("faststream", "aiokafka", "asyncpg", "quixstreams", "confluent-kafka")},
    }


def markdown(report: Report, peers: Sequence[Peer]) -> str:
    tables = [_versions(report)]
    if report.rates:
        tables.append(_rates(report, [peer for peer in peers if peer.name in report.rates]))
    if report.cases:
        tables.append(_cases(report, [peer for peer in peers if peer.name in report.cases]))
    return "\n\n".join(tables)


def _versions(report: Report) -> str:
    return ", ".join(f"{name} {version}" for name, version in report.versions.items())


def _rates(report: Report, peers: Sequence[Peer]) -> str:
    own = report.rates.get("giftledger")
    lines = ["| | events/s, median | all rounds | giftledger ÷ it | goal |", "|---|---:|---|---:|---:|"]
    for peer in peers:
        rounds = report.rates[peer.name]
        ratio = f"{median(own) / median(rounds):.2f}" if own else ""
        goal = f"≥ {peer.goal:g}" if peer.goal else ""
        each = " ".join(f"{rate:,.0f}" for rate in rounds)
        lines.append(f"| {peer.title} | {median(rounds):,.0f} | {each} | {ratio} | {goal} |")
    return "\n".join(lines)


def _cases(report: Report, peers: Sequence[Peer]) -> str:
    head = " | ".join(peer.title for peer in peers)
    lines = [f"| | {head} |", "|---" * (len(peers) + 1) + "|"]
    lines += [
        f"| {case} | {' | '.join(report.cases[peer.name][case] for peer in peers)} |"
        for case in report.cases[peers[0].name]
    ]
    return "\n".join(lines)
