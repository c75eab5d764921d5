"""Verdict: what the topics and the tables hold in the end, against what the sender was promised.

Partition by partition, because an entity lives in one: what a long run leaves behind does not fit into memory at once.
"""

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from consumer.balances.verify import verify as verify_balances
from consumer.common.settings import Settings
from consumer.kafka.options import consumer_options, reader_options
from consumer.operate.verify import verify
from consumer.postgres.database import SCHEMA, Connection, statement
from schemas.definitions import DEFINITIONS
from schemas.registry import DEAD_LETTER, FAMILIES
from tests.applying import CONVERGING
from tests.e2e.nemesis.sender import Books
from tests.reference import Currencies, Delivery, Row, first_currencies, reference

KEYS = {
    "certificate": "certificate_id",
    "certificate_document": "certificate_id",
    "certificate_history": "certificate_id",
    "definition": "definition_id",
}
SHOWN = 10
_DIFFERENT_SUMS = """
    SELECT certificate_id, livemode, balance, deleted, booked
    FROM certificate
    FULL JOIN (
        SELECT certificate_id, livemode, sum(change) AS booked FROM journal GROUP BY certificate_id, livemode
    ) AS books USING (certificate_id, livemode)
    WHERE booked IS DISTINCT FROM CASE WHEN deleted THEN 0 ELSE balance END
"""
ATTEMPT = "attempt-id"


@dataclass
class Verdict:
    """The figures, and everything that should not be."""

    records: int = 0  # of the families' topics
    attempts: int = 0  # distinct, of these
    applied: int = 0  # rows of the ledger
    dead_letters: int = 0
    lost: int = 0
    doubled: int = 0
    balances: int = 0  # certificates whose balance is in the topics
    late: int = 0  # refused, delivered all the same
    wrong: list[str] = field(default_factory=list)

    @property
    def duplicates(self) -> int:
        """Records that brought nothing new, and were absorbed."""
        return self.records - self.attempts

    def accuse(self, what: str, culprits: Iterable[object]) -> int:
        """Note what is wrong; give how many are."""
        some = list(culprits)
        if some:
            self.wrong.append(f"{what}: {len(some)}, such as {some[:SHOWN]}")
        return len(some)


async def lag(settings: Settings) -> int:
    """Count the records that the group has not committed yet."""
    consumer = AIOKafkaConsumer(**consumer_options(settings))
    await consumer.start()
    try:
        partitions = await _partitions(consumer, settings, [family.topic for family in FAMILIES])
        ends = await consumer.end_offsets(partitions)
        done = sum([await consumer.committed(partition) or 0 for partition in partitions])
        return int(sum(ends.values()) - done)
    finally:
        await consumer.stop()


async def open_tasks(settings: Settings) -> int:
    """Count what a worker still has to book again."""
    connection = await asyncpg.connect(settings.database, server_settings={"search_path": SCHEMA})
    try:
        return len(await connection.fetch(statement("books/open_tasks")))
    finally:
        await connection.close()


async def unpublished(settings: Settings) -> int:
    """Count the certificates whose balance is still to be published."""
    connection = await asyncpg.connect(settings.database, server_settings={"search_path": SCHEMA})
    try:
        return int(await connection.fetchval("SELECT count(*) FROM balance_outbox"))
    finally:
        await connection.close()


async def judge(settings: Settings, books: Books) -> Verdict:
    """Compare what was promised, what is in the topics, and what is in the tables."""
    verdict = Verdict()
    connection = await asyncpg.connect(settings.database, server_settings={"search_path": SCHEMA})
    consumer = AIOKafkaConsumer(**reader_options(settings))
    await consumer.start()
    try:
        ledger = {row[0] for row in await connection.fetch("SELECT attempt_id FROM webhook_attempt")}
        delivered: set[str] = set()
        compared = 0
        currencies = first_currencies(_deliveries(await _records(consumer, settings, DEFINITIONS.topic), books))
        for partition in await _partitions(consumer, settings, [family.topic for family in FAMILIES]):
            records = await _read(consumer, partition)
            verdict.records += len(records)
            delivered.update(_header(record, ATTEMPT) for record in records)
            compared += await _compare(connection, verdict, books, records, currencies)
        letters = await _attempts(consumer, settings, DEAD_LETTER)
        unrouted = await _attempts(consumer, settings, "unrouted")
        verdict.accuse("books whose sum is not the balance", await connection.fetch(_DIFFERENT_SUMS))
        rows = sum([await connection.fetchval(f"SELECT count(*) FROM {table}") for table in KEYS])  # noqa: S608
    finally:
        await consumer.stop()
        await connection.close()
    verified = await verify(settings, mend=False)
    verdict.accuse("books that are not what their history comes to", verified.differing)
    verdict.accuse("totals that are not what the lines come to", verified.totals)
    verdict.accuse("time zones that are marked in vain, or not", verified.zones)
    verdict.accuse("rebooking tasks that no worker did", range(verified.open_tasks))
    published = await verify_balances(settings)
    verdict.accuse("balances that the topics do not say", published.differing)
    verdict.accuse("balances that nobody published", range(published.behind))
    verdict.balances = published.certificates
    verdict.attempts, verdict.applied, verdict.dead_letters = len(delivered), len(ledger), len(letters)
    verdict.late = len(books.unacknowledged & ledger)
    verdict.lost += verdict.accuse("acknowledged, and not applied", books.acknowledged - ledger)
    verdict.lost += verdict.accuse("delivered, and not applied", delivered - books.undecodable - ledger)
    verdict.accuse("applied, and never sent", ledger - books.sent.keys())
    verdict.accuse("refused for good, and applied", books.unauthentic & ledger)
    verdict.accuse("refused for good, and delivered", books.unauthentic & delivered)
    verdict.accuse("dead letters that are none", letters - books.undecodable)
    verdict.lost += verdict.accuse("undecodable, and no dead letter", books.undecodable - letters)
    verdict.lost += verdict.accuse("unrouted, and nowhere", books.unrouted - unrouted)
    verdict.doubled += verdict.accuse("rows that no webhook explains", range(rows - compared))
    verdict.accuse("answers that are wrong", books.surprises)
    return verdict


