"""Closing in tests: records on a broker, applied as they are, and months that are prepared, cut and signed."""

import asyncio
import dataclasses
import json
import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition

from consumer.apply.apply import apply
from consumer.apply.attempts import settle_dead_letters
from consumer.apply.decode import decoded
from consumer.books.rebooking import run_tasks
from consumer.close import store
from consumer.close.findings import look_at_topics
from consumer.close.month import Period
from consumer.close.prepare import Outlook, look_at
from consumer.close.prepare import cut as cut_month
from consumer.close.prepare import prepare as prepare_months
from consumer.close.sign import sign
from consumer.close.signed.keys import read_public
from consumer.close.verify.check import Finding
from consumer.close.verify.database import verify_close
from consumer.common.settings import Settings
from consumer.ingress.signature import sign as sign_webhook
from consumer.kafka.options import producer_options
from consumer.kafka.scan import scanning
from consumer.letters.dead_letters import DeadLetter
from consumer.postgres.database import Connection, Pool
from consumer.worker.unfinished import unfinished
from deploy.local.waiting import PATIENT_SECONDS
from schemas.events import Event
from schemas.registry import DEAD_LETTER, FAMILIES, route
from tests.builders import encode

KEY = "a-signing-key"
JUNE, JULY = date(2026, 6, 1), date(2026, 7, 1)


def private_key(folder: Path, name: str) -> Path:
    """Make a key as the runbook says, and add its public half to the file of those to be trusted."""
    key = folder / f"{name}.pem"
    _openssl("genpkey", "-algorithm", "ed25519", "-out", str(key))
    public = _openssl("pkey", "-in", str(key), "-pubout")
    with (folder / "keys.pem").open("a", encoding="utf-8") as keys:
        keys.write(f"{name}\n{public}")
    return key


def _openssl(*arguments: str) -> str:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=True, env=os.environ)  # noqa: S603, S607
    return done.stdout


def on(day: date, **envelope: Any) -> dict[str, Any]:
    """Give what builders take of an event that happened at noon of a day."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return {
        "updated": None,
        "updatedAt": {"value": noon.isoformat(), "offset": 0},
        "envelope": {"created": int(noon.timestamp()), **envelope},
    }


async def publish(settings: Settings, bodies: Sequence[dict[str, Any]], *, forged: bool = False, **record: Any) -> None:
    """Put webhooks into their topics, as the ingress does; or such as the sender did not sign."""
    producer = AIOKafkaProducer(**producer_options(settings))
    await producer.start()
    try:
        for body in bodies:
            value = encode(body)
            routed = route(value)
            headers = [
                ("received-at", datetime.now(UTC).isoformat(timespec="milliseconds").encode()),
                ("signature", sign_webhook(KEY, b"another" if forged else value, body["created"]).encode()),
            ]
            await producer.send_and_wait(
                settings.topic(routed.topic), value, key=routed.key.encode(), headers=headers, **record
            )
    finally:
        await producer.stop()


class Applied:
    """Applies what is new in the topics, in one batch; some of it may die instead."""

    def __init__(self, settings: Settings, connections: Pool) -> None:
        self.settings = settings
        self.connections = connections
        self.positions: dict[TopicPartition, int] = {}

    async def catch_up(
        self, dying: Sequence[str] = (), altered: tuple[bytes, bytes] = (b"", b""), *, letters: bool = False
    ) -> None:
        """Apply records, but those of the attempts ``dying``, which die; with ``letters`` there are letters of them.

        With ``altered`` a piece of each body is applied as another one: then the books say something else.
        """
        topics = [self.settings.topic(family.topic) for family in FAMILIES]
        records = []
        async with scanning(self.settings, topics, self.positions) as scan:
            async for batch in scan.read():
                records += batch
            self.positions = dict(scan.positions)
        events, dead = [], []
        for record in records:
            event = decoded(dataclasses.replace(record, value=(record.value or b"").replace(*altered)))
            if isinstance(event, Event) and event.attempt_id not in dying:
                events.append(event)
            else:
                dead.append(record)
        if events:
            async with self.connections.acquire() as connection:
                await apply(connection, events)
        if letters:
            await self._publish([DeadLetter(record, "decode", ValueError("a test")) for record in dead])
        await settle_dead_letters(self.connections, dead)
        await run_tasks(self.connections)

    async def _publish(self, letters: Sequence[DeadLetter]) -> None:
        producer = AIOKafkaProducer(**producer_options(self.settings))
        await producer.start()
        try:
            for letter in letters:
                await producer.send_and_wait(
                    self.settings.topic(DEAD_LETTER), letter.record.value, headers=letter.headers()
                )
        finally:
            await producer.stop()


async def prepare(
    connection: Connection,
    settings: Settings,
    period: Period,
    *,
    by: str,
    rules: Sequence[str] = (),
    because: Sequence[str] = (),
) -> Outlook:
    """Prepare one month, as the command does."""
    topics = await look_at_topics(connection, settings, period.month, unfinished)
    outlook = await look_at(connection, settings, period, topics, rules=rules, because=because)
    await prepare_months(connection, [outlook], by=by, rules=rules)
    return outlook


async def cut(connection: Connection, settings: Settings, period: Period, *, by: str, wait_seconds: float) -> Outlook:
    topics = await look_at_topics(connection, settings, period.month, unfinished)
    return await cut_month(connection, settings, period, topics, by=by, wait_seconds=wait_seconds)


async def closed(
    connection: Connection, settings: Settings, period: Period, key: Path, *, accept: Sequence[str] = ()
) -> None:
    """Prepare, cut and sign a month."""
    for step in (
        await prepare(connection, settings, period, by="Ann", rules=accept, because=["a test"] if accept else []),
        await cut(connection, settings, period, by="Ann", wait_seconds=60),
    ):
        assert step.is_clear, step
    await sign(connection, period, key, by="Bob")


async def confirmed(connection: Connection, *certificates: str) -> None:
    """Have the sender confirm what these certificates hold, as reconcile would; it was asked for all there are."""
    await connection.execute("INSERT INTO giftcert.reconciliation_run (livemode) VALUES (true)")
    await connection.execute(
        "INSERT INTO giftcert.reconciliation_item"
        " (looked_at, amount_here, amount_there, run_id, verdict, entity, livemode, entity_id, list_key)"
        " SELECT now(), balance, balance, 1, 'match', 'certificate', true, certificate_id, 'customer'"
        " FROM giftcert.certificate WHERE certificate_id = ANY ($1)",
        certificates,
    )


async def findings(connection: Connection, period: Period, keys: Path | None = None) -> list[Finding]:
    trusted = read_public(keys) if keys else None
    return [finding async for finding in verify_close(connection, period, trusted)]


async def signed_rows(connection: Connection, period: Period) -> list[dict[str, Any]]:
    """Read what was signed of each certificate."""
    close, _ = await store.close_of(connection, period)
    rows = await connection.fetch(
        "SELECT certificate_id, currency, balance::bigint FROM giftcert.close_certificate WHERE close_id = $1"
        " ORDER BY certificate_id, currency",
        close.id,
    )
    return [dict(row) for row in rows]


async def somebody_waits(connections: Pool) -> None:
    """Wait until a session waits for a lock. Raises TimeoutError."""
    async with asyncio.timeout(PATIENT_SECONDS):
        while not await connections.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def manifest(close: store.Close) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(close.manifest or b"{}")
    return said
