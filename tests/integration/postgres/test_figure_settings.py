"""The settings that decide figures count as they stand in the database, and only `giftledger migrate` writes them."""

import msgspec
import pytest

from consumer.common.errors import Fatal
from consumer.common.settings import Settings, load
from consumer.postgres.database import Pool
from consumer.postgres.figure_settings import FigureSettings, disagreement, standing
from consumer.postgres.migrate import migrate


async def migrated(connections: Pool, database_url: str, **settings: str) -> FigureSettings:
    """Migrate with these settings, and give what stands in the database then."""
    await migrate(load({"DATABASE_URL": database_url, **settings}))
    async with connections.acquire() as connection:
        return await standing(connection)


async def test_at_first_the_zone_is_utc_and_no_account_has_a_currency(connections: Pool, database_url: str) -> None:
    assert await migrated(connections, database_url) == FigureSettings("UTC", {})


async def test_migrate_writes_what_its_environment_gives(connections: Pool, database_url: str) -> None:
    there = await migrated(
        connections, database_url, REPORTING_TIME_ZONE="America/Toronto", ACCOUNT_CURRENCIES="a=CAD,b=USD"
    )

    assert there == FigureSettings("America/Toronto", {"a": "CAD", "b": "USD"})


async def test_what_the_environment_does_not_give_stays(connections: Pool, database_url: str) -> None:
    before = await migrated(
        connections, database_url, REPORTING_TIME_ZONE="America/Toronto", ACCOUNT_CURRENCIES="a=CAD"
    )

    assert await migrated(connections, database_url) == before


async def test_a_list_that_is_given_replaces_the_one_before_and_none_empties_it(
    connections: Pool, database_url: str
) -> None:
    await migrated(connections, database_url, ACCOUNT_CURRENCIES="a=CAD,b=USD")

    there = await migrated(connections, database_url, ACCOUNT_CURRENCIES="b=EUR,c=USD")
    assert there.account_currencies == {"b": "EUR", "c": "USD"}
    assert (await migrated(connections, database_url, ACCOUNT_CURRENCIES="none")).account_currencies == {}


async def test_each_change_is_named(connections: Pool, database_url: str) -> None:
    await migrated(connections, database_url, ACCOUNT_CURRENCIES="a=CAD,b=USD")

    changes = await migrate(
        load({"DATABASE_URL": database_url, "REPORTING_TIME_ZONE": "Asia/Tokyo", "ACCOUNT_CURRENCIES": "a=EUR,c=JPY"})
    )

    assert changes == [
        "REPORTING_TIME_ZONE: UTC → Asia/Tokyo",
        "ACCOUNT_CURRENCIES: a: CAD → EUR",
        "ACCOUNT_CURRENCIES: b: USD → nothing",
        "ACCOUNT_CURRENCIES: c: nothing → JPY",
    ]


async def test_a_zone_that_postgres_does_not_know_is_refused_and_nothing_is_written(
    connections: Pool, database_url: str
) -> None:
    settings = load({"DATABASE_URL": database_url, "ACCOUNT_CURRENCIES": "a=CAD"})
    msgspec.structs.force_setattr(settings, "reporting_time_zone", "Mars/Olympus")  # Python knows it, say

    with pytest.raises(Fatal, match="REPORTING_TIME_ZONE: this Postgres does not know Mars/Olympus"):
        await migrate(settings)

    assert await migrated(connections, database_url) == FigureSettings("UTC", {})


THERE = FigureSettings("America/Toronto", {"a": "CAD"})


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, []),
        ({"REPORTING_TIME_ZONE": "America/Toronto", "ACCOUNT_CURRENCIES": "a=CAD"}, []),
        ({"REPORTING_TIME_ZONE": "UTC"}, ["REPORTING_TIME_ZONE is UTC here and America/Toronto in the database"]),
        ({"ACCOUNT_CURRENCIES": "a=USD"}, ["ACCOUNT_CURRENCIES has a=USD here and CAD in the database"]),
        (
            {"ACCOUNT_CURRENCIES": "b=CAD"},
            ["a=nothing here and CAD in the database", "b=CAD here and nothing in the database"],
        ),
        ({"ACCOUNT_CURRENCIES": "none"}, ["a=nothing here and CAD in the database"]),
    ],
)
def test_an_environment_that_says_otherwise_is_found_and_one_that_says_nothing_is_not(
    environment: dict[str, str], said: list[str]
) -> None:
    found = disagreement(load(environment), THERE)

    assert (found is None) == (not said)
    assert all(part in str(found) for part in said)


def test_many_accounts_that_differ_are_counted() -> None:
    here = ",".join(f"account-{number}=CAD" for number in range(30))

    assert "and 26 accounts more" in str(disagreement(load({"ACCOUNT_CURRENCIES": here}), THERE))


def test_the_settings_are_not_given_unless_somebody_gives_them() -> None:
    assert (Settings().reporting_time_zone, Settings().account_currencies) == (None, None)
