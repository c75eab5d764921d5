"""Definitions: what a batch makes of them, and the certificates that must be booked again because of it."""

from collections.abc import Mapping, Sequence

from consumer.postgres.database import SCHEMA, Connection, statement
from schemas.definitions import currency_of, row_of
from schemas.events import Entity, Event, Head, OrderKey, Projection

# The place of the event that named a definition's first currency, and the currency.
First = tuple[OrderKey, str]


async def write_definitions(
    connection: Connection,
    entered: Sequence[Event],
    projections: Sequence[Projection],
    heads: Mapping[Entity, Head],
    *,
    facts_only: bool,
) -> None:
    """Merge the definitions of a batch; where a first currency changes, leave a task in the same transaction."""
    firsts = first_currencies(entered, heads)
    rows = _rows(projections, firsts)
    if not rows:
        return
    await connection.execute(statement("definition/merge"), rows)
    changed = [entity for entity, event in firsts.items() if _known(heads, entity)[1:] != (currency_of(event),)]
    if changed and not facts_only:
        await connection.copy_records_to_table(
            "rebooking_task",
            schema_name=SCHEMA,
            columns=("kind", "definition_id", "livemode"),
            records=[("definition", entity.id, entity.livemode) for entity in changed],
        )


def first_currencies(entered: Sequence[Event], heads: Mapping[Entity, Head]) -> dict[Entity, Event]:
    """Give the events that name a currency before all others that are known of their definition."""
    firsts: dict[Entity, Event] = {}
    for event in entered:
        if currency_of(event) is None:
            continue
        known = _known(heads, event.entity)
        earliest = firsts[event.entity].order if event.entity in firsts else known[0] if known else None
        if earliest is None or event.order < earliest:
            firsts[event.entity] = event
    return firsts


def _rows(projections: Sequence[Projection], firsts: Mapping[Entity, Event]) -> list[tuple[object, ...]]:
    """Give one row a definition; one that only names a currency brings its description, which is not the newest."""
    changed = {projection.entity: projection for projection in projections}
    rows = []
    for entity in changed.keys() | firsts.keys():
        first = firsts.get(entity)
        projection = changed.get(entity, Projection(entity, None, None))
        rows.append(row_of(entity, projection.newest or first, projection.deleted_at, first))
    return rows


def _known(heads: Mapping[Entity, Head], entity: Entity) -> First | tuple[()]:
    head = heads.get(entity)
    return head.standing if head and head.standing else ()
