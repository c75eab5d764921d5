"""Closing a month: what stands against it, what closing it changes, and that it happens once."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from consumer.close import store
from consumer.close.month import Period, over_at
from consumer.close.sign import sign
from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from consumer.operate.exceptions import acknowledge
from consumer.postgres.database import Connection, Pool, statement
from consumer.worker.unfinished import OpenLetters, look
from tests.builders import bought, paid_with
from tests.closing import (
    JULY,
    JUNE,
    Applied,
    closed,
    cut,
    findings,
    manifest,
    on,
    prepare,
    publish,
    signed_rows,
    somebody_waits,
)

PERIOD, NEXT = Period(JUNE, "a1"), Period(JULY, "a1")
A1: dict[str, Any] = {"accountId": "a1", "shiftLocation": {"stationId": "toronto", "primaryCurrencyCode": "CAD"}}
JUNE_4, JUNE_20, JULY_5 = JUNE.replace(day=4), JUNE.replace(day=20), JULY.replace(day=5)

# A line as a worker books it.
A_LINE = """
    INSERT INTO giftcert.journal (
        booked_at, effective_at, change, change_at_consideration, balance, local_day, posting_day, period, movement,
        entry, livemode, is_inferred, certificate_id, event_id, caused_by, account_id, currency
    )
    SELECT clock_timestamp(), now(), 7, 7, 7, $1, $1, $1, 'issued', 1, true, false, 'x', 'x', 'x', 'a1', 'CAD'
