"""The nemesis in the size for CI: every kind of fault, two at a time. `make chaos` runs it alone, and longer."""

import os

import pytest

from deploy.local.java import kafka_class_path
from deploy.local.processes import StackError
from tests.e2e.nemesis.faults import KINDS
from tests.e2e.nemesis.run import run
from tests.e2e.nemesis.table import table

pytestmark = pytest.mark.long

FAULTS = len(KINDS)
SEED = int(os.environ.get("NEMESIS_SEED", "1"))


def test_nothing_acknowledged_is_lost_or_doubled_under_every_fault() -> None:
    if os.environ.get("BROKER") in {"embedded", "external"}:
        pytest.skip("needs a broker of its own that keeps its data when it is killed: Apache Kafka")
    try:
        kafka_class_path()
    except StackError as missing:
        pytest.skip(f"needs Apache Kafka: {missing}")

    report = run(seed=SEED, faults=FAULTS, minutes=0, rate=50)

    print(table(report))  # noqa: T201 - what came of it, also where all is well
    assert report.passed, table(report)
    assert report.faults == FAULTS
    assert report.ended == {}
