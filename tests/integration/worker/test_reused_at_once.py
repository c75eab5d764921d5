"""One attempt id on two events that two workers meet at the same moment: both are applied, and it shows."""

import asyncio

from consumer.apply.apply import look_up, write
from consumer.apply.fold import fold
from consumer.books.marks import mark_reused_at_once
from consumer.postgres.database import Pool
from consumer.worker.bookkeeping import keep_books
from schemas.events import Event
from schemas.fields import EPOCH
from tests.applying import applied
from tests.builders import CERTIFICATE_ID, DEFINITION_ID, bought, definition, event
from tests.pipeline import until

REUSED = (
    "SELECT severity, entity, entity_id, event_id, observed FROM reporting.data_quality_exceptions"
    " WHERE rule = 'attempt_reused'"
)


def both() -> tuple[Event, Event]:
    same = {"attemptId": "the same"}
    return event(bought(envelope=same)), event(definition(envelope=same))


async def at_once(connections: Pool, slow: Event, fast: Event) -> None:
    """Apply an event that was looked up before another worker applied its own."""
    async with connections.acquire() as connection, connection.transaction():
        known = await look_up(connection, [slow])
        await applied(connections, fast)
        await write(connection, [slow], fold([slow], known), known)


async def test_what_two_workers_applied_at_once_is_found_and_shown_once(connections: Pool) -> None:
    purchase, description = both()
    await at_once(connections, purchase, description)
    async with connections.acquire() as connection:
        looked_to = await mark_reused_at_once(connection, EPOCH)
        assert await mark_reused_at_once(connection, looked_to) > looked_to

    ((severity, *shown),) = await connections.fetch(REUSED)
    assert severity == "warning"
    assert shown == ["definition", DEFINITION_ID, description.order.event_id, "attempt the same"]
    assert await connections.fetchval("SELECT count(*) FROM certificate WHERE certificate_id = $1", CERTIFICATE_ID)
    assert await connections.fetchval("SELECT count(*) FROM definition") == 1


async def test_a_worker_looks_for_it_beside_the_stream(connections: Pool) -> None:
    await at_once(connections, *reversed(both()))
    keeping = asyncio.create_task(keep_books(connections, lambda: True, turn=0.01))
    try:
        await until(lambda: connections.fetchval(f"SELECT count(*) FROM ({REUSED}) AS reused"), "the exception")  # noqa: S608 - ours
    finally:
        keeping.cancel()


async def test_what_was_committed_long_after_it_was_booked_is_found_by_the_next_look(connections: Pool) -> None:
    async with connections.acquire() as connection:
        looked_to = await mark_reused_at_once(connection, EPOCH)
    await at_once(connections, *both())
    await connections.execute("UPDATE other_attempt SET applied_at = now() - interval '59 minutes'")
    async with connections.acquire() as connection:
        await mark_reused_at_once(connection, looked_to)
    assert len(await connections.fetch(REUSED)) == 1


async def test_an_attempt_that_one_worker_saw_come_twice_shows_as_before(connections: Pool) -> None:
    purchase, description = both()
    await applied(connections, purchase)
    await applied(connections, description)
    async with connections.acquire() as connection:
        await mark_reused_at_once(connection, EPOCH)

    assert [row["severity"] for row in await connections.fetch(REUSED)] == ["error"]
