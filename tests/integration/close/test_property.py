"""Random histories with closes on the way: signed months never change, and the topics come to the same."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from consumer.close import store
from consumer.close.month import Period
from consumer.close.prepare import _cut
from consumer.close.sign import sign
from consumer.close.verify import evidence
from consumer.close.verify.database import verify_close
from consumer.close.verify.evidence import gathered
from consumer.close.verify.from_topics import verify_from_topics
from consumer.common.settings import load
from consumer.kafka.topics import create_topics
from consumer.postgres.database import statement
from deploy.local.stack import Stack
from tests.builders import webhook
from tests.closing import KEY, Applied, private_key, publish
from tests.laboratory import Laboratory

MONTHS = [date(2026, month, 1) for month in (5, 6, 7, 8)]
CLOSES = ("close_signature", "close_manifest", "close_certificate", "close_rollforward", "close_records")

_days = st.builds(
    lambda month, day, hour: datetime(2026, month, day, hour, tzinfo=UTC),
    st.integers(5, 8),
    st.sampled_from([1, 15, 30]),
    st.sampled_from([0, 12, 23]),
)
_certificates = st.fixed_dictionaries(
    {"_id": st.sampled_from(["c1", "c2", "c3"]), "balance": st.integers(-1, 9)},
    optional={
        "price": st.integers(0, 9),
        "accountId": st.sampled_from(["a1", "a1", "a2"]),
        "certDefId": st.just("d1"),
        "deleted": st.booleans(),
        "shiftLocation": st.fixed_dictionaries(
            {"stationId": st.sampled_from(["s1", "s2"])},
            optional={
                "primaryCurrencyCode": st.sampled_from(["CAD", "USD"]),
                "timeZone": st.sampled_from(["Pacific/Auckland", "Pacific/Pago_Pago"]),
            },
        ),
    },
)
_definitions = st.fixed_dictionaries({"_id": st.just("d1"), "currencyCode": st.sampled_from(["EUR", "CAD", ""])})
_events = st.one_of(
    st.tuples(st.sampled_from(["giftcertificate.created", "giftcertificate.updated"]), _certificates, _days),
    st.tuples(st.sampled_from(["giftcertificate.updated"]), _certificates, _days),
    st.tuples(st.sampled_from(["giftcertificates.created", "giftcertificates.updated"]), _definitions, _days),
)


class Part(NamedTuple):
    """What happens before a month is closed: events come, some die, and what died before is sent again."""

    events: list[tuple[str, dict[str, Any], datetime]]
    dying: set[int]


_parts = st.lists(
    st.builds(Part, st.lists(_events, max_size=4), st.sets(st.integers(0, 3), max_size=1)), min_size=4, max_size=4
)


@pytest.fixture(scope="module")
def laboratory(stack: Stack, template: str, say: Callable[[str], None]) -> Iterator[Laboratory]:
    laboratory = Laboratory(stack.postgres.create_database("closes", template))
    yield laboratory
    laboratory.close()
    stack.postgres.drop_database("closes")
    say(f"closes: {laboratory.histories:,} random histories closed and derived again")


@pytest.fixture(scope="module")
def books(stack: Stack, laboratory: Laboratory) -> Applied:
    settings = load(
        {
            **stack.environment(),
            "DATABASE_URL": stack.postgres.url("closes"),
            "TOPIC_PREFIX": "closes",
            "TOPIC_PARTITIONS": "2",
            "WEBHOOK_SIGNING_KEYS": f"test={KEY}",
        }
    )
    laboratory.run(create_topics(settings))
    return Applied(settings, laboratory.connections)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return private_key(tmp_path_factory.mktemp("keys"), "Bob")


@pytest.fixture(autouse=True, scope="module")
def files() -> Iterator[None]:
    """Have what records say in several files, as that of a large topic is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "_AT_ONCE", 2)
        yield


@hypothesis_settings(max_examples=15, deadline=None, phases=[Phase.generate])
@given(parts=_parts)
def test_signed_months_never_change_and_are_what_the_topics_come_to(
    laboratory: Laboratory, books: Applied, key: Path, parts: list[Part]
) -> None:
    laboratory.run(_history(laboratory, books, key, parts))


async def _history(laboratory: Laboratory, books: Applied, key: Path, parts: list[Part]) -> None:
    await laboratory.empty()
    await laboratory.connections.execute(f"TRUNCATE {', '.join(CLOSES)}, close, close_prepared, closed_period")
    signed: dict[Period, list[tuple[Any, ...]]] = {}
    dead: list[dict[str, Any]] = []
    async with store.session(books.settings) as connection:
        for month, part in zip(MONTHS, parts, strict=True):
            bodies = [_webhook(*event) for event in part.events]
            dying = [bodies[number] for number in part.dying if number < len(bodies)]
            again, dead = dead, dying
            await publish(books.settings, [*bodies, *again])
            await books.catch_up(dying=[body["attemptId"] for body in dying] if not again else [])
            if again:
                dead = []
            for account in await store.accounts(connection, month):
                period = Period(month, account)
                if await _close(connection, period, key):
                    signed[period] = await _booked(connection, period)
        async with gathered(connection, books.settings, signed) as said:
            for period, rows in signed.items():
                assert [one async for one in verify_close(connection, period)] == []
                assert [one async for one in verify_from_topics(connection, said, period)] == []
                assert await _booked(connection, period) == rows
                assert await _rollforward(connection, period) == rows


def _webhook(event: str, data: dict[str, Any], happened: datetime) -> dict[str, Any]:
    date = {"value": happened.isoformat(), "offset": 0}
    return webhook(event, data | {"updatedAt": date}, created=int(happened.timestamp()))


async def _close(connection: Any, period: Period, key: Path) -> bool:
    """Close a month in its turn, whatever may be said against it."""
    await connection.execute(statement("close/prepare"), *period, "Ann", "[]", "[]")
    prepared = await store.prepared(connection, period)
    if prepared is None or await _cut(connection, period, prepared.id, "Ann", 5):
        return False
    await sign(connection, period, key, by="Bob")
    return True


async def _booked(connection: Any, period: Period) -> list[tuple[Any, ...]]:
    return [
        tuple(row)
        for row in await connection.fetch(
            "SELECT currency, issuing_station_id, opening, issued, first_seen, adjusted_up, redeemed, voided, closing,"
            " of_which_for_earlier_months FROM reporting.books_monthly"
            " WHERE month = $1 AND account_id IS NOT DISTINCT FROM $2"
            " AND (opening, issued, first_seen, adjusted_up, redeemed, voided, closing) <> (0, 0, 0, 0, 0, 0, 0)"
            ' ORDER BY currency COLLATE "C", issuing_station_id COLLATE "C" NULLS FIRST',
            *period,
        )
    ]


async def _rollforward(connection: Any, period: Period) -> list[tuple[Any, ...]]:
    return [
        tuple(row)
        for row in await connection.fetch(
            "SELECT currency, issuing_station_id, opening * 0.00001, issued * 0.00001, first_seen * 0.00001,"
            " adjusted_up * 0.00001, redeemed * 0.00001, voided * 0.00001, closing * 0.00001,"
            " for_earlier_months * 0.00001 FROM giftcert.close_rollforward JOIN giftcert.close ON close.id = close_id"
            " WHERE month = $1 AND account_id IS NOT DISTINCT FROM $2"
            " AND (opening, issued, first_seen, adjusted_up, redeemed, voided, closing) <> (0, 0, 0, 0, 0, 0, 0)"
            " ORDER BY currency, issuing_station_id NULLS FIRST",
            *period,
        )
    ]
