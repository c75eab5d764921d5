"""Verify: what the topics say last of each certificate, beside what the tables say. Nothing is stopped for it.

Publishing goes on meanwhile. So what differs is looked at again, with what the topics say by then; what stands in the
outbox is only on its way.
"""

from collections.abc import Collection
from hashlib import blake2b
from itertools import islice
from typing import NamedTuple

import msgspec
from msgspec import Struct

from consumer.balances.outbox import NO_VERSION, State, read_states
from consumer.balances.record import balance_in
from consumer.books.journal import Key
from consumer.books.rebooking import PAGE, all_certificates
from consumer.common.progress import progress
from consumer.common.settings import Settings
from consumer.kafka.record import Record
from consumer.kafka.scan import Positions, scanning
from consumer.postgres.database import Connection, connect, statement
from schemas.balances import Balance
from schemas.registry import BALANCES, BALANCES_TEST

# Who changes all the time may differ in one look, or in two.
LOOKS = 5


class Difference(Struct, frozen=True):
    """A certificate of which the topics do not say what the tables say."""

    certificate_id: str
    livemode: bool
    what: str


class Verified(Struct, frozen=True):
    """What a look at the topics found."""

    certificates: int
    records: int
    # Certificates that are still to be published, and since when, in seconds; those are not compared.
    behind: int
    behind_seconds: float
    # Certificates of which the topics say nothing.
    unsaid: int
    # Whether anything was ever published.
    is_published: bool
    differing: list[Difference]


async def verify(settings: Settings) -> Verified:
    """Compare the last record of every certificate with its row. Raises Fatal where a topic is missing."""
    topics = Topics(settings)
    connection = await connect(settings)
    try:
        await topics.read_on()
        certificates, unsaid, unseen, differing = 0, 0, set(topics.last), dict[Key, str]()
        with progress("comparing", len(topics.last)) as advance:
            async for keys in all_certificates(connection):
                certificates += len(keys)
                unsaid += sum(key not in topics.last for key in keys)
                unseen.difference_update(keys)
                differing |= await _differing(connection, topics, keys)
                advance(len(keys))
        differing |= await _differing(connection, topics, unseen)
        for _ in range(LOOKS):
            if differing:
                await topics.read_on()
                differing = await _differing(connection, topics, differing)
        ((behind, seconds),) = await connection.fetch(statement("balances/behind"))
        is_published = await connection.fetchval("SELECT EXISTS (SELECT FROM giftcert.balance_topic)")
    finally:
        await connection.close()
    found = [Difference(*key, what) for key, what in sorted(differing.items())]
    return Verified(certificates, topics.records, behind, seconds, unsaid, is_published, found)


async def _differing(connection: Connection, topics: "Topics", keys: Collection[Key]) -> dict[Key, str]:
    """Name the certificates that are not on their way, and of which the topics say something else."""
    differing: dict[Key, str] = {}
    rest = iter(sorted(keys))
    while page := list(islice(rest, PAGE)):
        for state in await read_states(connection, page):
            if state.version is None and (what := _difference(state, topics.last.get(state.key))):
                differing[state.key] = what
    return differing


class Last(NamedTuple):
    """The last record of a certificate: where it is, its version, its state (None where it says that it is no more)."""

    partition: int
    version: int
    digest: bytes | None
    # What is wrong with the records of this certificate themselves.
    wrong: str | None


def _difference(state: State, last: Last | None) -> str | None:
    if last is None:
        return None if state.balance is None else "is not in the topic"
    if last.wrong:
        return last.wrong
    if state.balance is None:
        return None if last.digest is None else f"is in no table, and in the topic (version {last.version})"
    if last.digest is None:
        return "is erased in the topic"
    return None if last.digest == _digest(state.balance) else f"is another one in the topic (version {last.version})"


class Topics:
    """The last record of each certificate, as far as the topics were read."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._livemode = {settings.topic(BALANCES): True, settings.topic(BALANCES_TEST): False}
        self._positions: Positions = {}
        self.last: dict[Key, Last] = {}
        self.records = 0

    @property
    def highest_version(self) -> int:
        """The highest version that was published."""
        return max((last.version for last in self.last.values()), default=NO_VERSION)

    async def read_on(self) -> None:
        """Read what the topics hold by now."""
        async with scanning(self._settings, list(self._livemode), self._positions, committed=True) as scan:
            with progress("reading the topics") as advance:
                async for records in scan.read():
                    for record in records:
                        self._note(record)
                    advance(len(records), total=scan.total)
            self._positions = scan.positions
            self.records += scan.done

    def _note(self, record: Record) -> None:
        key = (record.key or b"").decode(errors="replace"), self._livemode[record.topic]
        before = self.last.get(key)
        version, digest = _read(record)
        wrong = before.wrong if before else None
        if version is None:
            wrong = f"has a record that is no balance, at {record.partition}:{record.offset}"
        elif before and before.partition != record.partition:
            wrong = f"has records in the partitions {before.partition} and {record.partition}"
        elif before and version < before.version:
            wrong = f"has version {version} behind version {before.version}"
        elif before and version > before.version:
            wrong = None  # whatever was before it: this is the newest
        highest = max(version or NO_VERSION, before.version if before else NO_VERSION)
        self.last[key] = Last(record.partition, highest, digest, wrong)


def _read(record: Record) -> tuple[int | None, bytes | None]:
    """Give the version and the digest of a record; no version where it is none of ours."""
    try:
        if record.value is None:
            event_id = dict(record.headers)["ce_id"].decode()
            return int(event_id.rpartition("/")[2]), None
        balance = balance_in(record.value)
    except (KeyError, ValueError):  # of which msgspec's errors are
        return None, None
    return balance.version, _digest(balance)


def _digest(balance: Balance) -> bytes:
    """Say a state in few bytes: certificates may be a million. The version is no part of it."""
    state = msgspec.json.encode(msgspec.structs.replace(balance, version=NO_VERSION))
    return blake2b(state, digest_size=16).digest()
