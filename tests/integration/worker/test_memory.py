"""The worker's memory: bounded by what records are, not by what they were compressed to."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consumer.common.settings import load
from deploy.local.stack import Stack
from tests.builders import bought
from tests.pipeline import publish
from tests.services import commands, deployment, metric, start_worker

pytestmark = pytest.mark.once

BODY_BYTES = 250_000
COUNT = 1000  # 250 MB, in one or two batches by their number
# 16 MiB of bodies in hand, as many decoded ahead, and the rows that are made of them. Measured: 219 and 229 MiB,
# without a bound 534.
MOST_MIB = 300


def peak_mib(pid: int) -> float:
    """Read the most memory that a process ever had."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


# As the ingress sends them, about one body a batch; as another producer may, all of them in one.
BATCHES: list[dict[str, Any]] = [
    {"compression_type": "gzip"},
    {"compression_type": "zstd", "max_batch_size": 2**30, "linger_ms": 5000},
]


@pytest.mark.parametrize("batches", BATCHES, ids=["small batches", "one batch"])
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory from /proc")
def test_bodies_that_were_compressed_to_nothing_do_not_fill_the_memory(
    stack: Stack, database_url: str, say: Callable[[str], None], batches: dict[str, Any]
) -> None:
    environment = deployment(stack, DATABASE_URL=database_url, TOPIC_PARTITIONS="1")
    bodies = [bought(_id=f"certificate-{number}", marketingText="x" * BODY_BYTES) for number in range(COUNT)]
    asyncio.run(publish(load(environment), *bodies, **batches))

    with commands(stack, environment) as giftledger:
        worker = start_worker(giftledger)
        worker.process.wait_until(
            lambda: metric(worker, "giftcert_messages_processed_total") >= COUNT, "all of them applied", 120
        )
        peak = peak_mib(worker.process.pid)

    say(f"memory: {COUNT} bodies of {BODY_BYTES / 1000:.0f} kB, compressed to nothing: at most {peak:.0f} MiB")
    assert peak < MOST_MIB
