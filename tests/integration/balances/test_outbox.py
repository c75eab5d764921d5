"""The outbox: what changes a certificate notes it in the same transaction, and no version ever falls."""

import asyncio
from typing import Any

import asyncpg
import msgspec
import pytest

from consumer.apply.apply import look_up, write
from consumer.apply.fold import fold
from consumer.books.rebooking import run_tasks
from consumer.common.settings import Pairs, Settings
from consumer.operate.rebuild import rebuild
from consumer.postgres.database import Pool
from consumer.postgres.migrate import migrate
from schemas.events import Event
from tests.applying import applied, race
from tests.builders import CERTIFICATE_ID, DEFINITION_ID, bought, definition, event, paid_with
from tests.pipeline import publish, until, working


async def outbox(connections: Pool) -> dict[tuple[str, bool], int]:
    rows = await connections.fetch("SELECT certificate_id, livemode, version FROM balance_outbox")
    return {(row["certificate_id"], row["livemode"]): row["version"] for row in rows}


async def version(connections: Pool) -> int:
    return (await outbox(connections))[CERTIFICATE_ID, True]


async def published(connections: Pool) -> None:
    """Empty the outbox, as if all that it names were published."""
    await connections.execute("DELETE FROM balance_outbox")


async def test_each_change_of_a_certificate_raises_its_version_in_one_row(connections: Pool) -> None:
    await applied(connections, event(bought()))
    first = await outbox(connections)
    await applied(connections, event(paid_with(4_000_000, updated=60)))
    second = await outbox(connections)

    assert first.keys() == second.keys() == {(CERTIFICATE_ID, True)}
    assert second[CERTIFICATE_ID, True] > first[CERTIFICATE_ID, True]


async def trace(connections: Pool) -> str | None:
    text: str | None = await connections.fetchval("SELECT traceparent FROM balance_outbox")
    return text


def traced(body: dict[str, Any], parent: str) -> Event:
    return event(body, traceparent=trace_of(parent))


def trace_of(parent: str) -> str:
    return f"00-4bf92f3577b34da6a3ce929d0e0e4736-{parent * 16}-01"


async def test_a_change_has_the_trace_of_the_event_that_made_it(connections: Pool) -> None:
    await applied(connections, traced(bought(), "a"))
    assert await trace(connections) == trace_of("a")

    await applied(connections, traced(paid_with(4_000_000, updated=60), "b"))
    assert await trace(connections) == trace_of("b")

    # Though the newest event is another one.
    await applied(connections, traced(paid_with(4_500_000, updated=30), "c"))
    assert await trace(connections) == trace_of("c")


async def test_of_events_that_change_a_certificate_at_once_the_newest_has_the_trace(connections: Pool) -> None:
    purchase, payment = traced(bought(), "a"), traced(paid_with(4_000_000, updated=60), "b")
    await applied(connections, payment, purchase)

    assert await trace(connections) == trace_of("b")


async def test_a_change_by_an_event_without_a_trace_has_none_whatever_was_before(connections: Pool) -> None:
    await applied(connections, traced(bought(), "a"))
    await applied(connections, event(paid_with(4_000_000, updated=60)))
    assert await trace(connections) is None

    await applied(connections, traced(paid_with(3_000_000, updated=90), "b"), event(paid_with(2_000_000, updated=120)))
    assert await trace(connections) is None


async def test_certificates_of_one_batch_have_each_its_own_trace(connections: Pool) -> None:
    await applied(
        connections, traced(bought(_id="one"), "a"), event(bought(_id="two")), traced(bought(_id="three"), "b")
    )

    rows = await connections.fetch("SELECT certificate_id, traceparent FROM balance_outbox")
    assert {row[0]: row[1] for row in rows} == {"one": trace_of("a"), "two": None, "three": trace_of("b")}


async def test_what_no_event_changed_has_no_trace(settings: Settings, connections: Pool) -> None:
    await applied(connections, traced(bought(accountId="ours"), "a"))

    await migrate(msgspec.structs.replace(settings, account_currencies=Pairs({"ours": "CAD"})))
    await run_tasks(connections)

    assert await trace(connections) is None


async def test_no_version_is_lowered_or_kept_by_a_change(connections: Pool) -> None:
    await applied(connections, event(bought()))

    for wrong in ("version - 1", "version"):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="only rises"):
            await connections.execute(f"UPDATE balance_outbox SET version = {wrong}")  # noqa: S608
    await connections.execute("UPDATE balance_outbox SET version = version + 1")


