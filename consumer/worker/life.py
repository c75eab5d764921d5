"""Life: a worker's process from its start to its end, as the admin port shows it."""

import asyncio

import structlog

from consumer.common.bounds import pause
from consumer.common.settings import Settings
from consumer.kafka.publisher import Publisher
from consumer.worker.group import Group
from consumer.worker.retry import Retry
from consumer.worker.watchdog import Heartbeat

log = structlog.get_logger()

LOOK_AGAIN_SECONDS = 1.0


class Life:
    """What a worker waits for before it can work, and while it does: the reasons why it is not ready."""

    def __init__(self, settings: Settings, stop: asyncio.Event) -> None:
        self.stop = stop
        self.heartbeat = Heartbeat(settings.worker_stall_seconds)
        self._waiting_for = "start"
        # What an operator has to see to, although the worker works.
        self._notice: str | None = None
        self._member: tuple[Group, Retry, Publisher] | None = None

    def joins(self, group: Group, retry: Retry, publisher: Publisher) -> None:
        """Become a member of the group: from now on its parts say what they wait for."""
        self._member = group, retry, publisher

    async def wait(self, reason: str) -> None:
        """Show what the worker waits for, say it in the log, and pause before the next look."""
        self.heartbeat.beat()
        log.warning("waits", reason=reason)
        self._waiting_for = reason
        await pause(LOOK_AGAIN_SECONDS, self.stop)

    def note(self, notice: str | None) -> None:
        """Show what an operator has to see to, or that there is nothing any more; say it in the log."""
        if notice:
            log.warning("not ready", reason=notice)
        self._notice = notice

    def reasons_to_wait(self) -> list[str]:
        """Say why the worker is not ready."""
        if self._member is None:
            return [self._waiting_for]
        group, retry, publisher = self._member
        kafka = publisher.trouble and f"Kafka {publisher.trouble}"
        unassigned = None if group.settled else "no partitions assigned"
        return [reason for reason in (retry.waiting_for, kafka, unassigned, self._notice) if reason]
