"""The digest of each certificate follows its tables: the newest balance, the first event and the first created one."""

from datetime import timedelta
from typing import Any

from consumer.postgres import reporting
from consumer.postgres.database import Pool
from tests.builders import bought, paid_with
from tests.reference import Delivery
from tests.reporting.loading import load
from tests.reporting.year import ACCOUNT_CURRENCIES, START, TIME_ZONE, a_year

KEPT = """
SELECT certificate_id, livemode, began_at, updated_at, balance, purchase_event_id, face_value
FROM reporting_internal.certificate_digest
"""
TOLD = """
WITH life AS (
    SELECT certificate_id, livemode, min(occurred_at) AS began_at
    FROM giftcert.certificate_history
    GROUP BY certificate_id, livemode
),
purchase AS (
    SELECT DISTINCT ON (certificate_id, livemode) certificate_id, livemode, event_id, occurred_at, balance
    FROM giftcert.certificate_history
    WHERE kind = 'created'
    ORDER BY certificate_id, livemode, occurred_at, emitted_at, coalesce(transactions_paid, -1), event_id
)
SELECT
    certificate_id, livemode, coalesce(life.began_at, certificate.occurred_at),
    greatest(certificate.occurred_at, purchase.occurred_at),
    certificate.balance, purchase.event_id, purchase.balance
FROM giftcert.certificate
LEFT JOIN life USING (certificate_id, livemode)
LEFT JOIN purchase USING (certificate_id, livemode)
"""


async def rows(connections: Pool, sql: str) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in await connections.fetch(sql)}


async def face_values(connections: Pool) -> list[int]:
    return [int(value) for (value,) in await connections.fetch("SELECT face_value FROM reporting.certificate_current")]


async def test_a_year_of_late_and_repeated_events_leaves_what_its_history_says(connections: Pool) -> None:
    await load(connections, a_year(4, certificates=150), ACCOUNT_CURRENCIES, TIME_ZONE, batch=7)

    kept = await rows(connections, KEPT)
    assert len(kept) > 100
    assert kept == await rows(connections, TOLD)


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


async def test_a_late_payment_is_the_first_event_where_it_happened_before_the_purchase(connections: Pool) -> None:
    for body in (bought(5_000_000, updated=5), paid_with(1_000_000, updated=3)):
        await load(connections, [Delivery(body, START)])

    assert await rows(connections, KEPT) == await rows(connections, TOLD)


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
    assert await rows(connections, KEPT) == await rows(connections, TOLD)

    await load(connections, [Delivery(bought(3_000_000, _id="1" * 24), START)])
    assert len(await rows(connections, KEPT)) == 3
    assert await rows(connections, KEPT) == await rows(connections, TOLD)