async def test_versions_are_moved_on_and_never_back(connections: Pool) -> None:
    for at_least, last in ((1000, 1000), (999, 1000), (2**53 - 1, 2**53 - 1)):
        await connections.execute("SELECT raise_balance_version($1)", at_least)
        assert await connections.fetchval("SELECT last_value FROM balance_version") == last
    with pytest.raises(asyncpg.NumericValueOutOfRangeError):
        await connections.execute("SELECT raise_balance_version($1)", 2**53)


async def test_nobody_draws_a_version_while_they_are_moved_on(connections: Pool) -> None:
    """Else one that is drawn in between could be drawn again."""
    async with connections.acquire() as moving, moving.transaction():
        await moving.execute("SELECT raise_balance_version(1000)")
        drawing = asyncio.create_task(connections.fetchval("SELECT nextval('balance_version')"))
        await until(lambda: _waits(connections), "a draw that waits")
    assert await drawing == 1001


async def _waits(connections: Pool) -> bool:
    return bool(
        await connections.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'balance_version'::regclass)"
        )
    )


async def test_a_version_rises_also_when_the_one_before_it_was_published(connections: Pool) -> None:
    await applied(connections, event(bought()))
    first = await version(connections)
    await published(connections)

    await applied(connections, event(paid_with(4_000_000, updated=60)))

    assert await version(connections) > first


async def test_live_and_test_certificates_of_one_id_are_two(connections: Pool) -> None:
    await applied(connections, event(bought()), event(bought(envelope={"livemode": False})))

    assert (await outbox(connections)).keys() == {(CERTIFICATE_ID, True), (CERTIFICATE_ID, False)}


async def test_duplicates_and_resends_change_nothing(connections: Pool) -> None:
    purchase = bought()
    await applied(connections, event(purchase))
    await published(connections)

    await applied(connections, event(purchase), event(purchase | {"attemptId": "another"}))

    assert await outbox(connections) == {}


async def test_what_is_rolled_back_is_not_noted(connections: Pool) -> None:
    purchase = event(bought())
    async with connections.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        known = await look_up(connection, [purchase])
        await write(connection, [purchase], fold([purchase], known), known)
        await transaction.rollback()

    assert await outbox(connections) == {}


@pytest.mark.parametrize("late", [True, False])
async def test_whoever_books_last_has_the_highest_version(connections: Pool, *, late: bool) -> None:
    await applied(connections, event(bought()))
    slow = event(paid_with(3_000_000, updated=30 if late else 90))
    fast = event(paid_with(4_000_000, updated=60))

    await race(connections, slow, fast)

    drawn = await connections.fetchval("SELECT last_value FROM balance_version")
    assert await version(connections) == drawn


async def test_a_currency_that_becomes_known_later_is_a_change(connections: Pool) -> None:
    await applied(connections, event(bought(certDefId=DEFINITION_ID)))
    await published(connections)

    await applied(connections, event(definition(currencyCode="CAD")))
    assert await outbox(connections) == {}
    await run_tasks(connections)

    assert (await outbox(connections)).keys() == {(CERTIFICATE_ID, True)}


async def test_a_setting_that_decides_figures_changes_those_whose_state_it_decides(
    settings: Settings, connections: Pool
) -> None:
    await applied(connections, event(bought(accountId="ours")), event(bought(_id="another", accountId="theirs")))
    await published(connections)

    await migrate(msgspec.structs.replace(settings, account_currencies=Pairs({"ours": "CAD"})))
    await run_tasks(connections)

    assert (await outbox(connections)).keys() == {(CERTIFICATE_ID, True)}


async def test_what_a_rebuild_finds_otherwise_is_a_change_and_versions_go_on(
    settings: Settings, connections: Pool
) -> None:
    await publish(settings, bought(), bought(_id="another"))
    async with working(settings):
        await until(lambda: _both(connections), "two certificates")
    before = await version(connections)
    await published(connections)
    # Nothing that the books know of.
    await connections.execute("UPDATE certificate SET station_name = 'wrong' WHERE certificate_id = $1", CERTIFICATE_ID)

    done = await rebuild(settings, partial=False, accept_differences=True)

    assert done.swapped
    assert (await outbox(connections)).keys() == {(CERTIFICATE_ID, True)}
    assert await version(connections) > before


async def _both(connections: Pool) -> bool:
    return len(await outbox(connections)) == 2


async def test_a_rebuild_that_finds_nothing_changes_nothing(settings: Settings, connections: Pool) -> None:
    await publish(settings, bought(), paid_with(4_000_000, updated=60, _id="another"))
    async with working(settings):
        await until(lambda: _both(connections), "two certificates")
    before = await outbox(connections)

    await rebuild(settings, partial=False, accept_differences=False)

    assert await outbox(connections) == before
