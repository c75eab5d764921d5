"""Store: the tables of closes, as their rows; sessions of the commands."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from consumer.close.month import Period
from consumer.close.signed.canonical import amount
from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from consumer.postgres.database import Connection, connect, statement
from consumer.postgres.requirements import unmet_schema


class Accepted(NamedTuple):
    """A warning that was accepted: its rule, what was found, and why it may stand."""

    rule: str
    found: str
    because: str


class Covered(NamedTuple):
    """Of a currency what was outstanding, and what of it the sender had confirmed; amounts in currency units."""

    currency: str
    outstanding: str
    confirmed: str


class Prepared(NamedTuple):
    """A preparation."""

    id: int
    period: Period
    prepared_at: datetime
    prepared_by: str
    accepted: Sequence[Accepted]
    coverage: Sequence[Covered]


class Close(NamedTuple):
    """A month of an account that was cut; ``manifest`` is None until it is derived."""

    id: int
    period: Period
    cut_at: datetime
    cut_by: str
    last_line: int
    last_settled: int
    time_zone: str
    account_currencies: dict[str, str]
    prepared: Prepared
    manifest: bytes | None


@asynccontextmanager
async def session(settings: Settings) -> AsyncIterator[Connection]:
    """Connect to a database of this version's schema. Raises Fatal."""
    connection = await connect(settings)
    try:
        if missing := await unmet_schema(connection):
            raise Fatal(f"Postgres: {missing}")
        yield connection
    finally:
        await connection.close()


async def accounts(connection: Connection, month: date) -> list[str | None]:
    """Give the accounts that a month can be closed of."""
    return [row["account_id"] for row in await connection.fetch(statement("close/accounts"), month)]


async def prepared(connection: Connection, period: Period) -> Prepared | None:
    """Give the newest preparation of a month."""
    row = await connection.fetchrow(statement("close/prepared"), *period)
    return None if row is None else _prepared(row["id"], period, row)


async def closes(connection: Connection, period: Period) -> list[Close]:
    """Give the closes of an account up to a month, in their order."""
    rows = await connection.fetch(statement("close/closes"), period.account_id, period.month)
    return [
        Close(
            row["id"],
            Period(row["month"], row["account_id"]),
            row["cut_at"],
            row["cut_by"],
            row["last_line"],
            row["last_settled"],
            row["time_zone"],
            _currencies(row["account_currencies"]),
            _prepared(row["prepared"], Period(row["prepared_month"], row["prepared_account_id"]), row),
            row["manifest"] and row["manifest"].encode(),
        )
        for row in rows
    ]


async def close_of(connection: Connection, period: Period) -> tuple[Close, Close | None]:
    """Give the close of a month and the one before it. Raises Fatal where it is not closed."""
    found = await closes(connection, period)
    if not found or found[-1].period.month != period.month:
        raise Fatal(f"{period} is not closed: `giftledger close cut` closes it.")
    return found[-1], found[-2] if len(found) > 1 else None


def utc(moment: datetime) -> str:
    """Write a time, to the microsecond, as RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _prepared(number: int, period: Period, row: Any) -> Prepared:
    try:
        accepted = [Accepted(*one) for one in json.loads(row["warnings"])]
    except (ValueError, TypeError):  # somebody has changed it: then it is not what was signed
        accepted = [Accepted("unreadable", row["warnings"], "")]
    try:
        coverage = [Covered(*one) for one in json.loads(row["coverage"])]
    except (ValueError, TypeError):  # as above
        coverage = [Covered(f"unreadable: {row['coverage']}", amount(1), amount(0))]
    return Prepared(number, period, row["prepared_at"], row["prepared_by"], accepted, coverage)


def _currencies(text: str) -> dict[str, str]:
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError):  # as above
        return {"unreadable": text}
