"""Inbox: what Kafka has sent is taken at once, decoded, and waits here until the worker takes it.

aiokafka asks a broker for nothing while something that it fetched waits to be taken. So a task of its own takes all
that comes, whatever the worker is at, up to as much as one batch may hold: in records, and in bytes after
decompression. Beyond that the records wait at the broker. A rebalance forgets what waits: it comes again.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from consumer.apply.decode import Decoded, decoded
from consumer.common.bounds import pause
from consumer.kafka.record import Record
from consumer.kafka.taking import AT_ONCE, Room
from consumer.worker.group import Group

POLL_SECONDS = 0.5
# As many events as are decoded in a fraction of a millisecond: a transaction has a dozen steps, and each waits for it.
DECODED_AT_ONCE = 8
# A batch of at least one in so many of the most records shows a backlog.
BACKLOG_SHARE = 4
# Who takes nothing for five minutes is thrown out of the group. So long may the worker leave the inbox full; then its
# partitions are paused and polled, which costs what aiokafka has fetched of them.
FULL_SECONDS = 10.0


class Arrived(NamedTuple):
    """A record, and what it was decoded to."""

    record: Record
    decoded: Decoded


class Inbox:
    """What has come and is not in the worker's hands yet: its next batch."""

    def __init__(self, group: Group, most: Room) -> None:
        self.behind = False
        self._group = group
        self._most = most
        self._waiting: list[Arrived] = []
        self._room = most
        self._revocations = group.revocations
        # All that is here was taken of Kafka, or there is no room for more.
        self._drained = asyncio.Event()
        self._freed = asyncio.Event()

    async def take(self, seconds: float) -> Sequence[Arrived]:
        """Take all that waits in hand; nothing when there is none within ``seconds``, or when asked to stop."""
        self._group.beat()
        self._forget_what_was_revoked()
        if not self._waiting:
            self._drained.clear()
            await pause(seconds, self._drained, self._group.stop)
            self._forget_what_was_revoked()
        batch, self.behind = self._waiting, self._is_backlog
        self._empty()
        self._group.hold()
        return batch

    async def drain(self) -> None:
        """Take what comes, for ever. Raises what no retry can cure."""
        while True:
            await self._until_there_is_room()
            records = await self._group.poll(POLL_SECONDS, self._at_once)
            while records:
                await self._put(records)
                records = await self._group.poll(0, self._at_once) if self._room.is_left else []
            self._drained.set()

    @property
    def _at_once(self) -> int:
        return min(AT_ONCE, self._room.records)

    async def _until_there_is_room(self) -> None:
        if self._room.is_left:
            return
        while not self._room.is_left:
            self._freed.clear()
            await pause(FULL_SECONDS, self._freed)
            self._forget_what_was_revoked()
            if not self._room.is_left:
                # There are some if an assignment came between pause and poll.
                await self._put(await self._group.poll_paused(AT_ONCE))
        self._group.resume()

    async def _put(self, records: Sequence[Record]) -> None:
        """Decode what came of the present assignment, and let a transaction that goes on take its turn meanwhile."""
        self._forget_what_was_revoked()
        self._group.progress.arrived(records)
        revocations = self._revocations
        for start in range(0, len(records), DECODED_AT_ONCE):
            few = records[start : start + DECODED_AT_ONCE]
            self._waiting += [Arrived(record, decoded(record)) for record in few]
            self._room = self._room.less(few)
            await asyncio.sleep(0)
            if revocations != self._group.revocations:
                return

    @property
    def _is_backlog(self) -> bool:
        left = min(self._room.records / self._most.records, self._room.bytes / self._most.bytes)
        return left <= 1 - 1 / BACKLOG_SHARE

    def _forget_what_was_revoked(self) -> None:
        if self._revocations != self._group.revocations:
            self._revocations = self._group.revocations
            self._empty()

    def _empty(self) -> None:
        self._waiting, self._room = [], self._most
        self._freed.set()
