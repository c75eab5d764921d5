"""Unfinished: what is in the topics and not in the books. One worker notes it as exceptions, beside the stream.

Dead letters that are open, and partitions whose next record waits. What is noted neither counts nor measures: it stays
the same from look to look, so that it can be acknowledged.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import asyncpg
import structlog
from aiokafka.errors import KafkaError

from consumer.books.exceptions import Severity
from consumer.common.bounds import running
from consumer.common.errors import THE_WAY_THERE, Fatal
from consumer.common.settings import Settings
from consumer.kafka.committed import committed_offsets
from consumer.kafka.scan import Positions, scanning
from consumer.kafka.topics import partitions_of
from consumer.letters.letters import Letter, letter_of
from consumer.letters.open_letters import Identity, applied_since, identity
from consumer.postgres.database import Connection, Pool, statement
from schemas.registry import DEAD_LETTER, FAMILIES

log = structlog.get_logger()

INTERVAL_SECONDS = 60.0
LOOK_TIMEOUT_SECONDS = 300.0
# A record that waits for longer is noted.
LATE_SECONDS = 60.0
# So many open letters are held and noted, the oldest; the others when these are settled.
MOST_LETTERS = 1000


class Noted(NamedTuple):
    """An exception of a topic. ``observed`` tells it from others of its rule; ``place`` is partition:offset."""

    rule: str
    topic: str
    livemode: bool
    place: str
    observed: str
    expected: str


async def watch_unfinished(
    settings: Settings, pool: Pool, is_mine: Callable[[], bool], *, interval: float = INTERVAL_SECONDS
) -> None:
    """Look every ``interval`` seconds while ``is_mine``; for ever. A failure is logged, not raised."""
    letters = OpenLetters(settings)
    while True:
        await asyncio.sleep(interval)
        if not is_mine():
            letters = OpenLetters(settings)
            continue
        # In a task of its own: a consumer that stops may leak CancelledError, which must not end the worker.
        async with running(look(settings, pool, letters)) as (looking,):
            await asyncio.wait({looking}, timeout=LOOK_TIMEOUT_SECONDS)
            if reason := _failure(looking):
                log.warning("topics not looked at", error=reason)


def _failure(looking: "asyncio.Task[None]") -> str | None:
    """Say why a look came to nothing. Raises what is no matter of the way there."""
    if not looking.done() or looking.cancelled():
        return "not done in time" if not looking.done() else "cancelled"
    error = looking.exception()
    if error is not None and not isinstance(error, (Fatal, KafkaError, asyncpg.PostgresError, *THE_WAY_THERE)):
        raise error
    return type(error).__name__ if error else None


async def look(settings: Settings, pool: Pool, letters: "OpenLetters") -> None:
    """Note what is unfinished now, and take back what no longer is."""
    await letters.read()
    waiting = await waiting_records(settings)
    async with pool.acquire() as connection:
        await _note(connection, await letters.open(connection) + waiting)


async def unfinished(settings: Settings, connection: Connection) -> list[Noted]:
    """Find what is unfinished now, and note nothing: what is noted may be a minute old. Raises Fatal and KafkaError."""
    return await OpenLetters(settings).all_open(connection) + await waiting_records(settings)


async def waiting_records(settings: Settings) -> list[Noted]:
    """Find the partitions whose next record has waited for too long: of live or test traffic, nobody has read it."""
    topics = [settings.topic(family.topic) for family in FAMILIES]
    committed = await committed_offsets(settings, await partitions_of(settings, topics))
    if not committed:
        return []
    async with scanning(settings, topics, committed, only_first=True) as scan:
        first = await scan.first_records()
    return [
        Noted(
            "not_applied_yet",
            partition.topic,
            livemode,
            f"{partition.partition}:{record.offset}",
            f"partition {partition.partition}",
            "each record applied within a minute",
        )
        for partition, record in sorted(first.items())
        if record.timestamp / 1000 < time.time() - LATE_SECONDS
        for livemode in (True, False)
    ]


class OpenLetters:
    """The dead letters that are open. The topic is read once: each look goes on where the last one stopped."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = settings.topic(DEAD_LETTER)
        self._positions: Positions = {}
        self._open: dict[str, tuple[Identity, list[Noted]]] = {}
        # Those whose replay died again: the newest letter stands for its lineage.
        self._replayed: set[str] = set()

    async def read(self) -> None:
        """Read the letters that came since, as long as there is room for them. Raises Fatal and KafkaError."""
        if len(self._open) >= MOST_LETTERS:
            return
        async with scanning(self._settings, [self._topic], self._positions) as scan:
            async for records in scan.read():
                for record in records:
                    self._add(letter_of(record))
                if len(self._open) >= MOST_LETTERS:
                    break
            self._positions = scan.positions

    def _add(self, letter: Letter) -> None:
        if letter.replayed_from:
            self._replayed.add(letter.replayed_from)
            self._open.pop(letter.replayed_from, None)
        if letter.place not in self._replayed:
            whose = identity(letter)
            self._open[letter.place] = whose, self._noted(letter, whose)

    def _noted(self, letter: Letter, whose: Identity) -> list[Noted]:
        """Say it of live or test traffic, of both where the letter does not."""
        observed, expected = f"{letter.error}: {letter.source}", "every record applied"
        return [
            Noted("dead_letters_open", self._topic, livemode, letter.place, observed, expected)
            for livemode in ((True, False) if whose.livemode is None else (whose.livemode,))
        ]

    async def all_open(self, connection: Connection) -> list[Noted]:
        """Read to the end, or until there is no room for more that are open; give what is to be noted of them."""
        while True:
            await self.read()
            is_at_end = len(self._open) < MOST_LETTERS
            found = await self.open(connection)
            if is_at_end or len(self._open) >= MOST_LETTERS:
                return found

    async def open(self, connection: Connection) -> list[Noted]:
        """Forget the letters that were applied since, and give what is to be noted of the others."""
        for place in await applied_since(connection, {place: whose for place, (whose, _) in self._open.items()}):
            del self._open[place]
        return [noted for _, all_noted in self._open.values() for noted in all_noted]


async def _note(connection: Connection, found: Sequence[Noted]) -> None:
    columns = [[row[column] for row in found] for column in range(len(Noted._fields))]
    async with connection.transaction():
        # Of two workers that look, while partitions move, one waits for the other.
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('giftledger unfinished'))")
        await connection.execute(statement("books/note_topics"), *columns, Severity.ERROR.value)
