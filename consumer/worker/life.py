"""Life: a worker's process from its start to its end, as the admin port shows it."""

import asyncio

import structlog

from consumer.common.settings import Settings
from consumer.kafka.publisher import Publisher
from consumer.worker.group import Group
from consumer.worker.retry import Retry
from consumer.worker.waiting import Waiting

log = structlog.get_logger()


class Life(Waiting):
    """What a worker waits for before it can work, and while it does: the reasons why it is not ready."""

    def __init__(self, settings: Settings, stop: asyncio.Event) -> None:
        super().__init__(settings, stop)
        # What an operator has to see to, although the worker works.
        self._notice: str | None = None
        self._member: tuple[Group, Retry, Publisher] | None = None

    def joins(self, group: Group, retry: Retry, publisher: Publisher) -> None:
        """Become a member of the group: from now on its parts say what they wait for."""
        self._member = group, retry, publisher

    def note(self, notice: str | None) -> None:
        """Show what an operator has to see to, or that there is nothing any more; say it in the log."""
        if notice:
            log.warning("not ready", reason=notice)
        self._notice = notice

    def reasons_to_wait(self) -> list[str]:
        """Say why the worker is not ready."""
        if self._member is None:
            return super().reasons_to_wait()
        group, retry, publisher = self._member
        kafka = publisher.trouble and f"Kafka {publisher.trouble}"
        unassigned = None if group.settled else "no partitions assigned"
        return [reason for reason in (retry.waiting_for, kafka, unassigned, self._notice) if reason]
