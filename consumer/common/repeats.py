"""Repeats: what lasts is said once a minute, with how often it happened meanwhile, by us and by the libraries.

While Kafka is away aiokafka alone writes 90 lines a second. With LOG_LEVEL=debug everything is written as it comes.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

import structlog

from consumer.common.errors import Verdict, database_verdict, kafka_verdict

log = structlog.get_logger()

MINUTE_SECONDS = 60.0
# What makes two warnings the same: what happened, where, and why.
KEY = ("event", "stage", "reason", "detail")
# Warnings that are told apart within a minute; whatever comes beyond counts as one more of its event.
MOST = 200
# These say nothing but that the other side is away, or what they raise as well.
TALKATIVE = ("aiokafka", "asyncpg")


class Repeats:
    """A processor of structlog: lets each warning through once a minute. Errors and what is no trouble always pass."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # When a warning was written, and how often it was left out since.
        self._written: dict[tuple[object, ...], tuple[float, int]] = {}

    def __call__(self, _: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        """Add how often the warning was left out. Raises DropEvent to leave it out."""
        if method != "warning":
            return event
        key, now = self._key(event), self._clock()
        written_at, left_out = self._written.get(key, (now - MINUTE_SECONDS, 0))
        if now - written_at < MINUTE_SECONDS:
            self._written[key] = written_at, left_out + 1
            raise structlog.DropEvent
        self._written[key] = now, 0
        return {**event, "repeated": left_out} if left_out else event

    def _key(self, event: structlog.typing.EventDict) -> tuple[object, ...]:
        key = tuple(event.get(name) for name in KEY)
        if key not in self._written and len(self._written) >= MOST:
            now = self._clock()
            self._written = {key: seen for key, seen in self._written.items() if now - seen[0] < MINUTE_SECONDS}
            if len(self._written) >= MOST:
                return (event["event"],)
        return key


class LibraryTrouble(logging.Filter):
    """A filter of logging: what a library says of a way that is cut becomes a warning of ours, once a minute.

    A traceback that says anything else passes.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        library = record.name.partition(".")[0]
        error = record.exc_info[1] if record.exc_info else None
        if not (_is_trouble(error) if error else library in TALKATIVE):
            return True
        log.warning("a library has trouble", reason=library, latest=record.getMessage())
        return False


def _is_trouble(error: BaseException) -> bool:
    return Verdict.TRANSIENT in {kafka_verdict(error), database_verdict(error)}
