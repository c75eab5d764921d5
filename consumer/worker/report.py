"""Report: what is done is counted, and logged: no line a record; a batch that ends the worker, by its place."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import structlog

from consumer.apply.decode import Decoded
from consumer.common import metrics
from consumer.kafka.record import Record
from consumer.worker.group import Moved, Stopped
from consumer.worker.trace import traced
from schemas.events import Event, Outcome

log = structlog.get_logger()

MINUTE_SECONDS = 60.0


class Done(NamedTuple):
    """A record that is done with: what it was decoded to, and what became of it."""

    record: Record
    decoded: Decoded
    result: Outcome | Exception


class Report:
    """Counts what is done, and logs it: a batch with dead letters as one wide event, all others once a minute."""

    def __init__(self) -> None:
        self._sums: Counter[str] = Counter()
        self._logged_at = -MINUTE_SECONDS

    def __call__(self, batch: Sequence[Done], seconds: float) -> None:
        """Count a batch that took so many seconds, and log it."""
        outcomes = _count(batch, seconds)
        metrics.batch_size.observe(len(batch))
        write = log.info if outcomes["dead_lettered"] else log.debug
        traces = traced([one.record for one in batch])
        write("batch applied", records=len(batch), seconds=round(seconds, 4), **outcomes, **traces)
        self._sums.update(outcomes, records=len(batch), batches=1)
        if time.monotonic() - self._logged_at >= MINUTE_SECONDS:
            self._logged_at = time.monotonic()
            log.info("applied since", **self._sums)
            self._sums.clear()


def _count(batch: Sequence[Done], seconds: float) -> Counter[str]:
    """Enter a batch into the metrics; give the number of records by outcome."""
    now = time.time()
    counts: Counter[tuple[str, str]] = Counter()
    ages: dict[str, list[float]] = {}
    changed: set[str] = set()
    for record, event, result in batch:
        counts[record.topic, "dead_lettered" if isinstance(result, Exception) else result] += 1
        if isinstance(event, Event):
            ages.setdefault(record.topic, []).append(max(0.0, now - event.received_at.timestamp()))
            if result is Outcome.APPLIED:
                changed.add(event.entity.family.name)
    outcomes: Counter[str] = Counter()
    for (topic, outcome), count in counts.items():
        outcomes[outcome] += count
        metrics.messages_consumed.labels(topic).inc(count)
        metrics.messages_processed.labels(topic, outcome).inc(count)
        metrics.observe_all(metrics.message_process_duration.labels(topic), [seconds] * count)
    for topic, of_topic in ages.items():
        metrics.observe_all(metrics.event_age.labels(topic), of_topic)
    for entity in changed:
        metrics.projection_last_applied.labels(entity).set(now)
    return outcomes


@contextmanager
def naming(records: Sequence[Record]) -> Iterator[None]:
    """Log which records a process was at that ends over them."""
    try:
        yield
    except (Stopped, Moved):
        raise
    except Exception as error:
        log.error("worker ends", error=type(error).__name__, records=_places(records))  # noqa: TRY400 - it is raised
        raise


def _places(records: Sequence[Record]) -> list[str]:
    """Give topic, partition, first and last offset of records, in a line a partition."""
    offsets: dict[tuple[str, int], list[int]] = {}
    for record in records:
        offsets.setdefault((record.topic, record.partition), []).append(record.offset)
    return [f"{topic} {partition}:{min(at)}-{max(at)}" for (topic, partition), at in sorted(offsets.items())]
