"""Totals: no line is left out of them, whoever books meanwhile, and none is in them twice."""

import asyncio
from contextlib import AsyncExitStack

import asyncpg
import pytest

from consumer.books import totals
from consumer.books.totals import differing_totals, keep_totals, keep_totals_anew
from consumer.postgres.database import Connection, Pool, statement
from deploy.local.stack import Stack
from tests.applying import applied
from tests.builders import bought, event, paid_with
from tests.integration.books.test_interleavings import half_way
from tests.pipeline import until

UP_TO = "SELECT up_to FROM journal_totalled"
STATION = {"stationId": "s", "name": "Pier"}


async def keep(connections: Pool) -> bool:
    async with connections.acquire() as connection:
        return await keep_totals(connection)


async def are_right(connections: Pool) -> bool:
    async with connections.acquire() as connection:
        return await differing_totals(connection) == []


async def test_totals_wait_for_whoever_took_an_earlier_number_and_for_nobody_who_comes_later(
    connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = asyncio.Event()
    ended = totals._ended  # noqa: SLF001 - to know that it waits

    async def watched(connection: Connection, booking: set[str]) -> bool:
        assert len(booking) == 1
        waits.set()
        return await ended(connection, booking)

    monkeypatch.setattr(totals, "_ended", watched)
    async with AsyncExitStack() as slow:
        await slow.enter_async_context(half_way(connections, event(bought(_id="slow", shiftLocation=STATION))))
        await applied(connections, event(bought(_id="quick")))
        keeping = asyncio.create_task(keep(connections))
        await asyncio.wait_for(waits.wait(), 20)
        async with half_way(connections, event(bought(_id="later"))):
            assert await connections.fetchval(UP_TO) == 0
            await slow.aclose()
            assert await asyncio.wait_for(keeping, 20)

    assert await connections.fetchval(UP_TO) == 2
    assert await are_right(connections)
    assert await connections.fetchval("SELECT sum(entries) FROM journal_total") == 2


async def test_totals_go_no_further_while_somebody_books_for_too_long(
    connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "PATIENCE_SECONDS", 0.1)
    async with half_way(connections, event(bought(_id="slow"))):
        await applied(connections, event(bought(_id="quick")))
        assert not await keep(connections)
        assert await connections.fetchval(UP_TO) == 0

    assert await keep(connections)
    assert await are_right(connections)


async def test_lines_are_added_to_what_is_kept_of_their_day_and_to_nothing_else(connections: Pool) -> None:
    """Sold and paid with on one day, below 0 and above it again, in two steps."""
    for balance, second in ((5_000_000, 0), (3_000_000, 10), (-1_000_000, 20), (2_000_000, 30), (0, 40)):
        body = paid_with(balance, updated=second, shiftLocation=STATION) if second else bought(shiftLocation=STATION)
        await applied(connections, event(body), event(bought(1_000 + second, _id=f"other {second}")))
        assert await keep(connections)
        assert await are_right(connections)

    assert await connections.fetchval(UP_TO) == await connections.fetchval("SELECT max(id) FROM journal")


async def test_what_was_taken_back_altogether_has_no_total(connections: Pool) -> None:
    await applied(connections, event(paid_with(4_000_000, updated=10)), event(paid_with(3_000_000, updated=20)))
    assert await keep(connections)
    assert await connections.fetchval("SELECT count(*) FROM journal_total") == 2

    # It was void before.
    await applied(connections, event(paid_with(4_000_000, updated=5, deleted=True)))
    await applied(connections, event(paid_with(4_000_000, updated=15, deleted=True)))
    await applied(connections, event(paid_with(3_000_000, updated=25, deleted=True)))
    assert await keep(connections)

    assert await are_right(connections)
    left = await connections.fetch("SELECT movement, sum(entry) FROM journal GROUP BY movement HAVING sum(entry) <> 0")
    kept = await connections.fetch("SELECT movement, entries FROM journal_total")
    assert sorted(map(tuple, kept)) == sorted(map(tuple, left))
    assert await connections.fetchval("SELECT count(*) FROM redemption_total") == 0


async def test_a_step_is_bounded_and_whoever_waits_for_it_adds_only_what_it_left(
    connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "STEP", 2)
    step = totals._step  # noqa: SLF001 - to be in the midst of one
    for second in range(4):
        await applied(connections, event(paid_with(5_000_000 - second, updated=second, shiftLocation=STATION)))
    async with connections.acquire() as connection:
        assert await step(connection, 1)
        async with connection.transaction():
            assert await step(connection, 4)
            assert await connection.fetchval(UP_TO) == 3
            waiting = asyncio.create_task(keep(connections))
            await until(lambda: is_waited_for(connections), "the other one to wait")
    assert await asyncio.wait_for(waiting, 20)

    assert await connections.fetchval(UP_TO) == 4
    assert await are_right(connections)


async def is_waited_for(connections: Pool) -> bool:
    return bool(
        await connections.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
    )


async def test_books_that_are_empty_have_no_line_that_is_kept(connections: Pool) -> None:
    assert await keep(connections)
    await applied(connections, event(bought()))
    assert await keep(connections)

    assert await are_right(connections)
    assert await connections.fetchval("SELECT sum(entries) FROM journal_total") == 1


async def test_whoever_books_in_another_database_is_not_waited_for(
    stack: Stack, template: str, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "PATIENCE_SECONDS", 0.1)
    other = await asyncpg.connect(stack.postgres.create_database("other_books", template))
    try:
        async with other.transaction():
            await other.execute(statement("books/enter"))
            await applied(connections, event(bought()))
            assert await keep(connections)
    finally:
        await other.close()
        stack.postgres.drop_database("other_books")


async def test_totals_that_are_kept_anew_forget_what_is_wrong(connections: Pool) -> None:
    await applied(connections, event(bought(shiftLocation=STATION)), event(paid_with(3_000_000, updated=10)))
    assert await keep(connections)
    await connections.execute("UPDATE journal_total SET posting_day = posting_day + 1")
    await connections.execute("UPDATE redemption_total SET posting_month = posting_month + interval '1 month'")
    await connections.execute("UPDATE station_name SET station_id = 'other'")

    async with connections.acquire() as connection:
        assert await keep_totals_anew(connection)

    assert await are_right(connections)
