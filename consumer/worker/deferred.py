"""Deferred events: those whose rows somebody holds locked wait here, and all others go on.

An event may be applied later than those behind it: the order of arrival does not matter. Its offset holds back the
commit of its partition, so whoever has the partition next fetches it again. A rebalance forgets it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import structlog

from consumer.common import metrics
from consumer.kafka.record import Record
from consumer.kafka.taking import Room
from consumer.worker.group import Group
from consumer.worker.report import Done
from consumer.worker.row_locks import RowLocked
from schemas.events import Entity, Event

log = structlog.get_logger()

TRY_AGAIN_SECONDS = 1.0
# Beyond this the worker waits until rows are free.
MOST = Room(records=1000, bytes=16 * 1024 * 1024)


class Deferred(NamedTuple):
    """An event that waits, and the record that brought it."""

    record: Record
    event: Event


class DeferredEvents:
    """The events of this assignment whose rows are locked."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._revocations = group.revocations
        self._waiting: dict[Entity, list[Deferred]] = {}
        self._room = MOST

    @property
    def is_full(self) -> bool:
        self._forget_what_was_revoked()
        return not self._room.is_left

    def holds(self, entity: Entity) -> bool:
        """Whether an entity's row is known to be locked."""
        self._forget_what_was_revoked()
        return entity in self._waiting

    def defer(self, locked: Sequence[Done]) -> None:
        """Let events wait for their rows."""
        self._forget_what_was_revoked()
        for record, event, _ in locked:
            if isinstance(event, Event):
                self._waiting.setdefault(event.entity, []).append(Deferred(record, event))
        if locked:
            self._changed()
        blockers = {pid for one in locked if isinstance(one.result, RowLocked) for pid in one.result.blockers}
        if blockers:
            count = MOST.records - self._room.records
            log.warning("events wait for locked rows", events=count, blockers=sorted(blockers))

    async def run(self, settle: Callable[[Sequence[Deferred]], Awaitable[bool]]) -> None:
        """Try now and then to settle what waits, an entity's events at a time."""
        while True:
            await asyncio.sleep(TRY_AGAIN_SECONDS)
            self._forget_what_was_revoked()
            for entity in list(self._waiting):
                waiting = tuple(self._waiting.get(entity, ()))
                if waiting and await settle(waiting):
                    self._forget_what_was_revoked()
                    self._forget(entity, waiting)

    def _forget(self, entity: Entity, settled: Sequence[Deferred]) -> None:
        left = [deferred for deferred in self._waiting.pop(entity, ()) if deferred not in settled]
        if left:
            self._waiting[entity] = left
        self._changed()

    def _forget_what_was_revoked(self) -> None:
        if self._revocations != self._group.revocations:
            self._revocations = self._group.revocations
            self._waiting.clear()
            self._changed()

    def _changed(self) -> None:
        self._room = MOST.less(deferred.record for waiting in self._waiting.values() for deferred in waiting)
        metrics.consumer_deferred.set(MOST.records - self._room.records)
