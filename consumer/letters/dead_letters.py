"""Dead letters: what a worker could not apply, kept with its original bytes, headers, and the reason.

The headers follow Kafka Connect's, so that tools which read dead letters read ours.
"""

import re
from collections import Counter, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import asyncpg
from msgspec import Struct

from consumer.common import metrics
from consumer.common.errors import CodeError, Fatal
from consumer.common.settings import Settings
from consumer.kafka.batcher import acknowledged
from consumer.kafka.publisher import Publisher
from consumer.kafka.record import Record
from schemas.registry import DEAD_LETTER, Malformed

if TYPE_CHECKING:
    from schemas.events import Event

# What a header may hold of a reason: enough to read, not enough to fill the topic.
MAX_REASON = 1000
# How many of the last records the limit looks at.
WINDOW = 1000

PREFIX = "__connect.errors."

# Kafka Connect's names of the stages, and the metric's reasons.
DECODE = "VALUE_CONVERTER"
APPLY = "TASK_PUT"
_REASONS = {DECODE: "undecodable", APPLY: "refused_by_database"}
_OUR_OWN = "code_error"


class DeadLetter(Struct, frozen=True):
    """A record that will not do, at which stage, and why."""

    record: Record
    stage: str
    error: Exception

    @property
    def reason(self) -> str:
        """The metric's label."""
        return _OUR_OWN if isinstance(self.error, CodeError) else _REASONS[self.stage]

    def headers(self) -> list[tuple[str, bytes]]:
        """Give the original headers and, behind them, the reason."""
        error = type(self.error)
        reason = {
            "topic": self.record.topic,
            "partition": str(self.record.partition),
            "offset": str(self.record.offset),
            "stage": self.stage,
            "exception.class.name": f"{error.__module__}.{error.__qualname__}",
            "exception.message": str(self.error)[:MAX_REASON],
        }
        ours = [(f"{PREFIX}{name}", value.encode(errors="replace")) for name, value in reason.items()]
        return [*self.record.headers, *ours]


class Refusal(NamedTuple):
    """Why a record will not do, without what differs from record to record, and where it lies."""

    reason: str
    place: str

    @classmethod
    def of(cls, source: "Record | Event", error: Exception) -> "Refusal":
        """Describe a refusal for the log: of what a database says only the class, for it may quote a person's data."""
        reason = type(error).__name__
        if isinstance(error, CodeError):
            reason += f": {error}"
        elif isinstance(error, Malformed):
            reason += f": {re.sub('[0-9]+', '…', str(error))[:MAX_REASON]}"
        elif isinstance(error, asyncpg.PostgresError) and error.constraint_name:
            reason += f" ({error.constraint_name})"
        return cls(reason, f"{source.topic} {source.partition}:{source.offset}")


class DeadLetterLimit:
    """Stops the worker when too many records will not do: then it is the worker that is wrong, not they."""

    def __init__(self, settings: Settings) -> None:
        self._max_count = settings.dead_letter_max_count
        self._max_ratio = settings.dead_letter_max_ratio
        self._window: deque[Refusal | None] = deque(maxlen=WINDOW)

    def note(self, refusals: Sequence[Refusal | None]) -> None:
        """Count records, in their order, by whether they were refused. Raises Fatal when both limits are passed."""
        self._window.extend(refusals)
        refused = [refusal for refusal in self._window if refusal]
        count = len(refused)
        metrics.dead_letters_window.set(count)
        if any(refusals) and count > self._max_count and count > self._max_ratio * len(self._window):
            ((reason, times),) = Counter(refusal.reason for refusal in refused).most_common(1)
            place = next(refusal.place for refusal in refused if refusal.reason == reason)
            raise Fatal(
                f"{count} of the last {len(self._window)} records would be dead letters, {times} of them for this "
                f"reason: {reason}. One is {place}. The last batch was neither sent nor committed. If the worker is "
                "wrong, deploy the right one: it starts where this one stopped. If the records are, start it with "
                "DEAD_LETTER_MAX_RATIO=1."
            )


class DeadLetters:
    """The way to the dead-letter topic."""

    def __init__(self, settings: Settings, publisher: Publisher) -> None:
        self._topic = settings.topic(DEAD_LETTER)
        self._deadline = settings.publish_deadline_seconds
        self._publisher = publisher

    async def publish(self, letters: list[DeadLetter]) -> None:
        """Return when Kafka has them all. Raises Unavailable; to send them twice does no harm."""
        sending = [
            self._publisher.send(
                self._topic, key=letter.record.key, value=letter.record.value, headers=letter.headers()
            )
            for letter in letters
        ]
        for letter, sent in zip(letters, sending, strict=True):
            await acknowledged(sent, self._deadline)
            metrics.dead_letters.labels(letter.record.topic, letter.reason).inc()
