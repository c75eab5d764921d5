"""What the database holds against what the simulator knows to be true."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

import asyncpg

from consumer.traffic import Truth

T = TypeVar("T")
Key = tuple[str, bool]  # entity id, livemode

UNITS = 100_000  # a report's 1.00 is this much of the sender's money


class Comparison(NamedTuple):
    """How many of what agree; ``differences`` says which do not, ready to print."""

    what: str
    agreeing: int
    total: int
    differences: list[str]
    is_money: bool = False

    @property
    def agrees(self) -> bool:
        return not self.differences


async def compare(database: asyncpg.Connection, truth: Truth) -> list[Comparison]:
    """Compare every balance, history and definition. Live balances are read where finance reads them."""
    return [
        compare_values("balances", await _balances(database), _true_balances(truth), is_money=True),
        compare_values("face values", await _face_values(database), _true_face_values(truth), is_money=True),
        compare_values(
            "liability totals",
            {("total", True): await _liability(database)},
            {("total", True): sum(truth.certificates[key].balance for key in truth.certificates if key[1])},
            is_money=True,
        ),
        compare_values("histories", await _histories(database), _true_histories(truth)),
        compare_values("definitions (tombstones included)", await _deleted(database), _true_deleted(truth)),
        _compare_ledger(await database.fetchval("SELECT count(*) FROM giftcert.webhook_attempt"), truth),
    ]


def compare_values(what: str, found: Mapping[Key, T], true: Mapping[Key, T], *, is_money: bool = False) -> Comparison:
    """Compare what was found with the truth: nothing may be wrong, missing or too much."""
    wrong = [key for key in true.keys() | found.keys() if found.get(key) != true.get(key)]
    differences = [
        f"{what}: {entity} ({'live' if livemode else 'test'}) should be {true.get((entity, livemode))}, "
        f"is {found.get((entity, livemode))}"
        for entity, livemode in sorted(wrong)
    ]
    return Comparison(what, len(true.keys() - set(wrong)), len(true), differences, is_money)


def _compare_ledger(found: int, truth: Truth) -> Comparison:
    differences = [] if found == truth.attempts else [f"ledger: {truth.attempts} attempts expected, {found} found"]
    return Comparison("attempts in the ledger", min(found, truth.attempts), truth.attempts, differences)


async def _balances(database: asyncpg.Connection) -> dict[Key, int]:
    live = await database.fetch("SELECT certificate_id, balance FROM reporting.certificate_current")
    test = await database.fetch("SELECT certificate_id, balance FROM giftcert.certificate WHERE NOT livemode")
    return {
        **{(row["certificate_id"], True): int(row["balance"] * UNITS) for row in live},
        **{(row["certificate_id"], False): row["balance"] for row in test},
    }


async def _liability(database: asyncpg.Connection) -> int:
    return int(await database.fetchval("SELECT sum(outstanding) FROM reporting.liability_current") * UNITS)


async def _face_values(database: asyncpg.Connection) -> dict[Key, int]:
    rows = await database.fetch(
        "SELECT certificate_id, face_value FROM reporting.certificate_current WHERE is_purchase_known"
    )
    return {(row["certificate_id"], True): int(row["face_value"] * UNITS) for row in rows}


async def _histories(database: asyncpg.Connection) -> dict[Key, int]:
    return _by_key(
        await database.fetch(
            "SELECT certificate_id, livemode, count(*) FROM giftcert.certificate_history GROUP BY 1, 2"
        )
    )


async def _deleted(database: asyncpg.Connection) -> dict[Key, bool]:
    return _by_key(
        await database.fetch("SELECT definition_id, livemode, deleted_at IS NOT NULL FROM giftcert.definition")
    )


def _by_key(rows: Iterable[asyncpg.Record]) -> dict[Key, T]:
    return {(entity, livemode): value for entity, livemode, value in rows}


def _true_balances(truth: Truth) -> dict[Key, int]:
    return {key: certificate.balance for key, certificate in truth.certificates.items()}


def _true_face_values(truth: Truth) -> dict[Key, int]:
    return {
        (entity, livemode): certificate.face_value
        for (entity, livemode), certificate in truth.certificates.items()
        if livemode and certificate.purchase_sent
    }


def _true_histories(truth: Truth) -> dict[Key, int]:
    return {key: certificate.events for key, certificate in truth.certificates.items()}


def _true_deleted(truth: Truth) -> dict[Key, bool]:
    return {key: definition.deleted for key, definition in truth.definitions.items()}
