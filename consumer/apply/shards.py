"""Shards: a large batch is two transactions side by side; while Python prepares the one, Postgres writes the other.

The events of an entity stay in one shard and in their order, so the shards of a batch write no row in common.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from schemas.events import Event

Result = TypeVar("Result")

SHARDS = 2
# A batch of fewer is one transaction: it waits for the round trips, and a second commit would make it wait longer.
LARGE = 500


def split(events: Sequence[Event]) -> list[Sequence[Event]]:
    """Give the shards of a batch."""
    if len(events) < LARGE:
        return [events]
    shards: list[list[Event]] = [[] for _ in range(SHARDS)]
    for event in events:
        shards[_shard(event)].append(event)
    return list(shards)


def join(events: Sequence[Event], shards: Iterable[Sequence[Result]]) -> list[Result]:
    """Give what became of each event, in the batch's order, from what became of each shard's."""
    results = [iter(shard) for shard in shards]
    if len(results) == 1:
        return list(results[0])
    return [next(results[_shard(event)]) for event in events]


def _shard(event: Event) -> int:
    return hash(event.entity.id) % SHARDS
