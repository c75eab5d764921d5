"""Rules 3 and 4 of applying: the order of events is theirs, not that of their arrival; a delete is final."""

from itertools import permutations

import pytest

from consumer.apply import look_up, write
from consumer.database import Pool
from consumer.fold import fold
from tests.applying import APPLIED, STALE, applied
from tests.builders import bought, definition, definition_deleted, event, paid_with

PERMUTATIONS = list(permutations(range(3)))


async def test_an_older_event_after_a_newer_one_enters_only_the_history(connections: Pool) -> None:
    await applied(connections, event(bought()), event(paid_with(1_000_000, updated=60)))

    assert await applied(connections, event(paid_with(3_000_000, updated=30))) == [STALE]

    assert await connections.fetchval("SELECT balance FROM certificate") == 1_000_000
    history = await connections.fetch("SELECT balance FROM certificate_history ORDER BY occurred_at")
    assert [row["balance"] for row in history] == [5_000_000, 3_000_000, 1_000_000]


async def test_events_that_each_advanced_the_state_are_applied_even_in_one_batch(connections: Pool) -> None:
    outcomes = await applied(
        connections,
        event(bought()),
        event(paid_with(1_000_000, updated=60)),
        event(paid_with(3_000_000, updated=30)),
    )

    assert outcomes == [APPLIED, APPLIED, STALE]


@pytest.mark.parametrize("order", PERMUTATIONS)
async def test_without_dates_the_envelope_s_time_decides(connections: Pool, order: tuple[int, ...]) -> None:
    events = [
        event(paid_with(3 - second, updated=None, envelope={"created": 1780315200 + second})) for second in range(3)
    ]
    for index in order:
        await applied(connections, events[index])

    assert await connections.fetchval("SELECT balance FROM certificate") == 1


@pytest.mark.parametrize("newest_first", [True, False])
async def test_at_the_same_time_an_update_comes_after_the_purchase(connections: Pool, *, newest_first: bool) -> None:
    events = [event(bought()), event(paid_with(1_000_000))]
    for one in reversed(events) if newest_first else events:
        await applied(connections, one)

    assert await connections.fetchval("SELECT balance FROM certificate") == 1_000_000


@pytest.mark.parametrize("order", list(permutations(("a", "B", "é"))))
async def test_at_the_same_time_event_ids_decide_by_code_point(connections: Pool, order: tuple[str, ...]) -> None:
    balance = {"B": 1, "a": 2, "é": 3}
    for event_id in order:
        await applied(connections, event(paid_with(balance[event_id], envelope={"id": event_id})))

    assert await connections.fetchval("SELECT balance FROM certificate") == 3


@pytest.mark.parametrize("order", PERMUTATIONS)
async def test_a_deleted_definition_stays_deleted_and_keeps_its_description(
    connections: Pool, order: tuple[int, ...]
) -> None:
    events = [
        event(definition(name="first")),
        event(definition_deleted(created=1780315200 + 30)),
        event(definition("updated", updated=60, name="last")),
    ]
    for index in order:
        await applied(connections, events[index])

    row = await connections.fetchrow("SELECT name, deleted_at FROM definition")
    assert row is not None
    assert (row["name"], row["deleted_at"].second) == ("last", 30)


async def test_a_delete_that_arrives_first_is_filled_by_its_late_create(connections: Pool) -> None:
    assert await applied(connections, event(definition_deleted())) == [APPLIED]
    assert await applied(connections, event(definition())) == [APPLIED]

    row = await connections.fetchrow("SELECT name, deleted_at IS NOT NULL AS deleted FROM definition")
    assert row is not None
    assert tuple(row) == ("Fifty", True)


async def test_a_snapshot_that_says_deleted_deletes_for_good(connections: Pool) -> None:
    await applied(connections, event(definition("updated", updated=30, deleted=True)))
    await applied(connections, event(definition("updated", updated=60, deleted=False)))

    assert await connections.fetchval("SELECT deleted_at FROM definition") is not None


async def test_a_worker_that_looked_before_another_wrote_overwrites_nothing_newer(connections: Pool) -> None:
    """The database's own guard: a certificate whose newer event was committed between look-up and write."""
    await applied(connections, event(bought()))
    older, newer = event(paid_with(3_000_000, updated=30)), event(paid_with(1_000_000, updated=60))
    async with connections.acquire() as slow, slow.transaction():
        changes = fold([older], await look_up(slow, [older]))
        await applied(connections, newer)
        await write(slow, [older], changes)

    assert await connections.fetchval("SELECT balance FROM certificate") == 1_000_000
    assert await connections.fetchval("SELECT count(*) FROM certificate_history") == 3
