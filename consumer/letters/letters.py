"""Letters: the dead-letter topic as an operator reads it.

A dead letter is named by its place in the dead-letter topic, ``partition:offset``.
"""

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from msgspec import Struct

from consumer.common.settings import Settings
from consumer.kafka.record import Record
from consumer.kafka.scan import scanning
from consumer.letters.dead_letters import PREFIX
from schemas.fields import EPOCH
from schemas.registry import DEAD_LETTER

# Where a replayed record came from; a worker does not care, a reader may.
REPLAYED_FROM = "replayed-from"


class Letter(Struct, frozen=True):
    """A dead letter as an operator sees it."""

    record: Record
    headers: dict[str, str]

    @property
    def place(self) -> str:
        return f"{self.record.partition}:{self.record.offset}"

    @property
    def replayed_from(self) -> str | None:
        """The place of the letter whose replay died as this one; with its topic, if it lay in another one."""
        origin = self.headers.get(REPLAYED_FROM)
        return origin and origin.removeprefix(f"{self.record.topic}/")

    @property
    def died_at(self) -> datetime:
        return EPOCH + timedelta(milliseconds=self.record.timestamp)

    @property
    def topic(self) -> str:
        return self.headers.get(f"{PREFIX}topic", "")

    @property
    def source(self) -> str:
        """The record that died, by its topic and place."""
        return f"{self.topic} {self.headers.get(f'{PREFIX}partition')}:{self.headers.get(f'{PREFIX}offset')}"

    @property
    def error(self) -> str:
        """The exception's class: its message may quote a person's data."""
        return self.headers.get(f"{PREFIX}exception.class.name", "").rpartition(".")[2]

    @property
    def reason(self) -> str:
        """The exception's class and message."""
        return f"{self.error}: {self.headers.get(f'{PREFIX}exception.message', '')}"

    @property
    def kind_of_reason(self) -> str:
        """The reason without what differs from record to record, to count by."""
        return re.sub(r"\d+", "…", self.reason)


class Filter(Struct, frozen=True):
    """Which dead letters are meant; what is not given does not restrict."""

    places: frozenset[str] = frozenset()
    topic: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def matches(self, letter: Letter) -> bool:
        return (
            (not self.places or letter.place in self.places)
            and (self.topic is None or letter.topic == self.topic)
            and (self.reason is None or self.reason.casefold() in letter.reason.casefold())
            and (self.since is None or letter.died_at >= self.since)
            and (self.until is None or letter.died_at < self.until)
        )


async def dead_letters(settings: Settings, wanted: Filter) -> AsyncIterator[Letter]:
    """Read the dead letters that match, partition by partition in their order."""
    async with scanning(settings, [settings.topic(DEAD_LETTER)]) as scan:
        async for records in scan.read():
            for record in records:
                letter = letter_of(record)
                if wanted.matches(letter):
                    yield letter


def letter_of(record: Record) -> Letter:
    """Read a record of the dead-letter topic."""
    return Letter(record, {name: value.decode(errors="replace") for name, value in record.headers})
