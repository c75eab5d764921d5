"""The benchmark runs, in sizes that say nothing about times: `make bench` is for those."""

import json
import math

import pytest

from deploy.local.stack import Stack
from tests.bench.__main__ import MEASUREMENTS
from tests.bench.report import as_json, circumstances, table
from tests.bench.sizes import SMOKE

pytestmark = [pytest.mark.long, pytest.mark.once]

FIGURES = {
    "apply": [
        "apply ÷ COPY of the same rows",
        "apply ÷ reading the topic with aiokafka",
        "apply ÷ decoding alone",
    ],
    "ingress": [
        "ingress ÷ same server and toolkit without Kafka",
        "ingress ÷ same server alone without Kafka",
        "ingress p50, 4 connections",
        "ingress p99, 4 connections",
    ],
    "latency": ["latency p50 ÷ floor", "latency p99 ÷ p50"],
    "balances": [
        "applying: Postgres' and the worker's CPU with the note ÷ without",
        "applying: Postgres' CPU with the note ÷ without",
        "applying: the worker's CPU with the note ÷ without",
        "balances: lag at 2,000/s over 4,000",
        "balances: lag at 10,000/s over 1,000",
    ],
    "tables": ["apply at 5,000 ledger rows ÷ empty"],
    "backlog": ["memory, backlog 2,000 ÷ 1,000", "two workers ÷ one"],
}


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_a_measurement_gives_its_figures_as_a_table_and_as_json(stack: Stack, name: str) -> None:
    figures = list(MEASUREMENTS[name](stack, SMOKE))

    assert [figure.name for figure in figures] == FIGURES[name]
    assert all(math.isfinite(figure.ratio) and figure.ratio > 0 for figure in figures)
    assert len(table(figures).splitlines()) == 2 + len(figures)
    written = json.loads(as_json(figures, circumstances(stack)))
    assert [entry["ratio"] for entry in written["figures"]] == [figure.ratio for figure in figures]
    assert written["circumstances"]["broker"] == stack.kafka.name
