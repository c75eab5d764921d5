"""What the database holds against what the simulator knows to be true."""

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple, TypeVar

import asyncpg

from consumer.traffic import Truth

T = TypeVar("T")
Key = tuple[str, bool]  # entity id, livemode

UNITS = 100_000  # a report's 1.00 is this much of the sender's money
UNSPECIFIED = "unspecified"  # the currency of what no event names one for


class Comparison(NamedTuple):
    """How many of what agree; ``differences`` says which do not, ready to print."""

    what: str
    agreeing: int
    total: int
    differences: list[str]

    @property
    def agrees(self) -> bool:
        return not self.differences


class Liability(NamedTuple):
    """What the reports say is outstanding in a currency, and what is. Money in 1/100000 of its unit."""

    currency: str
    reported: int
    true: int

    @property
    def agrees(self) -> bool:
        return self.reported == self.true


async def compare(database: asyncpg.Connection, truth: Truth) -> list[Comparison]:
    """Compare every balance, currency, history and definition. Live ones are read where finance reads them."""
    return [
        compare_values("balances", await _balances(database), true_balances(truth)),
        compare_values("face values", await _face_values(database), _true_face_values(truth)),
        compare_currencies(await _currencies(database), truth),
        _compare_liabilities(await liabilities(database, truth)),
        compare_values("histories", await _histories(database), _true_histories(truth)),
        compare_values("definitions", await _deleted(database), _true_deleted(truth)),
        _compare_ledger(await database.fetchval("SELECT count(*) FROM giftcert.webhook_attempt"), truth),
    ]


async def liabilities(database: asyncpg.Connection, truth: Truth) -> list[Liability]:
    """Give the liability of live traffic in each currency, as reported and as it is.

    What is unspecified in the reports is the true sum of the certificates that they call so; compare_currencies tells
    whether they may.
    """
    reported = Counter(
        {
            row["currency"]: _units(row["outstanding"])
            for row in await database.fetch(
                "SELECT currency, sum(outstanding) AS outstanding FROM reporting.liability_current GROUP BY currency"
            )
        }
    )
    said, true = await _currencies(database), Counter[str]()
    for key, certificate in truth.certificates.items():
        if key[1]:
            true[UNSPECIFIED if said.get(key) == UNSPECIFIED else certificate.currency] += certificate.balance
    return [
        Liability(currency, reported[currency], true[currency]) for currency in sorted(reported.keys() | true.keys())
    ]


def compare_currencies(said: Mapping[Key, str], truth: Truth) -> Comparison:
    """Compare the currency of every live certificate; unspecified is right where nothing told it."""
    live = {key: certificate for key, certificate in truth.certificates.items() if key[1]}
    true = {
        key: UNSPECIFIED if said.get(key) == UNSPECIFIED and not certificate.currency_told else certificate.currency
        for key, certificate in live.items()
    }
    return compare_values("currencies", said, true)


def compare_values(what: str, found: Mapping[Key, T], true: Mapping[Key, T]) -> Comparison:
    """Compare what was found with the truth: nothing may be wrong, missing or too much."""
    wrong = [key for key in true.keys() | found.keys() if found.get(key) != true.get(key)]
    differences = [
        f"{what}: {entity} ({'live' if livemode else 'test'}) should be {true.get((entity, livemode))}, "
        f"is {found.get((entity, livemode))}"
        for entity, livemode in sorted(wrong)
    ]
    return Comparison(what, len(true.keys() - set(wrong)), len(true), differences)


def _compare_liabilities(found: list[Liability]) -> Comparison:
    differences = [
        f"liability in {one.currency} should be {one.true}, is {one.reported}" for one in found if not one.agrees
    ]
    return Comparison("liabilities by currency", len(found) - len(differences), len(found), differences)


def _compare_ledger(found: int, truth: Truth) -> Comparison:
    differences = [] if found == truth.attempts else [f"ledger: {truth.attempts} attempts expected, {found} found"]
    return Comparison("attempts in the ledger", min(found, truth.attempts), truth.attempts, differences)


async def _balances(database: asyncpg.Connection) -> dict[Key, int]:
    live = await database.fetch("SELECT certificate_id, balance FROM reporting.certificate_current")
    test = await database.fetch("SELECT certificate_id, balance FROM giftcert.certificate WHERE NOT livemode")
    return {
        **{(row["certificate_id"], True): _units(row["balance"]) for row in live},
        **{(row["certificate_id"], False): row["balance"] for row in test},
    }


async def _currencies(database: asyncpg.Connection) -> dict[Key, str]:
    rows = await database.fetch("SELECT certificate_id, currency FROM reporting.certificate_current")
    return {(row["certificate_id"], True): row["currency"] for row in rows}


async def _face_values(database: asyncpg.Connection) -> dict[Key, int]:
    rows = await database.fetch(
        "SELECT certificate_id, face_value FROM reporting.certificate_current WHERE is_purchase_known"
    )
    return {(row["certificate_id"], True): _units(row["face_value"]) for row in rows}


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


def _units(amount: Decimal) -> int:
    return int(amount * UNITS)


def _by_key(rows: Iterable[asyncpg.Record]) -> dict[Key, T]:
    return {(entity, livemode): value for entity, livemode, value in rows}


def true_balances(truth: Truth) -> dict[Key, int]:
    """Give every balance that the simulator knows, in 1/100000."""
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
