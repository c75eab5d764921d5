"""A worker that gets stuck: `python -m tests.e2e.stuck_worker blocked-loop|lost-poll|silent-fetcher`."""

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from aiokafka.consumer.fetcher import Fetcher

from consumer.common import log
from consumer.common.errors import Fatal
from consumer.common.settings import load
from consumer.worker.worker import run_worker

fetch = Fetcher._proc_fetch_request  # noqa: SLF001 - where aiokafka's fetcher was seen to hang


async def blocked(*_: Any) -> None:
    time.sleep(3600)  # noqa: ASYNC251 - blocking the event loop is the point


async def lost(*_: Any) -> None:
    await asyncio.Event().wait()


async def silent(self: Fetcher, *arguments: Any) -> Any:
    """Fetch as always, but for the certificates: those requests are never answered."""
    request = arguments[-1]
    if any(topic.endswith("certificates") for topic, _ in request.topics):
        await asyncio.Event().wait()
    return await fetch(self, *arguments)


STUCK: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "blocked-loop": lambda: patch("consumer.worker.worker.apply", blocked),
    "lost-poll": lambda: patch("consumer.worker.worker.Worker.process", lost),
    "silent-fetcher": lambda: patch.object(Fetcher, "_proc_fetch_request", silent),
}


def main(how: str) -> int:
    settings = load()
    log.configure(settings)
    with STUCK[how]():
        try:
            asyncio.run(run_worker(settings, asyncio.Event()))
        except Fatal as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
