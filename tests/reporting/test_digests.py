"""The digest of each certificate follows its tables: the newest balance and the first created event."""

from datetime import timedelta
from typing import Any

from consumer import reporting
from consumer.database import Pool
from tests.builders import bought, paid_with
from tests.reference import Delivery
from tests.reporting.loading import load
from tests.reporting.year import ACCOUNT_CURRENCIES, START, TIME_ZONE, a_year

KEPT = """
SELECT certificate_id, livemode, purchase_event_id, purchase_received_at
FROM reporting_internal.certificate_digest
WHERE purchase_event_id IS NOT NULL
"""
HISTORY = """
SELECT DISTINCT ON (certificate_id, livemode) certificate_id, livemode, event_id, received_at
FROM giftcert.certificate_history
WHERE kind = 'created'
ORDER BY certificate_id, livemode, occurred_at, emitted_at, event_id
"""


async def rows(connections: Pool, sql: str) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in await connections.fetch(sql)}


async def face_values(connections: Pool) -> list[int]:
    return [int(value) for (value,) in await connections.fetch("SELECT face_value FROM reporting.certificate_current")]


async def test_a_year_of_late_and_repeated_events_leaves_the_purchases_of_its_history(connections: Pool) -> None:
    await load(connections, a_year(4, certificates=150), ACCOUNT_CURRENCIES, TIME_ZONE, batch=7)

    kept = await rows(connections, KEPT)
    assert len(kept) > 100
    assert kept == await rows(connections, HISTORY)


async def test_of_two_created_events_the_earlier_one_is_the_purchase_in_whichever_order_they_come(
    connections: Pool,
) -> None:
    for at, later in enumerate((bought(4_000_000, updated=9), bought(5_000_000, updated=5))):
        await load(connections, [Delivery(later, START + timedelta(seconds=at))])
    assert await face_values(connections) == [50]

    await load(connections, [Delivery(bought(3_000_000, updated=7), START + timedelta(seconds=9))])
    assert await face_values(connections) == [50]


async def test_a_purchase_that_comes_after_a_payment_is_kept(connections: Pool) -> None:
    await load(connections, [Delivery(paid_with(1_000_000, updated=9), START)])
    await load(connections, [Delivery(bought(5_000_000), START + timedelta(days=1))])

    assert await face_values(connections) == [50]


async def test_a_resend_that_arrived_earlier_shows_that_the_purchase_was_known_earlier(connections: Pool) -> None:
    body = bought(5_000_000)
    await load(connections, [Delivery(body, START + timedelta(days=9))])
    await load(connections, [Delivery({**body, "attemptId": "again"}, START)])

    assert {received_at for *_, received_at in await rows(connections, KEPT)} == {START}


async def test_a_history_that_was_swapped_in_is_brought_over_and_followed(connections: Pool) -> None:
    """What a rebuild does: another table takes the history's place, and the reports are installed again."""
    await load(connections, [Delivery(bought(5_000_000), START), Delivery(bought(4_000_000, _id="0" * 24), START)])
    async with connections.acquire() as connection, connection.transaction():
        await connection.execute("ALTER TABLE certificate_history RENAME TO old_history")
        await connection.execute("CREATE TABLE certificate_history (LIKE old_history INCLUDING ALL)")
        await connection.execute("ALTER TABLE certificate_history OWNER TO giftledger_owner")
        await connection.execute(
            "INSERT INTO certificate_history SELECT * FROM old_history WHERE certificate_id = repeat('0', 24)"
        )
        await reporting.install(connection)
    assert await rows(connections, KEPT) == await rows(connections, HISTORY)

    await load(connections, [Delivery(bought(3_000_000, _id="1" * 24), START)])
    assert len(await rows(connections, KEPT)) == 2
    assert await rows(connections, KEPT) == await rows(connections, HISTORY)
