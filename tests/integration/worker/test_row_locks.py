"""A row that somebody holds locked costs its own events their time, and nobody else's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import msgspec
import pytest
from prometheus_client import REGISTRY

from consumer.common.settings import Settings
from consumer.postgres.database import SCHEMA, Pool, pool
from consumer.worker import row_locks
from consumer.worker.row_locks import RowLocks
from deploy.local.waiting import PATIENT_SECONDS
from tests.builders import bought, definition, paid_with
from tests.pipeline import dead_letters, publish, until, working
from tests.records import committed

LOCKED = "locked"


@asynccontextmanager
async def holding(settings: Settings, statement: str) -> AsyncIterator[None]:
    """Hold what a statement locks, as somebody does who forgets to end a transaction."""
    connection = await asyncpg.connect(settings.database, server_settings={"search_path": SCHEMA})
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(statement)
        yield
    finally:
        await transaction.rollback()
        await connection.close()


async def applied(connections: Pool) -> int:
    return int(await connections.fetchval("SELECT count(*) FROM webhook_attempt"))


async def are_applied(connections: Pool, count: int) -> bool:
    return await applied(connections) == count


def others(count: int) -> list[dict[str, object]]:
    return [bought(_id=f"certificate-{number}") for number in range(count)]


ROWS = {
    "a certificate": f"SELECT FROM certificate WHERE certificate_id = '{LOCKED}' FOR UPDATE",
    "an attempt's key": r"""
        INSERT INTO certificate_history SELECT (jsonb_populate_record(certificate_history, jsonb_build_object(
            'event_id', 'another',
            'attempt_key', '\x' || encode(substring(sha256('tattempt-of-the-locked') FOR 16), 'hex')
        ))).* FROM certificate_history LIMIT 1
    """,
}


@pytest.mark.parametrize("row", ROWS)
async def test_while_a_row_is_locked_all_other_events_are_applied(
    settings: Settings, connections: Pool, row: str
) -> None:
    async with working(settings):
        await publish(settings, bought(_id=LOCKED))
        await until(lambda: are_applied(connections, 1), "the certificate")
        async with holding(settings, ROWS[row]):
            locked = paid_with(1, _id=LOCKED, envelope={"attemptId": "attempt-of-the-locked"})
            await publish(settings, *others(10), locked, *others(10))
            await until(lambda: are_applied(connections, 21), "all events but the one")
            await publish(settings, paid_with(2, _id=LOCKED), *others(5))
            await until(lambda: are_applied(connections, 26), "what came later")
            done = await asyncio.to_thread(committed, settings)
        await until(lambda: are_applied(connections, 28), "both events of the certificate")
        await until(lambda: is_committed(settings, 28), "the offsets")

    assert done < 28
    assert await dead_letters(settings) == []
    state = "SELECT balance FROM certificate WHERE certificate_id = $1"
    assert await connections.fetchval(state, LOCKED) in {1, 2}


async def is_committed(settings: Settings, count: int) -> bool:
    return await asyncio.to_thread(committed, settings) == count


async def test_a_definition_s_row_that_is_locked_holds_no_certificate(settings: Settings, connections: Pool) -> None:
    async with working(settings):
        await publish(settings, definition())
        await until(lambda: are_applied(connections, 1), "the definition")
        async with holding(settings, "SELECT FROM definition FOR UPDATE"):
            await publish(settings, definition("updated", updated=9), *others(10))
            await until(lambda: are_applied(connections, 11), "the certificates")
        await until(lambda: are_applied(connections, 12), "the definition's event")


async def test_what_waits_for_its_row_is_fetched_again_by_the_next_worker(
    settings: Settings, connections: Pool
) -> None:
    async with working(settings):
        await publish(settings, bought(_id=LOCKED))
        await until(lambda: are_applied(connections, 1), "the certificate")
    async with holding(settings, ROWS["a certificate"]):
        await publish(settings, paid_with(1, _id=LOCKED), *others(10))
        async with working(settings):
            await until(lambda: are_applied(connections, 11), "the others")

    async with working(settings):
        await until(lambda: are_applied(connections, 12), "the event that had waited")


async def test_a_table_that_is_locked_is_waited_for_and_makes_no_dead_letter(
    settings: Settings, connections: Pool
) -> None:
    impatient = msgspec.structs.replace(settings, database_timeout_seconds=1.5)
    before = retries()
    async with working(impatient):
        async with holding(settings, "LOCK TABLE certificate IN SHARE MODE"):
            await publish(settings, *others(10))
            await until(lambda: are_retried(before + 2), "two transactions that the table's lock ended")
            assert await applied(connections) == 0
        await until(lambda: are_applied(connections, 10), "the events behind the lock")

    assert await dead_letters(settings) == []


def retries() -> float:
    """Count the transactions that a timeout ended, ours or Postgres' own."""
    labels = [{"stage": "apply", "error_type": error} for error in ("TimeoutError", "QueryCanceledError")]
    return sum(REGISTRY.get_sample_value("giftcert_retries_total", each) or 0 for each in labels)


async def are_retried(times: float) -> bool:
    return retries() >= times


async def test_where_no_connection_is_left_to_look_with_the_lock_is_waited_for(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_locks, "PROMPT_SECONDS", 0.1)
    monkeypatch.setattr(row_locks, "ANSWER_SECONDS", 0.1)
    await publish(settings, bought(_id=LOCKED))
    async with working(settings):
        await until(lambda: are_applied(connections, 1), "the certificate")

    async with pool(settings, size=1) as only, only.acquire() as connection:
        async with holding(settings, ROWS["a certificate"]):
            update = connection.execute("UPDATE certificate SET balance = balance")
            updating = asyncio.create_task(RowLocks(only).unless_locked(connection, update))
            await until(lambda: connections.fetchval(WAITS, connection.get_server_pid()), "a session that waits")
        async with asyncio.timeout(PATIENT_SECONDS):
            assert await updating == "UPDATE 1"


WAITS = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid = $1)"
