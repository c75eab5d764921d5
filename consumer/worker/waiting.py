"""Waiting: a process shows what it waits for, and says it in the log, until it can do its work."""

import asyncio

import structlog

from consumer.common.bounds import pause
from consumer.common.settings import Settings
from consumer.worker.watchdog import Heartbeat

log = structlog.get_logger()

LOOK_AGAIN_SECONDS = 1.0


class Waiting:
    """What a process waits for, until it is asked to stop; None where it waits for nothing."""

    def __init__(self, settings: Settings, stop: asyncio.Event) -> None:
        self.stop = stop
        self.heartbeat = Heartbeat(settings.worker_stall_seconds)
        self.waits_for: str | None = "start"

    def reasons_to_wait(self) -> list[str]:
        """Say why the process is not ready."""
        return [self.waits_for] if self.waits_for else []

    async def wait(self, reason: str) -> None:
        """Show what is waited for, say it in the log, and pause before the next look."""
        self.heartbeat.beat()
        log.warning("waits", reason=reason)
        self.waits_for = reason
        await pause(LOOK_AGAIN_SECONDS, self.stop)
