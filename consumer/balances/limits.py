"""Limits: a record that is larger than its topic takes waits in the outbox, and its neighbours are published.

Nobody but the broker knows what a topic takes, and it refuses a whole batch. So what it has refused is remembered: of a
topic that refused a batch of several each record goes alone, and what is as large as one that was refused alone is held
back. After a while all is tried again, for somebody may have raised the limit.
"""

import time
from collections.abc import Callable, Sequence

import structlog

from consumer.common import metrics
from consumer.kafka.transactions import BatchTooLarge, Outgoing

log = structlog.get_logger()

RETRY_SECONDS = 30.0
RETRY_AT_MOST_SECONDS = 600.0


class Limits:
    """What the topics have refused, for as long as it is believed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # Topics whose records go one by one.
        self.one_by_one: set[str] = set()
        # Bytes of the smallest record that a topic has refused.
        self._refused: dict[str, int] = {}
        self._pause = RETRY_SECONDS
        self._try_again_at = 0.0

    def refuse(self, refused: BatchTooLarge) -> None:
        """Remember a refusal; say so in the log, where it is that of one record."""
        if not self.one_by_one:
            self._try_again_at = self._clock() + self._pause
        self.one_by_one.add(refused.topic)
        if len(refused.records) > 1:
            return
        (record,) = refused.records
        self._refused[refused.topic] = record.size
        log.warning(
            "Kafka takes no record so large: it waits, others are published. `giftledger check` says which "
            "max.message.bytes its topic needs",
            topic=record.topic,
            certificate_id=record.key.decode(),
            bytes=record.size,
        )

    def fitting(self, records: Sequence[Outgoing]) -> list[bool]:
        """Tell which records are smaller than those that were refused."""
        return [record.size < self._refused.get(record.topic, record.size + 1) for record in records]

    def end_round(self, held: int) -> None:
        """Count what was held back in a round; forget the refusals when it is time to, more seldom each time."""
        metrics.balances_too_large.set(held)
        if not self.one_by_one:
            self._pause = RETRY_SECONDS
        elif self._clock() >= self._try_again_at:
            self._pause = min(2 * self._pause, RETRY_AT_MOST_SECONDS)
            self.one_by_one.clear()
            self._refused.clear()
