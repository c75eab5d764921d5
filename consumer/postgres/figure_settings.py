"""Figure settings: the two settings that decide figures count as they stand in the database.

``giftledger migrate`` writes them there.

A process whose environment gives another value is not wrong about the figures, for nobody computes with the value: it
was deployed with a change that has not been made, or has been taken back.
"""

from collections.abc import Mapping

from msgspec import Struct

from consumer.common.diagnosis import Diagnosis
from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from consumer.postgres.database import Connection, statement

# So many accounts are named where they differ.
SHOWN_ACCOUNTS = 5


class FigureSettings(Struct, frozen=True):
    """REPORTING_TIME_ZONE and ACCOUNT_CURRENCIES as they stand in the database."""

    time_zone: str
    account_currencies: Mapping[str, str]


async def standing(connection: Connection) -> FigureSettings:
    """Read what stands in the database."""
    time_zone = await connection.fetchval("SELECT time_zone FROM giftcert.reporting_setting")
    currencies = await connection.fetch("SELECT account_id, currency_code FROM giftcert.account_currency")
    return FigureSettings(time_zone, {row["account_id"]: row["currency_code"] for row in currencies})


def disagreement(settings: Settings, standing: FigureSettings) -> Diagnosis | None:
    """Say where the environment says otherwise than the database; a setting that is not given says nothing."""
    differences = _differences(settings, standing)
    if not differences:
        return None
    return Diagnosis(
        f"{'; '.join(differences)}: what stands in the database counts",
        "Run `giftledger migrate` with the settings that are right, and start every worker with the same.",
    )


def _differences(settings: Settings, standing: FigureSettings) -> list[str]:
    differences = []
    if settings.reporting_time_zone not in {None, standing.time_zone}:
        differences.append(
            f"REPORTING_TIME_ZONE is {settings.reporting_time_zone} here and {standing.time_zone} in the database"
        )
    if settings.account_currencies is not None:
        differences += _currency_differences(settings.account_currencies, standing.account_currencies)
    return differences


def _currency_differences(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    accounts = sorted(account for account in {*here, *there} if here.get(account) != there.get(account))
    named = [
        f"ACCOUNT_CURRENCIES has {account}={here.get(account, 'nothing')} here and {there.get(account, 'nothing')} in "
        "the database"
        for account in accounts[:SHOWN_ACCOUNTS]
    ]
    more = len(accounts) - SHOWN_ACCOUNTS
    return [*named, f"and {more} accounts more"] if more > 0 else named


async def write(connection: Connection, settings: Settings) -> list[str]:
    """Write the settings that the environment gives; name each change."""
    before = await standing(connection)
    if settings.reporting_time_zone is not None:
        await connection.execute(statement("settings/time_zone"), settings.reporting_time_zone)
    if (currencies := settings.account_currencies) is not None:
        await connection.execute(
            statement("settings/account_currencies"), list(currencies.keys()), list(currencies.values())
        )
    return _changes(before, await standing(connection))


async def require_known_zone(connection: Connection, settings: Settings) -> None:
    """Refuse a time zone that this Postgres does not know. Raises Fatal."""
    zone = settings.reporting_time_zone
    if zone and not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = $1)", zone):
        raise Fatal(
            f"REPORTING_TIME_ZONE: this Postgres does not know {zone}. Choose a name of its pg_timezone_names, or "
            "update the server's time zone data."
        )


def _changes(before: FigureSettings, after: FigureSettings) -> list[str]:
    changes = []
    if before.time_zone != after.time_zone:
        changes.append(f"REPORTING_TIME_ZONE: {before.time_zone} → {after.time_zone}")
    was, now = before.account_currencies, after.account_currencies
    changes += [
        f"ACCOUNT_CURRENCIES: {account}: {was.get(account, 'nothing')} → {now.get(account, 'nothing')}"
        for account in sorted({*was, *now})
        if was.get(account) != now.get(account)
    ]
    return changes
