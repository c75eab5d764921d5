"""An existing database comes over: its facts are kept, and its books begin with the migration."""

from pathlib import Path

import asyncpg
import pytest

from consumer.books.totals import keep_totals
from consumer.common.errors import Fatal
from consumer.common.settings import Settings, load
from consumer.operate.verify import begin_books, verify
from consumer.postgres.database import Pool, pool
from consumer.postgres.migrate import dbmate, migrate
from tests.applying import APPLIED, DUPLICATE, RESEND, applied
from tests.builders import bought, event, paid_with
from tests.integration.postgres.test_migrations import MIGRATIONS, empty, rollback

FILLED = Path(__file__).with_name("filled_by_387696d.sql").read_text(encoding="utf-8")
__all__ = ["empty"]
# The last migration that 387696d had.
OF_387696D = "0008_keep_digests.sql"

SUMS = """
    SELECT livemode, sum(balance)::bigint AS balance
    FROM (SELECT livemode, CASE WHEN deleted THEN 0 ELSE balance END AS balance FROM certificate) AS state
    GROUP BY livemode ORDER BY livemode
"""


@pytest.fixture
def before(empty: str) -> Settings:
    """Make the database of an earlier version, with what its worker had written."""
    dbmate(empty, "migrate")
    rollback(empty, len(MIGRATIONS) - MIGRATIONS.index(OF_387696D) - 1)
    return load({"DATABASE_URL": empty})


async def fill(settings: Settings) -> None:
    connection = await asyncpg.connect(settings.database)
    try:
        await connection.execute(FILLED)
    finally:
        await connection.close()


async def test_the_books_begin_with_the_migration_and_agree_with_the_facts(before: Settings) -> None:
    await fill(before)

    await migrate(before, begin_books)

    assert (await verify(before, mend=False)).differing == {}
    async with pool(before) as connections:
        causes = await connections.fetch("SELECT DISTINCT caused_by, entry, booked_at FROM journal")
        assert [(row["caused_by"], row["entry"]) for row in causes] == [("migration", 1)]
        booked = await connections.fetch(
            "SELECT livemode, sum(change)::bigint AS balance FROM journal GROUP BY 1 ORDER BY 1"
        )
        assert booked == await connections.fetch(SUMS)
        assert await connections.fetchval("SELECT count(*) FROM rebooking_task WHERE done_at IS NULL") == 0


async def test_what_was_applied_is_known_and_what_comes_next_costs_one_line(before: Settings) -> None:
    await fill(before)
    await migrate(before, begin_books)

    async with pool(before) as connections:
        attempts = await connections.fetchval("SELECT count(*) FROM webhook_attempt")
        lines = await connections.fetchval("SELECT count(*) FROM journal")
        known = {"id": "event-euro", "attemptId": "attempt-euro"}
        assert attempts == FILLED.partition("webhook_attempt VALUES")[2].partition(";")[0].count("\n\t(")
        assert await applied(connections, event(bought(_id="c-euro", envelope=known))) == [DUPLICATE]
        resent = known | {"attemptId": "attempt-euro-resent"}
        assert await applied(connections, event(bought(_id="c-euro", envelope=resent))) == [DUPLICATE]
        assert await applied(connections, event(bought(_id="c-euro", envelope={"id": "event-euro"}))) == [RESEND]
        assert await applied(connections, event(paid_with(1, updated=99, _id="c-euro"))) == [APPLIED]
        assert await connections.fetchval("SELECT count(*) FROM journal") == lines + 1


async def test_beside_a_worker_of_another_version_nothing_is_migrated(before: Settings) -> None:
    await fill(before)
    old = await asyncpg.connect(before.database, server_settings={"application_name": "giftledger"})
    try:
        with pytest.raises(Fatal, match=r"Workers of another version are connected: giftledger \(process \d+, user "):
            await migrate(before, begin_books)
        assert await old.fetchval("SELECT to_regclass('giftcert.journal')") is None
    finally:
        await old.close()

    await migrate(before, begin_books)


async def test_a_migration_that_ended_half_way_is_taken_up_again(before: Settings) -> None:
    await fill(before)

    async def killed(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await migrate(before, killed)
    await migrate(before, begin_books)

    assert (await verify(before, mend=False)).differing == {}


async def test_totals_by_month_are_made_of_those_by_day(connections: Pool, settings: Settings) -> None:
    await applied(connections, event(bought()), event(paid_with(4_000_000, updated=1)))
    await applied(connections, event(bought(_id="test", envelope={"livemode": False})))
    async with connections.acquire() as connection:
        assert await keep_totals(connection)
    await applied(connections, event(paid_with(3_000_000, updated=2)))

    rollback(settings.database, len(MIGRATIONS) - MIGRATIONS.index("0024_keep_totals_by_month.sql"))
    await migrate(settings)

    assert (await verify(settings, mend=False)).is_right
    async with pool(settings) as after:
        assert await after.fetchval("SELECT count(*) FROM month_total") == 2
        assert await after.fetchval("SELECT difference FROM reporting.liability_current") == 0
