"""A worker that dies on the spot: `python dying_worker.py before-the-database-commit|before-the-offset-commit RECORDS`.

It is the real worker, with a SIGKILL at the given place, once it has seen so many records. Until then it commits no
offsets, so that all of them come again.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

from consumer.apply import write
from consumer.decode import Record
from consumer.kafka import consumer_options
from consumer.settings import Settings, load
from consumer.worker import Worker, run_worker

BEFORE_THE_DATABASE_COMMIT = "before-the-database-commit"
BEFORE_THE_OFFSET_COMMIT = "before-the-offset-commit"


class DyingWorker(Worker):
    """The real worker, but for its end."""

    seen = 0
    dies_after = 1

    async def process(self, records: Sequence[Record]) -> None:
        DyingWorker.seen += len(records)
        await super().process(records)

    async def commit(self) -> None:
        die_if_all_were_seen()


def die_if_all_were_seen() -> None:
    if DyingWorker.seen >= DyingWorker.dies_after:
        os.kill(os.getpid(), signal.SIGKILL)


async def write_and_die(*arguments: Any) -> None:
    await write(*arguments)
    die_if_all_were_seen()


def with_a_short_memory(settings: Settings) -> dict[str, Any]:
    """Let the group forget the dead as fast as the broker allows: a successor has to wait for that."""
    milliseconds = 6000 if settings.kafka_enable_idempotence else 1500  # the embedded broker allows less
    return consumer_options(settings) | {"session_timeout_ms": milliseconds, "heartbeat_interval_ms": 500}


def main(place: str, records: int) -> None:
    DyingWorker.dies_after = records
    writes = write_and_die if place == BEFORE_THE_DATABASE_COMMIT else write
    with (
        patch.multiple("consumer.worker", Worker=DyingWorker, consumer_options=with_a_short_memory),
        patch("consumer.apply.write", writes),
    ):
        asyncio.run(run_worker(load(), asyncio.Event()))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
