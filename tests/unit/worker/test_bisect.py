"""Isolation by halves: one bad message costs one message, its neighbours nothing, and the way there is short."""

from collections.abc import Sequence
from math import ceil, log2

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.common.errors import Fatal
from consumer.worker.bisect import bisect
from consumer.worker.row_locks import RowLocked
from schemas.events import Event, Outcome
from tests.builders import bought, event

EVENTS = [event(bought(), offset=offset) for offset in range(256)]


class Database:
    """Applies batches whole or not at all, and refuses those that hold a culprit."""

    def __init__(self, culprits: set[int], error: Exception | None = None) -> None:
        self.culprits = culprits
        self.error = error or asyncpg.CheckViolationError("no")
        self.calls = 0
        self.applied: list[int] = []

    async def apply(self, events: Sequence[Event]) -> list[Outcome]:
        self.calls += 1
        if any(one.offset in self.culprits for one in events):
            raise self.error
        self.applied += [one.offset for one in events]
        return [Outcome.STALE if one.offset % 2 else Outcome.APPLIED for one in events]


def nobody_counts(_: Event, __: Exception) -> None:
    """Take no note of a refusal."""


async def isolated(database: Database, size: int) -> list[Outcome | Exception]:
    return await bisect(EVENTS[:size], database.apply, nobody_counts)


SIZES = st.integers(min_value=1, max_value=len(EVENTS))
CULPRITS = st.sets(st.integers(min_value=0, max_value=len(EVENTS) - 1), max_size=8)


async def test_a_batch_that_nobody_refuses_is_applied_at_once() -> None:
    database = Database(culprits=set())

    assert await isolated(database, 3) == [Outcome.APPLIED, Outcome.STALE, Outcome.APPLIED]
    assert database.calls == 1


async def test_an_empty_batch_troubles_nobody() -> None:
    database = Database(culprits=set())

    assert await isolated(database, 0) == []
    assert database.calls == 0


async def test_one_bad_message_costs_one_message() -> None:
    database = Database(culprits={2})

    assert await isolated(database, 4) == [Outcome.APPLIED, Outcome.STALE, database.error, Outcome.STALE]


@given(SIZES, CULPRITS)
async def test_results_stand_in_the_batch_s_order(size: int, culprits: set[int]) -> None:
    database = Database(culprits)

    results = await isolated(database, size)

    assert [database.error if at in culprits else (Outcome.APPLIED, Outcome.STALE)[at % 2] for at in range(size)] == (
        results
    )


@given(SIZES, CULPRITS)
async def test_every_neighbour_is_applied_once_and_in_order(size: int, culprits: set[int]) -> None:
    database = Database(culprits)

    await isolated(database, size)

    assert database.applied == [offset for offset in range(size) if offset not in culprits]


@given(SIZES, CULPRITS)
async def test_each_culprit_costs_two_calls_a_halving_at_most(size: int, culprits: set[int]) -> None:
    database = Database(culprits)

    await isolated(database, size)

    assert database.calls <= 1 + 2 * len(culprits) * ceil(log2(size))


@given(SIZES, CULPRITS)
async def test_each_refusal_is_told_once_with_its_event_and_reason(size: int, culprits: set[int]) -> None:
    refusals: list[tuple[int, Exception]] = []
    database = Database(culprits)

    await bisect(EVENTS[:size], database.apply, lambda event, error: refusals.append((event.offset, error)))

    assert refusals == [(offset, database.error) for offset in sorted(culprits & set(range(size)))]


async def test_whoever_counts_can_make_an_end_of_a_flood() -> None:
    refusals = iter([None, None, Fatal("a flood")])

    def count(_: Event, __: Exception) -> None:
        if error := next(refusals):
            raise error

    database = Database(culprits=set(range(256)))
    with pytest.raises(Fatal, match="a flood"):
        await bisect(EVENTS, database.apply, count)
    assert database.calls < 20


@pytest.mark.parametrize(
    "error",
    [asyncpg.DeadlockDetectedError("again"), ConnectionResetError(), KeyError("a mistake of ours"), Fatal("the end")],
    ids=repr,
)
async def test_what_is_not_the_batch_s_fault_is_passed_on_at_once(error: Exception) -> None:
    database = Database(culprits={2}, error=error)

    with pytest.raises(type(error)):
        await isolated(database, 4)
    assert database.calls == 1


async def test_an_event_whose_row_is_locked_stands_alone_and_is_refused_by_nobody() -> None:
    locked = RowLocked([4711])

    def never_told(_: Event, __: Exception) -> None:
        raise AssertionError

    results = await bisect(EVENTS[:8], Database({5}, locked).apply, never_told)

    assert results[5] is locked
    assert [result for result in results if result is not locked] == [Outcome.APPLIED, Outcome.STALE] * 2 + [
        *(Outcome.APPLIED, Outcome.APPLIED, Outcome.STALE)
    ]
