"""Lanes: a large batch is two transactions side by side; while Python prepares the one, Postgres writes the other.

The events of an entity stay in one lane and in their order, so the lanes of a batch write no row in common.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from schemas.events import Event

Result = TypeVar("Result")

LANES = 2
# A batch of fewer is one transaction: it waits for the round trips, and a second commit would make it wait longer.
LARGE = 500


def split(events: Sequence[Event]) -> list[Sequence[Event]]:
    """Give the lanes of a batch."""
    if len(events) < LARGE:
        return [events]
    lanes: list[list[Event]] = [[] for _ in range(LANES)]
    for event in events:
        lanes[_lane(event)].append(event)
    return list(lanes)


def join(events: Sequence[Event], lanes: Iterable[Sequence[Result]]) -> list[Result]:
    """Give what became of each event, in the batch's order, from what became of each lane's."""
    results = [iter(lane) for lane in lanes]
    if len(results) == 1:
        return list(results[0])
    return [next(results[_lane(event)]) for event in events]


def _lane(event: Event) -> int:
    return hash(event.entity.id) % LANES
