"""Installing the reports: repeatable, for two at once, and never at the expense of somebody's own view."""

import asyncio

import asyncpg
import pytest

from consumer.common.errors import Fatal
from consumer.postgres import reporting
from consumer.postgres.database import Pool


async def definitions(connections: Pool) -> list[tuple[str, str, str]]:
    rows = await connections.fetch(
        "SELECT schemaname, viewname, definition FROM pg_views WHERE schemaname LIKE 'reporting%' ORDER BY 1, 2"
    )
    return [tuple(row) for row in rows]


async def test_installing_again_changes_nothing(connections: Pool) -> None:
    before = await definitions(connections)

    async with connections.acquire() as connection:
        await reporting.install(connection)

    assert await definitions(connections) == before


async def test_two_may_install_at_once(connections: Pool) -> None:
    async with connections.acquire() as one, connections.acquire() as two:
        await asyncio.gather(reporting.install(one), reporting.install(two))


async def test_the_twins_differ_in_their_traffic_alone(connections: Pool) -> None:
    reports = {name: sql for schema, name, sql in await definitions(connections) if schema == "reporting"}
    twins = {name: sql for schema, name, sql in await definitions(connections) if schema == "reporting_test"}

    assert twins.keys() == reports.keys()
    assert all(twins[name] != sql for name, sql in reports.items()), "a report that does not ask for its traffic"


async def test_a_view_of_somebody_survives_an_installation(connections: Pool) -> None:
    await connections.execute("CREATE VIEW public.mine AS SELECT balance FROM reporting.certificate_current")

    async with connections.acquire() as connection:
        await reporting.install(connection)

    assert await connections.fetch("SELECT * FROM public.mine") == []


async def test_a_report_of_another_shape_is_replaced(connections: Pool) -> None:
    await _reshape(connections)

    async with connections.acquire() as connection:
        await reporting.install(connection)

    assert await connections.fetch("SELECT updated_at FROM reporting.liability_current") == []


async def test_a_report_of_another_shape_that_somebody_uses_is_left_alone_and_named(connections: Pool) -> None:
    await _reshape(connections)
    await connections.execute("CREATE VIEW public.mine AS SELECT * FROM reporting.liability_current")

    async with connections.acquire() as connection:
        with pytest.raises(Fatal, match=r"view (public\.)?mine depends on view reporting\.liability_current"):
            await reporting.install(connection)

    assert await connections.fetch("SELECT * FROM public.mine")


async def _reshape(connections: Pool) -> None:
    """Put an earlier version with other columns in the place of a report."""
    async with connections.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL ROLE giftledger_owner")
        await connection.execute("DROP VIEW reporting.liability_current")
        await connection.execute("CREATE VIEW reporting.liability_current AS SELECT 'earlier' AS of_other_shape")


async def test_time_zones_that_a_newer_server_no_longer_knows_are_forgotten(connections: Pool) -> None:
    await connections.execute("INSERT INTO giftcert.time_zone VALUES ('Mars/Olympus')")

    async with connections.acquire() as connection:
        await reporting.install(connection)

    with pytest.raises(asyncpg.UniqueViolationError):
        await connections.execute("INSERT INTO giftcert.time_zone VALUES ('America/Toronto')")
    assert not await connections.fetch("SELECT FROM giftcert.time_zone WHERE name = 'Mars/Olympus'")
