"""The journal: append-only, corrected as in any books, and the same sums whatever the order."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from consumer.books.rebooking import run_tasks
from consumer.common.settings import Settings
from consumer.operate.verify import verify
from consumer.postgres.database import Pool
from deploy.local.stack import Stack
from tests.applying import applied, standing
from tests.builders import DEFINITION_ID, bought, definition, event, paid_with
from tests.databases import unguarded
from tests.histories import batches
from tests.laboratory import Laboratory
from tests.reference import Delivery

ENTRIES = "SELECT movement, change, entry, caused_by FROM journal ORDER BY id"


@pytest.fixture(scope="module")
def laboratory(stack: Stack, template: str, say: Callable[[str], None]) -> Iterator[Laboratory]:
    laboratory = Laboratory(stack.postgres.create_database("journal", template))
    yield laboratory
    laboratory.close()
    stack.postgres.drop_database("journal")
    say(f"journal: {laboratory.histories:,} random histories booked")


async def entries(connections: Pool) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await connections.fetch(ENTRIES)]


async def test_the_newest_event_costs_one_line(connections: Pool) -> None:
    purchase, payment = event(bought()), event(paid_with(4_000_000, updated=60))

    await applied(connections, purchase)
    await applied(connections, payment)

    assert await entries(connections) == [
        ("issued", 5_000_000, 1, purchase.order.event_id),
        ("redeemed", -1_000_000, 1, payment.order.event_id),
    ]


async def test_an_event_between_others_takes_the_next_line_back_and_books_it_again(connections: Pool) -> None:
    purchase, payment = event(bought()), event(paid_with(1_000_000, updated=60))
    late = event(paid_with(3_000_000, updated=30))
    await applied(connections, purchase, payment)

    await applied(connections, late)

    assert sorted((await entries(connections))[2:]) == sorted(
        [
            ("redeemed", 4_000_000, -1, late.order.event_id),
            ("redeemed", -2_000_000, 1, late.order.event_id),
            ("redeemed", -2_000_000, 1, late.order.event_id),
        ]
    )


async def test_each_line_is_corrected_because_of_the_late_event_before_it(connections: Pool) -> None:
    first, second = event(paid_with(4_000_000, updated=30)), event(paid_with(1_000_000, updated=90))
    await applied(connections, event(bought()), first, second)

    early, later = event(paid_with(4_500_000, updated=20)), event(paid_with(2_000_000, updated=60))
    await applied(connections, later, early)

    rows = await connections.fetch(
        "SELECT event_id, caused_by, entry FROM journal WHERE caused_by IN ($1, $2) ORDER BY effective_at, entry",
        early.order.event_id,
        later.order.event_id,
    )
    assert [tuple(row) for row in rows] == [
        (early.order.event_id, early.order.event_id, 1),
        (first.order.event_id, early.order.event_id, -1),
        (first.order.event_id, early.order.event_id, 1),
        (later.order.event_id, later.order.event_id, 1),
        (second.order.event_id, later.order.event_id, -1),
        (second.order.event_id, later.order.event_id, 1),
    ]


async def test_what_an_event_changes_of_lines_before_it_names_that_event_and_not_the_batchs_last(
    connections: Pool,
) -> None:
    await applied(connections, event(bought()))
    names_it, later = event(paid_with(4_000_000, updated=30, accountId="a")), event(paid_with(3_000_000, updated=60))

    await applied(connections, names_it, later)

    purchase = "SELECT account_id, entry, caused_by FROM journal WHERE movement = 'issued' ORDER BY id OFFSET 1"
    assert [tuple(row) for row in await connections.fetch(purchase)] == [
        (None, -1, names_it.order.event_id),
        ("a", 1, names_it.order.event_id),
    ]


async def test_a_late_purchase_books_first_sight_back(connections: Pool) -> None:
    await applied(connections, event(paid_with(3_500_000, updated=60)))
    assert await standing(connections) == [("first_seen", 3_500_000)]

    await applied(connections, event(bought()))

    assert await standing(connections) == [("issued", 5_000_000), ("redeemed", -1_500_000)]


async def test_what_is_created_again_later_has_no_line(connections: Pool) -> None:
    await applied(connections, event(bought()))
    await applied(connections, event(bought(6_000_000, updated=60)))

    assert await standing(connections) == [("issued", 5_000_000)]


async def test_an_event_that_changes_nothing_has_no_line(connections: Pool) -> None:
    await applied(connections, event(bought()), event(paid_with(5_000_000, updated=60, status="looked at")))

    assert await standing(connections) == [("issued", 5_000_000)]


async def test_a_purchase_that_is_void_already_sells_and_voids(connections: Pool) -> None:
    await applied(connections, event(bought(deleted=True)))

    assert await standing(connections) == [("issued", 5_000_000), ("voided", -5_000_000)]


async def test_a_discount_is_redeemed_in_its_share(connections: Pool) -> None:
    """4.00 for 5.00: of 1.00 that is paid with, 0.80 had been paid for."""
    await applied(connections, event(bought(500_000, price=400_000)), event(paid_with(400_000, updated=60)))

    rows = await connections.fetch("SELECT change, change_at_consideration FROM journal ORDER BY id")
    assert [tuple(row) for row in rows] == [(500_000, 400_000), (-100_000, -80_000)]


async def test_a_line_of_a_closed_month_is_booked_into_the_first_open_one(connections: Pool) -> None:
    await unguarded(connections, "INSERT INTO closed_period (account_id, month) VALUES ('closed', '2026-06-01')")

    await applied(connections, event(bought(accountId="closed", _id="a")), event(bought(accountId="open", _id="b")))
    await applied(connections, event(bought(accountId="closed", _id="a", envelope={"livemode": False})))

    rows = await connections.fetch("SELECT certificate_id, livemode, period::text, posting_day::text FROM journal")
    assert sorted(map(tuple, rows)) == [
        ("a", False, "2026-06-01", "2026-06-01"),
        ("a", True, "2026-07-01", "2026-06-01"),
        ("b", True, "2026-06-01", "2026-06-01"),
    ]


async def test_the_first_currency_of_a_definition_counts_whatever_it_says_later(connections: Pool) -> None:
    await applied(connections, event(definition(currencyCode="EUR")))
    await applied(connections, event(definition("updated", updated=60, currencyCode="USD")))

    await applied(connections, event(bought(certDefId=DEFINITION_ID)))

    assert await connections.fetchval("SELECT currency FROM journal") == "EUR"


async def test_a_late_event_is_booked_in_the_currency_of_the_definition_that_is_known(connections: Pool) -> None:
    nowhere: dict[str, Any] = {"shiftLocation": {}, "certDefId": DEFINITION_ID}
    await applied(connections, event(definition(currencyCode="EUR")), event(bought(**nowhere)))
    await applied(connections, event(paid_with(3_000_000, updated=60, **nowhere)))
    await applied(connections, event(paid_with(4_000_000, updated=30, **nowhere)))

    assert {tuple(row) for row in await connections.fetch("SELECT DISTINCT currency FROM journal")} == {("EUR",)}


async def test_what_is_booked_again_names_the_task_of_its_own_definition(connections: Pool) -> None:
    await applied(connections, *[event(bought(_id=f"of {one}", certDefId=one)) for one in ("first", "second")])
    await applied(connections, event(definition(_id="first", currencyCode="EUR")))
    await applied(connections, event(definition(_id="second", currencyCode="GBP")))

    await run_tasks(connections)

    named = "SELECT DISTINCT definition_id, caused_by FROM journal WHERE caused_by LIKE 'task:%' ORDER BY 1"
    tasks = "SELECT definition_id, 'task:' || id FROM rebooking_task ORDER BY 1"
    assert await connections.fetch(named) == await connections.fetch(tasks)
    assert await connections.fetchval("SELECT count(*) FROM rebooking_task") == 2


@pytest.mark.parametrize("role", ["giftledger_writer", "giftledger_reporting"])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE giftcert.journal SET change = 0",
        "DELETE FROM giftcert.journal",
        "TRUNCATE giftcert.journal",
        "UPDATE giftcert.settled SET topic = ''",
        "DELETE FROM giftcert.settled",
        "DELETE FROM giftcert.exception_acknowledgement",
    ],
)
async def test_no_role_may_change_what_was_booked(connections: Pool, role: str, change: str) -> None:
    await applied(connections, event(bought()))

    async with connections.acquire() as connection, connection.transaction():
        await connection.execute(f"SET LOCAL ROLE {role}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(change)


async def test_verify_names_what_differs_and_mends_it(settings: Settings, connections: Pool) -> None:
    await applied(connections, event(bought(_id="intact")), event(bought(_id="damaged")))
    await connections.execute("UPDATE certificate_history SET balance = 4000000 WHERE certificate_id = 'damaged'")

    found = await verify(settings, mend=False)
    assert (found.certificates, list(found.differing)) == (2, [("damaged", True)])
    mended = await verify(settings, mend=True)
    assert mended.mended == 1

    assert (await verify(settings, mend=False)).differing == {}
    assert await standing(connections) == [("issued", 4_000_000), ("issued", 5_000_000)]
    assert (await entries(connections))[-1][-1] == "verify"


async def test_lines_without_a_history_are_named_and_taken_back(settings: Settings, connections: Pool) -> None:
    await applied(connections, event(bought(_id="gone")))
    await connections.execute("DELETE FROM certificate_history")
    await connections.execute("DELETE FROM certificate")

    assert (await verify(settings, mend=True)).differing == {("gone", True): ["journal"]}

    assert (await verify(settings, mend=False)).differing == {}
    assert await standing(connections) == []


thorough = hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@thorough
@given(batches=batches())
def test_what_was_said_between_batches_is_what_is_said_of_then_at_the_end(
    laboratory: Laboratory, batches: list[list[Delivery]]
) -> None:
    async def said() -> list[tuple[datetime, Counter[Any]]]:
        await laboratory.empty()
        taken = []
        for batch in batches:
            await laboratory.work([batch])
            await laboratory.read()
            now = await laboratory.connections.fetchval("SELECT clock_timestamp()")
            taken.append((now, await laboratory.journal()))
        return taken

    for known_at, then in laboratory.run(said()):
        assert laboratory.run(laboratory.journal(known_at)) == then
