"""The outbox: what changes a certificate notes it in the same transaction, and no version ever falls."""

import msgspec
import pytest

from consumer.books.rebooking import run_tasks
from consumer.common.settings import Pairs, Settings
from consumer.operate.rebuild import rebuild
from consumer.postgres.database import Pool
from consumer.postgres.migrate import migrate
from consumer.worker.apply import look_up, write
from consumer.worker.fold import fold
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
