"""Drain: real workers, each in a process of its own, empty a topic that was filled before."""

import time
import uuid
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from deploy.local.services import Giftledger, Service
from deploy.local.waiting import wait_for
from tests.databases import rows
from tests.services import metric

DRAIN_SECONDS = 600
LOOK_SECONDS = 0.5
# From the first transaction that all workers could take part in to the beginning of the last one, and the share of
# the ledger that was written in between: neither the start of a process nor the end of a group is counted.
APPLIED = """
SELECT
    extract(epoch FROM max(applied_at) - min(applied_at) FILTER (WHERE applied_at >= $1))::float8 AS seconds,
    (count(*) FILTER (
        WHERE applied_at >= $1 AND applied_at < (SELECT max(applied_at) FROM certificate_history)
    ))::float8 / count(*) AS share
FROM certificate_history
WHERE applied_at >= $2
"""


class Drained(NamedTuple):
    """Events a second, the most memory that a worker had, in bytes, and who kept the machine busy."""

    rate: float
    memory: int
    busy: str


def drain(giftledger: Giftledger, events: int, *, workers: int = 1) -> Drained:
    """Let a new group drain a topic that holds ``events`` records, into tables that know none of them."""
    began = datetime.now(UTC)
    group = f"bench-{uuid.uuid4().hex[:12]}"
    with ExitStack() as ends:
        services = [giftledger.start("worker", KAFKA_GROUP_ID=group) for _ in range(workers)]
        for service in services:
            ends.callback(service.process.terminate)
        for service in services:
            service.wait_until_ready()
        ready, clocks = datetime.now(UTC), _clocks(services)
        wait_for(lambda: _processed(services) >= events, f"{events} records to be processed", DRAIN_SECONDS)
        busy = _busy(clocks, _clocks(services))
        memory = max(_most_memory(service) for service in services)
    return Drained(events * _share_a_second(giftledger.environment["DATABASE_URL"], ready, began), memory, busy)


def _share_a_second(url: str, ready: datetime, began: datetime) -> float:
    """Give the share of the topic that was applied a second; of a topic that was empty by ``ready``, from its start."""
    for since in (ready, began):
        (applied,) = rows(url, APPLIED, since, began)
        if applied["seconds"]:
            return float(applied["share"] / applied["seconds"])
    raise ValueError("one transaction took the whole topic: too few events to measure")


def _processed(services: list[Service]) -> float:
    time.sleep(LOOK_SECONDS)  # a worker writes its metrics in the time that is measured: not all the time
    return sum(metric(service, "giftcert_messages_processed_total") for service in services)


def _most_memory(service: Service) -> int:
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    (kilobytes,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(kilobytes) * 1024


def _clocks(services: list[Service]) -> tuple[float, float, float]:
    """Give the CPU time of all that exists, of what was idle of it, and of the workers, in the same unit."""
    whole = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    workers = 0
    for service in services:
        fields = Path(f"/proc/{service.process.pid}/stat").read_text().rpartition(")")[2].split()
        workers += int(fields[11]) + int(fields[12])
    return sum(whole), whole[3] + whole[4], workers


def _busy(before: tuple[float, float, float], after: tuple[float, float, float]) -> str:
    whole, idle, workers = (end - begin for begin, end in zip(before, after, strict=True))
    return f"CPU: workers {workers / whole:.0%}, broker, database and others {1 - (idle + workers) / whole:.0%}"
