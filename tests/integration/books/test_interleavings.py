"""Interleavings that a careful design still gets wrong: a certificate's books are written one after the other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from consumer.apply.apply import look_up, write
from consumer.apply.fold import fold
from consumer.books.rebooking import rebook, run_tasks
from consumer.common.errors import Raced
from consumer.common.settings import Settings
from consumer.operate.verify import verify
from consumer.postgres.database import Connection, Pool, statement
from deploy.local.waiting import PATIENT_SECONDS
from schemas.events import Event
from tests.applying import applied, race, standing
from tests.builders import CERTIFICATE_ID, DEFINITION_ID, bought, definition, event, paid_with
from tests.pipeline import until

ALL_BALANCES = [("issued", 5_000_000), ("redeemed", -1_500_000)]


@asynccontextmanager
async def half_way(connections: Pool, *events: Event) -> AsyncIterator[Connection]:
    """Apply a batch as a worker does, and stop before its transaction ends."""
    async with connections.acquire() as connection, connection.transaction():
        await connection.execute(statement("books/enter"))
        known = await look_up(connection, events)
        await write(connection, events, fold(events, known), known)
        yield connection


async def overtaken(connections: Pool, slow: Event, *, by: Event) -> None:
    """Write what was looked up before another worker applied another event."""
    async with connections.acquire() as connection, connection.transaction():
        known = await look_up(connection, [slow])
        await applied(connections, by)
        await write(connection, [slow], fold([slow], known), known)


async def agree(settings: Settings) -> bool:
    return (await verify(settings, mend=False)).differing == {}


@pytest.mark.parametrize("payment_first", [True, False])
async def test_two_workers_that_meet_a_certificate_neither_knows_issue_it_once(
    settings: Settings, connections: Pool, *, payment_first: bool
) -> None:
    purchase, payment = event(bought()), event(paid_with(3_500_000, updated=60))

    await race(connections, *((purchase, payment) if payment_first else (payment, purchase)))

    assert await standing(connections) == ALL_BALANCES
    assert await agree(settings)


async def test_a_certificate_that_is_new_to_two_workers_is_a_conflict_and_no_silent_update(connections: Pool) -> None:
    purchase, payment = event(bought()), event(paid_with(3_500_000, updated=60))
    with pytest.raises(asyncpg.UniqueViolationError):
        await overtaken(connections, payment, by=purchase)


async def test_whoever_read_a_certificate_before_another_booked_it_looks_again(connections: Pool) -> None:
    await applied(connections, event(bought()))
    slow, fast = event(paid_with(3_000_000, updated=60)), event(paid_with(4_000_000, updated=30))
    with pytest.raises(Raced):
        await overtaken(connections, slow, by=fast)


async def test_whoever_read_a_certificate_before_another_changed_its_past_looks_again(connections: Pool) -> None:
    await applied(connections, event(bought()), event(paid_with(1_000_000, updated=60)))
    slow, fast = event(paid_with(4_000_000, updated=20)), event(paid_with(3_000_000, updated=40))
    with pytest.raises(Raced):
        await overtaken(connections, slow, by=fast)


@pytest.mark.parametrize("earlier_first", [True, False])
async def test_two_late_events_between_the_same_neighbours(
    settings: Settings, connections: Pool, *, earlier_first: bool
) -> None:
    await applied(connections, event(bought()), event(paid_with(1_000_000, updated=60)))
    early, late = event(paid_with(4_000_000, updated=20)), event(paid_with(3_000_000, updated=40))

    await race(connections, *((early, late) if earlier_first else (late, early)))

    falls = [("redeemed", -1_000_000), ("redeemed", -1_000_000), ("redeemed", -2_000_000)]
    assert await standing(connections) == [("issued", 5_000_000), *falls]
    assert await agree(settings)


@pytest.mark.parametrize("purchase_first", [True, False])
async def test_a_late_purchase_beside_a_newest_payment(
    settings: Settings, connections: Pool, *, purchase_first: bool
) -> None:
    await applied(connections, event(paid_with(4_000_000, updated=30)))
    purchase, payment = event(bought()), event(paid_with(3_000_000, updated=60))

    await race(connections, *((payment, purchase) if purchase_first else (purchase, payment)))

    falls = [("redeemed", -1_000_000), ("redeemed", -1_000_000)]
    assert await standing(connections) == [("issued", 5_000_000), *falls]
    assert await agree(settings)


async def test_a_definition_that_arrives_while_a_certificate_of_it_is_booked(
    settings: Settings, connections: Pool
) -> None:
    async with half_way(connections, event(bought(certDefId=DEFINITION_ID))):
        await applied(connections, event(definition(currencyCode="EUR")))
        again = asyncio.create_task(run_tasks(connections))
        await until(lambda: _waits(again), "the task to wait for whoever books by the old state")
    assert await asyncio.wait_for(again, PATIENT_SECONDS) == 1

    assert await _currencies(connections) == {"EUR"}
    assert await agree(settings)


async def _waits(task: "asyncio.Task[int]") -> bool:
    await asyncio.sleep(0.3)
    return not task.done()


async def test_a_setting_that_changes_while_a_certificate_is_booked(settings: Settings, connections: Pool) -> None:
    async with half_way(connections, event(bought(accountId="account"))):
        await connections.execute(statement("settings/account_currencies"), ["account"], ["CAD"])
        await connections.execute(statement("settings/time_zone"), "Pacific/Auckland")
        again = asyncio.create_task(run_tasks(connections))
        await until(lambda: _waits(again), "the tasks to wait for whoever books by the old settings")
    assert await asyncio.wait_for(again, PATIENT_SECONDS) == 2

    assert await _currencies(connections) == {"CAD"}
    assert await connections.fetchval("SELECT posting_day::text FROM certificate") == "2026-06-02"
    assert await agree(settings)


async def test_who_waits_for_a_lock_reads_what_stands_after_the_wait(settings: Settings, connections: Pool) -> None:
    await applied(connections, event(bought()))
    async with half_way(connections, event(paid_with(3_500_000, updated=60))):
        again = asyncio.create_task(_rebook(connections))
        await until(lambda: _is_locked(connections), "the rebooking to wait for the row")
    assert await asyncio.wait_for(again, PATIENT_SECONDS) == 0

    assert await standing(connections) == ALL_BALANCES
    assert await agree(settings)


async def _rebook(connections: Pool) -> int:
    async with connections.acquire() as connection, connection.transaction():
        await connection.execute(statement("books/enter"))
        return await rebook(connection, [(CERTIFICATE_ID, True)], "test")


async def _is_locked(connections: Pool) -> bool:
    waiting = (
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database())"
    )
    return bool(await connections.fetchval(waiting))


async def _currencies(connections: Pool) -> set[str]:
    rows = await connections.fetch(
        "SELECT currency FROM journal GROUP BY certificate_id, event_id, currency HAVING sum(entry) > 0"
        " UNION SELECT currency FROM certificate"
    )
    return {currency for (currency,) in rows}
