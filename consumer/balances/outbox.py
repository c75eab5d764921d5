"""Outbox: which certificates have changed, and what they are now.

A row says that a certificate has changed since it was published; nothing is read from it but that, and the version that
belongs to the state as it stands. So no change can be committed behind a reader: whenever it is committed, its row is
there, or is there again, with a higher version than any that was published.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from consumer.books.journal import Key, columns_of
from consumer.postgres.database import Connection, statement
from schemas.balances import Balance, Changed, Money, Station


class State(NamedTuple):
    """A certificate as the tables have it; the version where it is in the outbox, the balance where it is at all."""

    key: Key
    version: int | None
    changed_at: datetime | None
    balance: Balance | None
    traceparent: str | None


async def changed_behind(connection: Connection, key: Key, most: int) -> list[Changed]:
    """Read what has changed behind a key, in the order of keys: version and state of each in one snapshot."""
    keys = [(row[0], row[1]) for row in await connection.fetch(statement("balances/page"), *key, most)]
    return [
        Changed(*state.key, state.version, state.changed_at, state.balance, state.traceparent)
        for state in await read_states(connection, keys)
        # Another publisher may have taken it out meanwhile.
        if state.version is not None and state.changed_at is not None
    ]


async def read_states(connection: Connection, keys: Sequence[Key]) -> list[State]:
    """Read certificates as they stand, in one snapshot."""
    rows = await connection.fetch(statement("balances/states"), *columns_of(keys)) if keys else ()
    return [
        State(
            (row["certificate_id"], row["livemode"]),
            row["version"],
            row["changed_at"],
            None if row["event_id"] is None else _balance(row),
            row["traceparent"],
        )
        for row in rows
    ]


async def take_out(connection: Connection, published: Sequence[Changed]) -> None:
    """Take out what is published, unless it has changed since."""
    if published:
        columns = [list(column) for column in zip(*(one[:3] for one in published), strict=True)]
        await connection.execute(statement("balances/published"), *columns)


async def put_in(connection: Connection, keys: Sequence[Key]) -> None:
    """Have certificates published once more, under new versions; of those that are no more, that they are not."""
    keys = sorted(keys)
    async with connection.transaction():
        # Versions rise only for him who holds the row.
        await connection.execute(statement("books/lock"), *columns_of(keys))
        await publish_again(connection, keys)


async def publish_again(connection: Connection, keys: Sequence[Key]) -> None:
    """Have balances published under new versions; this transaction holds the rows of their certificates locked."""
    await connection.execute(statement("balances/again"), *columns_of(keys))


def _balance(row: Any) -> Balance:
    return Balance(
        certificate_id=row["certificate_id"],
        livemode=row["livemode"],
        version=row["version"] or NO_VERSION,
        event_id=row["event_id"],
        account_id=row["account_id"],
        definition_id=row["definition_id"],
        currency=row["currency"],
        balance=Money.of(0 if row["deleted"] else row["balance"]),
        consideration=Money.of(row["consideration"]),
        face_value=_money(row["face_value"]),
        price=_money(row["price"]),
        is_voided=row["deleted"],
        issuing_station=_station(row["issuing_station_id"], row["issuing_station_name"]),
        last_station=_station(row["station_id"], row["station_name"]),
        issued_at=row["issued_at"],
        updated_at=row["updated_at"],
    )


# Of a state that is not to be published.
NO_VERSION = 0


def _money(units: int | None) -> Money | None:
    return None if units is None else Money.of(units)


def _station(station_id: str | None, name: str | None) -> Station | None:
    return None if station_id is None and name is None else Station(station_id, name)
