"""A worker that dies on the spot: `python dying_worker.py before-the-database-commit|before-the-offset-commit RECORDS`.

It is the real worker, with a SIGKILL at the given place, once it has seen so many records. Where it dies before its
offset commit it commits no offsets until then, so that all of the records come again.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

from consumer.apply.apply import write
from consumer.common.settings import load
from consumer.kafka.record import Record
from consumer.worker.worker import Worker, run_worker

BEFORE_THE_DATABASE_COMMIT = "before-the-database-commit"
BEFORE_THE_OFFSET_COMMIT = "before-the-offset-commit"


class DyingWorker(Worker):
    """The real worker, but for its end."""

    place = BEFORE_THE_OFFSET_COMMIT
    seen = 0
    dies_after = 1

    async def process(self, records: Sequence[Record]) -> None:
        DyingWorker.seen += len(records)
        await super().process(records)

    def commit(self) -> None:
        if self.place == BEFORE_THE_OFFSET_COMMIT:
            die_if_all_were_seen()
        else:
            super().commit()


def die_if_all_were_seen() -> None:
    if DyingWorker.seen >= DyingWorker.dies_after:
        os.kill(os.getpid(), signal.SIGKILL)


async def write_and_die(*arguments: Any, **options: Any) -> int:
    taken_back = await write(*arguments, **options)
    die_if_all_were_seen()
    return taken_back


def main(place: str, records: int) -> None:
    DyingWorker.place, DyingWorker.dies_after = place, records
    writes = write_and_die if place == BEFORE_THE_DATABASE_COMMIT else write
    with patch("consumer.worker.worker.Worker", DyingWorker), patch("consumer.apply.apply.write", writes):
        asyncio.run(run_worker(load(), asyncio.Event()))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
