"""Conflicts: what a deadlock ends is tried again, by commands that write as by workers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from consumer.books.rebooking import run_tasks
from consumer.common.errors import Raced
from consumer.common.settings import Settings
from consumer.operate.exceptions import acknowledge
from consumer.operate.verify import verify
from consumer.postgres import conflicts
from consumer.postgres.conflicts import MOST_TRIES, until_undisturbed
from consumer.postgres.database import Connection, Pool, pool
from tests.applying import applied
from tests.builders import bought, event, paid_with
from tests.pipeline import until

IDS = ("first", "second")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conflicts, "FIRST_WAIT_SECONDS", 0.001)


@pytest.fixture
async def risen(connections: Pool) -> Pool:
    """Keep two certificates that have risen, in a database whose new sessions look for deadlocks late enough for us."""
    await connections.execute(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = %L', current_database(), '3s'); END $$"
    )
    await applied(connections, *[event(bought(_id=one)) for one in IDS])
    await applied(connections, *[event(paid_with(6_000_000, updated=30, _id=one)) for one in IDS])
    return connections


@asynccontextmanager
async def opposed(connections: Pool, held: str, wanted: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Hold what one statement locks; the block may then begin to want the other, which makes the deadlock.

    It is the other side that Postgres ends: ours looks for a deadlock later than any test waits.
    """
    async with connections.acquire() as looking, connections.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL deadlock_timeout = '60s'")
        await connection.execute(held)

        async def want() -> None:
            await until(lambda: _waits(looking), "the command to wait for us")
            await connection.execute(wanted)

        yield want


async def _waits(looking: Connection) -> bool:
    return bool(await looking.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))


def _lock(certificate_id: str) -> str:
    return f"SELECT FROM giftcert.certificate WHERE certificate_id = '{certificate_id}' FOR UPDATE"


async def test_verify_mends_through_a_deadlock_with_a_worker(settings: Settings, risen: Pool) -> None:
    await risen.execute("UPDATE certificate SET balance = 1")

    async with opposed(risen, _lock("second"), _lock("first")) as want:
        mending = asyncio.create_task(verify(settings, mend=True))
        await want()
    await mending

    assert (await verify(settings, mend=False)).is_right


async def test_a_rebooking_task_goes_on_after_a_deadlock(settings: Settings, risen: Pool) -> None:
    await risen.execute("UPDATE certificate SET balance = 1")
    await risen.execute("INSERT INTO rebooking_task (kind) VALUES ('setting')")

    async with pool(settings) as workers:
        async with opposed(risen, _lock("second"), _lock("first")) as want:
            task = asyncio.create_task(run_tasks(workers))
            await want()
        assert await task == 1
    assert (await verify(settings, mend=False)).is_right


async def test_an_exception_is_acknowledged_through_a_deadlock_with_whoever_locks_tables(
    settings: Settings, risen: Pool
) -> None:
    said = {
        "rule": "balance_rose",
        "entity_id": "first",
        "event_id": None,
        "acknowledged_by": "Ada",
        "because": "known",
    }

    held, wanted = (f"LOCK TABLE giftcert.{table}" for table in ("certificate", "exception_acknowledgement"))
    async with opposed(risen, held, wanted) as want:
        saying = asyncio.create_task(acknowledge(settings, **said, test=False))  # type: ignore[arg-type]
        await want()

    assert await saying == 1


@pytest.mark.parametrize(
    "error",
    [
        Raced("meanwhile"),
        asyncpg.DeadlockDetectedError("a deadlock"),
        asyncpg.SerializationError("a conflict"),
        asyncpg.LockNotAvailableError("a timeout"),
    ],
)
async def test_what_is_disturbed_each_time_fails_in_the_end(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conflicts, "LONGEST_WAIT_SECONDS", 0.001)
    tries = 0

    async def disturbed() -> None:
        nonlocal tries
        tries += 1
        raise error

    with pytest.raises(type(error)):
        await until_undisturbed(disturbed)
    assert tries == MOST_TRIES


async def test_what_is_wrong_by_itself_is_tried_once() -> None:
    tries = 0

    async def wrong() -> None:
        nonlocal tries
        tries += 1
        raise asyncpg.CheckViolationError("a rule")

    with pytest.raises(asyncpg.CheckViolationError):
        await until_undisturbed(wrong)
    assert tries == 1
