"""Verify beside workers and killed in the middle, and settings that change while workers book: the books come right."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from consumer.books import booking, rebooking
from consumer.books.journal import Key
from consumer.books.rebooking import all_certificates, run_tasks
from consumer.common.errors import Raced
from consumer.common.settings import Settings
from consumer.operate.verify import verify
from consumer.postgres.database import Connection, Pool, statement
from deploy.local.stack import Stack
from schemas.events import Event
from tests.applying import applied, standing
from tests.builders import bought, event, paid_with
from tests.histories import batches
from tests.laboratory import Laboratory
from tests.reference import Delivery

CERTIFICATES = 60
# Those that are paid with; what is late books some of them right before verify comes to them.
PAID = 40
DAMAGE = "UPDATE certificate_history SET balance = balance - 1 WHERE kind = 'created'"

thorough = hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def laboratory(stack: Stack, template: str, say: Callable[[str], None]) -> Iterator[Laboratory]:
    laboratory = Laboratory(stack.postgres.create_database("verify", template))
    yield laboratory
    laboratory.close()
    stack.postgres.drop_database("verify")
    say(f"verify: {laboratory.histories:,} random histories under changing settings")


async def sold(connections: Pool) -> None:
    await applied(connections, *[event(bought(_id=f"certificate-{number:02}")) for number in range(CERTIFICATES)])


async def persist(connections: Pool, *payments: Event) -> None:
    """Apply until nobody books the same certificates meanwhile, as the worker does."""
    while True:
        try:
            await applied(connections, *payments)
        except Raced:
            continue
        return


async def pay(connections: Pool) -> None:
    """Pay with them again and again, now and then late."""
    for second in (40, 20, 60, 50, 80):
        for number in range(0, PAID, 7):
            some = range(number, min(number + 7, PAID))
            payments = [
                event(paid_with(5_000_000 - second, updated=second, _id=f"certificate-{one:02}")) for one in some
            ]
            await persist(connections, *payments)


async def test_verify_beside_workers_finds_no_difference_that_is_none(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebooking, "PAGE", 7)
    await sold(connections)
    working = asyncio.create_task(pay(connections))
    rounds = 0
    while not working.done() or rounds < 2:
        assert (await verify(settings, mend=False)).differing == {}
        rounds += 1
    await working


async def test_what_is_mended_beside_workers_is_right_when_both_are_done(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebooking, "PAGE", 7)
    await sold(connections)
    await connections.execute(DAMAGE)
    working = asyncio.create_task(pay(connections))
    mended = 0
    while not working.done():
        mended += (await verify(settings, mend=True)).mended or 0
    await working

    assert mended >= CERTIFICATES - PAID
    assert (await verify(settings, mend=False)).differing == {}
    left = await connections.fetch("SELECT balance, count(*) FROM certificate GROUP BY balance ORDER BY balance")
    assert [tuple(row) for row in left] == [(5_000_000 - 80, PAID), (5_000_000 - 1, CERTIFICATES - PAID)]


async def test_a_verify_that_is_killed_in_the_middle_has_mended_whole_pages_and_goes_on(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebooking, "PAGE", 20)
    await sold(connections)
    await connections.execute(DAMAGE)
    pages = 0
    write_booked = booking.write_booked

    async def killed(connection: Connection, *arguments: object, **options: object) -> None:
        nonlocal pages
        await write_booked(connection, *arguments, **options)  # type: ignore[arg-type]
        pages += 1
        if pages == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(rebooking, "write_booked", killed)
        with pytest.raises(KeyboardInterrupt):
            await verify(settings, mend=True)

    found = await verify(settings, mend=True)
    assert [key for key, _ in found.differing] == [f"certificate-{number:02}" for number in range(20, CERTIFICATES)]
    assert (await verify(settings, mend=False)).differing == {}
    assert await standing(connections) == [("issued", 5_000_000 - 1)] * CERTIFICATES


@thorough
@given(
    shares=st.lists(batches(), min_size=2, max_size=2),
    zones=st.lists(st.sampled_from(["UTC", "Pacific/Auckland", "America/Toronto"]), min_size=1, max_size=3),
    currencies=st.lists(st.sampled_from([{}, {"a1": "GBP"}, {"a1": "MXN", "a2": "GBP"}]), min_size=1, max_size=3),
)
def test_settings_that_change_while_workers_book_leave_no_line_as_it_was(
    laboratory: Laboratory,
    shares: list[list[list[Delivery]]],
    zones: list[str],
    currencies: list[dict[str, str]],
) -> None:
    async def change() -> None:
        for zone in zones:
            await laboratory.connections.execute(statement("settings/time_zone"), zone)
        for named in currencies:
            await laboratory.connections.execute(
                statement("settings/account_currencies"), list(named), list(named.values())
            )

    async def differing() -> dict[Key, list[str]]:
        await laboratory.empty()
        await asyncio.gather(
            *(laboratory.work(share) for share in shares),
            change(),
            *(run_tasks(laboratory.connections) for _ in range(2)),
        )
        await run_tasks(laboratory.connections)
        found: dict[Key, list[str]] = {}
        async with laboratory.connections.acquire() as connection:
            async for keys in all_certificates(connection):
                found |= await rebooking.differing(connection, keys)
        return found

    assert laboratory.run(differing()) == {}