"""


async def sold(books: Applied) -> None:
    """Sell for 50 in June, pay 10 of it in June and 15 in July."""
    await publish(
        books.settings,
        [
            bought(5_000_000, **A1, **on(JUNE_4)),
            paid_with(4_000_000, **A1, **on(JUNE_20)),
            paid_with(2_500_000, **A1, **on(JULY_5)),
        ],
    )
    await books.catch_up()


async def test_a_month_is_prepared_cut_and_signed(
    books: Applied, connection: Connection, settings: Settings, key: Path
) -> None:
    await sold(books)

    await closed(connection, settings, PERIOD, key)

    assert await signed_rows(connection, PERIOD) == [
        {"certificate_id": "60c921a917bda93f5c896b00", "currency": "CAD", "balance": 4_000_000}
    ]
    close, _ = await store.close_of(connection, PERIOD)
    (total,) = manifest(close)["totals"]
    assert (total["issued"], total["redeemed"], total["closing"]) == ("50.00000", "10.00000", "40.00000")
    assert await findings(connection, PERIOD, key.with_name("keys.pem")) == []


async def test_what_comes_late_is_booked_into_the_next_month_and_the_signed_one_stays(
    books: Applied, connection: Connection, settings: Settings, key: Path
) -> None:
    await sold(books)
    await closed(connection, settings, PERIOD, key)

    await publish(settings, [paid_with(4_500_000, **A1, **on(JUNE.replace(day=10)))])
    await books.catch_up()
    await closed(connection, settings, NEXT, key)

    closes = await connection.fetch(
        "SELECT state, prepared_by, signed_by, lines_since FROM reporting.closes ORDER BY month"
    )
    assert list(map(tuple, closes)) == [("signed", "Ann", "Bob", 3), ("signed", "Ann", "Bob", 0)]
    rows = await connection.fetch("SELECT month, closing FROM reporting.books_monthly ORDER BY month")
    assert [(row["month"], float(row["closing"])) for row in rows] == [(JUNE, 40), (JULY, 25)]
    assert await findings(connection, PERIOD) == await findings(connection, NEXT) == []


async def test_a_month_that_is_not_over_everywhere_is_not_closed(
    books: Applied, connection: Connection, settings: Settings
) -> None:
    this_month = datetime.now(UTC).date().replace(day=1)
    await sold(books)

    outlook = await prepare(connection, settings, Period(this_month, "a1"), by="Ann")

    assert [blocker.rule for blocker in outlook.blockers] == ["month_not_over"]
    assert over_at(JUNE) == datetime(2026, 7, 1, 12, tzinfo=UTC)


async def test_records_of_the_month_that_are_not_applied_block_it(
    books: Applied, connection: Connection, settings: Settings
) -> None:
    await sold(books)
    taken_at = int(datetime(2026, 7, 1, 11, 59, tzinfo=UTC).timestamp() * 1000)
    await publish(settings, [paid_with(0, **A1, **on(JUNE_20))], timestamp_ms=taken_at)

    outlook = await prepare(connection, settings, PERIOD, by="Ann")

    assert [blocker.rule for blocker in outlook.blockers] == ["records_not_applied"]


async def test_records_that_came_after_the_month_do_not_block_it(
    books: Applied, connection: Connection, settings: Settings
) -> None:
    await sold(books)
    await publish(settings, [paid_with(0, **A1, **on(JUNE_20))])

    assert (await prepare(connection, settings, PERIOD, by="Ann")).is_clear


async def test_open_rebooking_tasks_block_it(books: Applied, connection: Connection, settings: Settings) -> None:
    await sold(books)
    await connection.execute("INSERT INTO giftcert.rebooking_task (kind) VALUES ('setting')")

    outlook = await prepare(connection, settings, PERIOD, by="Ann")

    assert [blocker.rule for blocker in outlook.blockers] == ["rebooking_open"]


async def test_a_difference_of_the_rollforward_blocks_it(
    books: Applied, connection: Connection, settings: Settings
) -> None:
    await sold(books)
    await connection.execute("UPDATE giftcert.certificate SET balance = balance + 1")

    outlook = await prepare(connection, settings, PERIOD, by="Ann")

    assert ("rollforward_difference", "0.00001 CAD") in [tuple(blocker) for blocker in outlook.blockers]


async def test_a_warning_is_passed_only_with_a_reason_which_is_signed(
    books: Applied, connection: Connection, settings: Settings, key: Path
) -> None:
    await sold(books)
    await publish(settings, [bought(balance=-1, **A1 | {"_id": "negative"}, **on(JUNE_4))])
    await books.catch_up()

    outlook = await prepare(connection, settings, PERIOD, by="Ann")
    assert ([warning.rule for warning in outlook.warnings], outlook.is_clear) == (["balance_negative"], False)
    with pytest.raises(Fatal, match="--because"):
        await prepare(connection, settings, PERIOD, by="Ann", rules=["balance_negative"], because=[" "])
    with pytest.raises(Fatal, match="is not prepared"):
        await cut(connection, settings, PERIOD, by="Ann", wait_seconds=60)
    await closed(connection, settings, PERIOD, key, accept=["balance_negative"])

    close, _ = await store.close_of(connection, PERIOD)
    (accepted,) = manifest(close)["prepared"]["accepted"]
    assert accepted == {"rule": "balance_negative", "found": "1 open exceptions", "because": "a test"}


async def test_dead_letters_are_looked_for_when_a_month_is_prepared_and_cut(
    books: Applied, connection: Connection, settings: Settings, connections: Pool
) -> None:
    """What a worker has noted may be a minute old: nothing is noted here."""
    await sold(books)
    await prepare(connection, settings, PERIOD, by="Ann")
    dead = paid_with(1, **A1, **on(JUNE_20))
    await publish(settings, [dead])
    await books.catch_up(dying=[dead["attemptId"]], letters=True)

    for outlook in (
        await cut(connection, settings, PERIOD, by="Ann", wait_seconds=5),
        await prepare(connection, settings, PERIOD, by="Ann"),
    ):
        assert ([warning.rule for warning in outlook.warnings], outlook.is_clear) == (["dead_letters_open"], False)
    await look(settings, connections, OpenLetters(settings))
    await _acknowledge(settings, "dead_letters_open", settings.topic("dead-letter"))
    assert (await prepare(connection, settings, PERIOD, by="Ann")).is_clear


async def test_a_dead_letter_that_is_noted_and_was_applied_since_is_no_warning(
    books: Applied, connection: Connection, settings: Settings, connections: Pool
) -> None:
    await sold(books)
    dead = paid_with(1, **A1, **on(JUNE_20))
    await publish(settings, [dead])
    await books.catch_up(dying=[dead["attemptId"]], letters=True)
    await look(settings, connections, OpenLetters(settings))
    assert await connections.fetchval("SELECT count(*) FROM giftcert.exception WHERE rule = 'dead_letters_open'") == 1

    await publish(settings, [dead])
    await books.catch_up()

    assert (await prepare(connection, settings, PERIOD, by="Ann")).is_clear


async def _acknowledge(settings: Settings, rule: str, entity_id: str) -> None:
    await acknowledge(
        settings, rule=rule, entity_id=entity_id, event_id=None, acknowledged_by="Ada", because="a test", test=False
    )


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (["nonsense"], "nothing was found that this passes; the warnings are balance_negative"),
        (["month_not_over"], "the warnings are balance_negative"),
        (["balance_negative", "events_missing"], "--accept events_missing"),
        (["balance_negative", "balance_negative"], "each rule once"),
    ],
)
async def test_nothing_is_accepted_for_which_there_is_no_warning(
    books: Applied, connection: Connection, settings: Settings, rules: list[str], said: str
) -> None:
    await publish(settings, [bought(balance=-1, **A1, **on(JUNE_4))])
    await books.catch_up()

    with pytest.raises(Fatal, match=said):
        await prepare(connection, settings, PERIOD, by="Ann", rules=rules, because=["a test"])
    assert await connection.fetchval("SELECT count(*) FROM giftcert.close_prepared") == 0


async def test_months_are_closed_in_their_order_and_once(
    books: Applied, connection: Connection, settings: Settings, key: Path
) -> None:
    await sold(books)
    await closed(connection, settings, PERIOD, key)

    again = await prepare(connection, settings, PERIOD, by="Ann")
    too_early = await prepare(connection, settings, Period(JULY.replace(month=8), "a1"), by="Ann")

    assert [blocker.rule for blocker in again.blockers] == ["closed_already"]
    assert [blocker.rule for blocker in too_early.blockers] == ["month_before_open"]


async def test_two_cuts_at_once_close_it_once(books: Applied, connection: Connection, settings: Settings) -> None:
    await sold(books)
    await prepare(connection, settings, PERIOD, by="Ann")

    async def one() -> bool:
        async with store.session(settings) as own:
            return (await cut(own, settings, PERIOD, by="Ann", wait_seconds=60)).is_clear

    assert sorted(await asyncio.gather(one(), one(), one())) == [False, False, True]
    assert await connection.fetchval("SELECT count(*) FROM giftcert.close") == 1


async def test_a_worker_that_books_for_long_is_not_waited_for_and_nothing_is_closed(
    books: Applied, connection: Connection, settings: Settings, connections: Pool
) -> None:
    await sold(books)
    await prepare(connection, settings, PERIOD, by="Ann")

    async with connections.acquire() as worker, worker.transaction():
        await worker.execute(statement("books/enter"))
        with pytest.raises(Fatal, match="without a pause"):
            await cut(connection, settings, PERIOD, by="Ann", wait_seconds=0.2)

    assert await connection.fetchval("SELECT count(*) FROM giftcert.close") == 0
    assert (await cut(connection, settings, PERIOD, by="Ann", wait_seconds=60)).is_clear


async def test_what_a_worker_was_booking_is_in_the_close_or_in_the_next_month(
    books: Applied, connection: Connection, settings: Settings, connections: Pool, key: Path
) -> None:
    """The cut waits for a worker that has begun; a worker that comes later sees the closed month."""
    await sold(books)
    await prepare(connection, settings, PERIOD, by="Ann")
    async with connections.acquire() as worker:
        transaction = worker.transaction()
        await transaction.start()
        await worker.execute(statement("books/enter"))
        await worker.execute(A_LINE, JUNE)
        cutting = asyncio.create_task(cut(connection, settings, PERIOD, by="Ann", wait_seconds=60))
        await somebody_waits(connections)
        await transaction.commit()
        assert (await cutting).is_clear

    await sign(connection, PERIOD, key, by="Bob")
    assert [row["balance"] for row in await signed_rows(connection, PERIOD)] == [4_000_000, 7]


async def test_whoever_prepared_does_not_sign(
    books: Applied, connection: Connection, settings: Settings, key: Path
) -> None:
    await sold(books)
    await prepare(connection, settings, PERIOD, by="Ann Smith")
    await cut(connection, settings, PERIOD, by="Ann Smith", wait_seconds=60)

    for ann in (" ann smith ", "ANN  SMITH", "Ann\u00a0Smith"):
        with pytest.raises(Fatal, match="somebody else must sign it"):
            await sign(connection, PERIOD, key, by=ann)
    assert await connection.fetchval("SELECT count(*) FROM giftcert.close_manifest") == 0