async def _compare(
    connection: Connection, verdict: Verdict, books: Books, records: Sequence[Any], currencies: Currencies
) -> int:
    """Compare the rows of a partition's entities with the reference model; give the number of rows."""
    decodable = _decodable(records, books)
    changed = [
        _header(record, ATTEMPT)
        for record in decodable
        if books.sent.get(_header(record, ATTEMPT)) != hash(record.value)
    ]
    verdict.accuse("not the bytes that were sent", changed)
    expected = reference(_deliveries(decodable, books), currencies)
    compared = 0
    for table, key in KEYS.items():
        wanted = {_identity(table, row): row for row in expected[table]}
        ids = sorted({identity[0] for identity in wanted})
        columns, _ = CONVERGING[table]
        rows = await connection.fetch(f"SELECT {columns} FROM {table} WHERE {key} = ANY ($1)", ids)  # noqa: S608
        found = {_identity(table, row): _plain(row) for row in rows}
        compared += len(found)
        verdict.lost += verdict.accuse(f"missing from {table}", wanted.keys() - found.keys())
        verdict.doubled += verdict.accuse(f"too much in {table}", found.keys() - wanted.keys())
        verdict.accuse(
            f"different in {table}",
            [identity for identity in wanted.keys() & found.keys() if wanted[identity] != found[identity]],
        )
    return compared


def _identity(table: str, row: Any) -> tuple[Any, ...]:
    identity = (row[KEYS[table]], row["livemode"])
    return (*identity, row["event_id"]) if table.endswith("history") else identity


def _plain(record: asyncpg.Record) -> Row:
    row = dict(record)
    if row.get("data") is not None:
        row["data"] = json.loads(row["data"])
    return row


def _decodable(records: Iterable[Any], books: Books) -> list[Any]:
    return [record for record in records if _header(record, ATTEMPT) not in books.undecodable]


def _deliveries(records: Iterable[Any], books: Books) -> list[Delivery]:
    return [
        Delivery(json.loads(record.value), datetime.fromisoformat(_header(record, "received-at")))
        for record in _decodable(records, books)
    ]


def _header(record: Any, name: str) -> str:
    return next((value.decode() for key, value in record.headers if key == name), "")


async def _attempts(consumer: AIOKafkaConsumer, settings: Settings, topic: str) -> set[str]:
    return {_header(record, ATTEMPT) for record in await _records(consumer, settings, topic)}


async def _records(consumer: AIOKafkaConsumer, settings: Settings, topic: str) -> list[Any]:
    partitions = await _partitions(consumer, settings, [topic])
    return [record for partition in partitions for record in await _read(consumer, partition)]


async def _partitions(consumer: AIOKafkaConsumer, settings: Settings, topics: Sequence[str]) -> list[TopicPartition]:
    metadata = await consumer._client.fetch_all_metadata()  # noqa: SLF001 - there is no public way without a subscription
    return [
        TopicPartition(name, number)
        for name in map(settings.topic, topics)
        for number in sorted(metadata.partitions_for_topic(name) or ())
    ]


async def _read(consumer: AIOKafkaConsumer, partition: TopicPartition) -> list[Any]:
    """Read a partition from its beginning to its end."""
    consumer.assign([partition])
    consumer.seek(partition, 0)
    end = (await consumer.end_offsets([partition]))[partition]
    records: list[Any] = []
    async with asyncio.timeout(60 + end / 1000):
        while await consumer.position(partition) < end:
            for some in (await consumer.getmany(timeout_ms=1000, max_records=10_000)).values():
                records.extend(some)
    return records
