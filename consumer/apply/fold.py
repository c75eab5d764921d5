"""Fold: a batch of events becomes the rows that it changes. Pure: no clock, no database, no order of arrival.

Two facts of an entity merge, each by its own maximum, so that any order gives the same: the newest description
(by the order key; of a certificate the newest update, else the first created event, its purchase) and the earliest
delete. Rules 1 to 5 of applying are here; the database's own guards repeat them for what another worker may have
written meanwhile.
"""

from collections.abc import Sequence
from datetime import datetime

from schemas.events import Brought, Changes, Entity, Event, Head, Kind, Known, OrderKey, Outcome, Projection

NOTHING_KNOWN = Known()
UNKNOWN = Head()


def fold(events: Sequence[Event], known: Known = NOTHING_KNOWN) -> Changes:
    """Fold a batch, in its order, onto what the database knows of its attempts, events and entities."""
    attempts, arrivals, heads = dict(known.attempts), dict(known.events), dict(known.heads)
    newest: dict[Entity, Event] = {}
    changes = Changes(outcomes=[], entered=[], earlier=[], reused=[], projections={})
    touched: dict[Entity, None] = {}

    for event in events:
        attempt, identity = event.attempt_key, (event.entity, event.order.event_id)
        if attempt in attempts:
            changes.outcomes.append(Outcome.DUPLICATE)
            if attempts[attempt] == brought(event):
                _note_arrival(event, arrivals, changes)
            elif identity not in arrivals:
                changes.reused.append(event)
            continue
        attempts[attempt] = brought(event)

        if identity in arrivals:
            changes.outcomes.append(Outcome.RESEND)
            _note_arrival(event, arrivals, changes)
            continue
        arrivals[identity] = event.received_at
        changes.entered.append(event)

        before = heads.get(event.entity, UNKNOWN)
        after = advance(before, event)
        changes.outcomes.append(Outcome.STALE if after is before else Outcome.APPLIED)
        if after is not before:
            heads[event.entity] = after
            touched[event.entity] = None
            if after.newest is not before.newest:
                newest[event.entity] = event

    for entity in touched:
        projection = Projection(entity, newest.get(entity), heads[entity].deleted_at)
        changes.projections.setdefault(entity.family, []).append(projection)
    return changes


def brought(event: Event) -> Brought:
    """Say which event an attempt brings."""
    return Brought(event.entity.family.name, event.entity.id, event.order.event_id)


def _note_arrival(event: Event, arrivals: dict[tuple[Entity, str], datetime | None], changes: Changes) -> None:
    """Keep an arrival that is earlier than all that are known of the same event."""
    identity = (event.entity, event.order.event_id)
    known = arrivals.get(identity)
    if known is not None and event.received_at < known:
        arrivals[identity] = event.received_at
        changes.earlier.append(event)


def advance(head: Head, event: Event) -> Head:
    """Merge one event: the description that counts stays, the earlier delete stays. Where all stays, the same head."""
    newest, deleted_at, standing = head
    is_newer = event.snapshot is not None and (newest is None or _supersedes(event, newest))
    is_deleted = event.deleted_at is not None and (deleted_at is None or event.deleted_at < deleted_at)
    if not is_newer and not is_deleted:
        return head
    return Head(event.order if is_newer else newest, event.deleted_at if is_deleted else deleted_at, standing)


def _supersedes(event: Event, newest: OrderKey) -> bool:
    """Tell whether a description replaces the newest: the later one does, but of two purchases the first stays."""
    if event.entity.family.is_created_once and event.order.kind is newest.kind is Kind.CREATED:
        return event.order < newest
    return event.order > newest
