"""Fold: rules 1 to 5 of applying, as a pure function of a batch and of what is known."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.apply.fold import NOTHING_KNOWN, brought, fold
from schemas.certificates import CERTIFICATES
from schemas.events import Changes, Entity, Event, Head, Kind, Known, OrderKey, Outcome, Projection
from tests.builders import bought, definition, definition_deleted, event, paid_with

APPLIED, STALE, RESEND, DUPLICATE = Outcome


def projections(changes: Changes) -> list[Projection]:
    return [projection for several in changes.projections.values() for projection in several]


def only(changes: Changes) -> Projection:
    (projection,) = projections(changes)
    return projection


def known_from(*events: Event) -> Known:
    """Say what the database knows after these events."""
    return remembered(NOTHING_KNOWN, events, fold(events))


def remembered(known: Known, events: Sequence[Event], changes: Changes) -> Known:
    """Stand for the database: what it knows after a fold was written to it."""
    heads = {
        projection.entity: Head(
            projection.newest.order if projection.newest else known.heads.get(projection.entity, Head()).newest,
            projection.deleted_at,
        )
        for projection in projections(changes)
    }
    attempts = dict(known.attempts)
    for one in events:
        attempts.setdefault(one.attempt_key, brought(one))
    arrivals = dict(known.events)
    for one in (*changes.entered, *changes.earlier):
        arrivals[one.entity, one.order.event_id] = one.received_at
    return Known(attempts, arrivals, known.heads | heads)


def test_a_purchase_is_applied_enters_the_history_and_becomes_the_state() -> None:
    purchase = event(bought())

    changes = fold([purchase])

    assert (changes.outcomes, changes.entered, changes.earlier) == ([APPLIED], [purchase], [])
    assert only(changes) == Projection(purchase.entity, purchase, None)


def test_an_empty_batch_changes_nothing() -> None:
    assert fold([]) == Changes(outcomes=[], entered=[], earlier=[], reused=[], projections={})


def test_a_known_attempt_is_a_duplicate_that_leaves_no_trace() -> None:
    purchase = event(bought())

    changes = fold([purchase], known_from(purchase))

    assert changes == Changes(outcomes=[DUPLICATE], entered=[], earlier=[], reused=[], projections={})


def test_a_known_attempt_is_a_duplicate_whatever_its_body_says() -> None:
    known = known_from(event(bought(envelope={"attemptId": "known"})))

    forged = event(paid_with(0, updated=60, envelope={"attemptId": "known"}))

    assert fold([forged], known).outcomes == [DUPLICATE]


def test_an_attempt_that_names_another_event_the_second_time_may_have_lost_it() -> None:
    known = known_from(event(bought(envelope={"attemptId": "known"})))
    other = event(paid_with(0, updated=60, envelope={"attemptId": "known"}))

    assert fold([other], known).reused == [other]
    assert (
        fold([other], remembered(known, [other], fold([event({**paid_with(0), "id": other.order.event_id})]))).reused
        == []
    )


@pytest.mark.parametrize("attempt_id", ["the same", "another"])
@pytest.mark.parametrize(("second", "is_earlier"), [("11:59", True), ("12:01", False)])
def test_another_record_of_an_event_tells_of_its_arrival_if_that_was_earlier(
    attempt_id: str, second: str, *, is_earlier: bool
) -> None:
    first = event(bought(envelope={"id": "one", "attemptId": "the same"}))
    body = bought(envelope={"id": "one", "attemptId": attempt_id})
    again = event(body, received_at=f"2026-06-01T{second}:00.000Z")

    assert fold([again], known_from(first)).earlier == fold([first, again]).earlier == [again] * is_earlier


def test_an_attempt_that_comes_twice_in_a_batch_is_a_duplicate_the_second_time() -> None:
    purchase = event(bought())

    changes = fold([purchase, purchase])

    assert (changes.outcomes, changes.entered) == ([APPLIED, DUPLICATE], [purchase])


def test_a_known_event_under_a_new_attempt_is_a_resend_that_changes_no_state() -> None:
    known = known_from(event(bought(envelope={"id": "same"})))
    resend = event(bought(envelope={"id": "same"}))

    changes = fold([resend], known)

    assert changes == Changes(outcomes=[RESEND], entered=[], earlier=[], reused=[], projections={})


def test_an_event_that_comes_twice_in_a_batch_is_a_resend_the_second_time() -> None:
    first, second = (event(bought(envelope={"id": "same"})) for _ in range(2))

    changes = fold([first, second])

    assert (changes.outcomes, changes.entered) == ([APPLIED, RESEND], [first])


def test_a_resend_is_what_the_event_was_the_first_time_even_when_it_claims_to_be_newer() -> None:
    purchase = event(bought(envelope={"id": "same"}))

    changes = fold([purchase, event(paid_with(0, updated=60, envelope={"id": "same"}))])

    assert only(changes).newest == purchase


def test_the_attempt_of_a_resend_is_known_afterwards() -> None:
    resend = event(bought(envelope={"id": "same"}))

    assert fold([event(bought(envelope={"id": "same"})), resend, resend]).outcomes == [APPLIED, RESEND, DUPLICATE]


def test_an_older_event_enters_the_history_and_changes_no_state() -> None:
    known, late = known_from(event(paid_with(1, updated=60))), event(paid_with(3, updated=30))

    assert fold([late], known) == Changes(outcomes=[STALE], entered=[late], earlier=[], reused=[], projections={})


def test_an_older_event_of_the_same_batch_is_stale() -> None:
    newer, older = event(paid_with(1, updated=60)), event(paid_with(3, updated=30))

    changes = fold([newer, older])

    assert (changes.outcomes, only(changes).newest) == ([APPLIED, STALE], newer)


def test_each_event_that_advanced_the_state_is_applied_and_the_last_is_the_state() -> None:
    steps = [event(paid_with(3 - second, updated=second)) for second in range(3)]

    changes = fold(steps)

    assert (changes.outcomes, only(changes).newest) == ([APPLIED] * 3, steps[-1])


def test_certificates_of_one_batch_do_not_touch_one_another() -> None:
    old, new = event(bought(_id="a", updated=0)), event(bought(_id="b", updated=60))

    changes = fold([new, old])

    assert changes.outcomes == [APPLIED, APPLIED]
    assert [projection.newest for projection in projections(changes)] == [new, old]


def test_test_traffic_and_live_traffic_of_one_id_are_two_entities() -> None:
    same = {"id": "same", "attemptId": "same"}
    live, test = event(bought(envelope=same)), event(bought(envelope={**same, "livemode": False}))

    changes = fold([live, test])

    assert changes.outcomes == [APPLIED, APPLIED]
    assert {projection.entity.livemode for projection in projections(changes)} == {True, False}


def test_a_delete_gives_a_tombstone_and_keeps_the_description() -> None:
    created, deleted = event(definition()), event(definition_deleted())

    assert only(fold([created, deleted])) == Projection(created.entity, created, deleted.deleted_at)


def test_a_delete_that_comes_first_is_filled_by_the_description_and_stays() -> None:
    deleted, created = event(definition_deleted()), event(definition())

    changes = fold([created], known_from(deleted))

    assert (changes.outcomes, only(changes)) == ([APPLIED], Projection(created.entity, created, deleted.deleted_at))


def test_a_delete_of_a_known_definition_brings_no_description() -> None:
    created, deleted = event(definition()), event(definition_deleted())

    assert only(fold([deleted], known_from(created))) == Projection(created.entity, None, deleted.deleted_at)


def test_no_later_event_revives_a_definition() -> None:
    deleted, later = event(definition_deleted()), event(definition("updated", updated=999, deleted=False))

    assert only(fold([later], known_from(deleted))).deleted_at == deleted.deleted_at


def test_of_two_deletes_the_earlier_one_counts() -> None:
    earlier, later = (event(definition_deleted(created=1780315200 + second)) for second in (0, 30))

    assert fold([later, earlier]).outcomes == [APPLIED, APPLIED]
    assert fold([earlier, later]).outcomes == [APPLIED, STALE]
    assert only(fold([later, earlier])).deleted_at == only(fold([earlier, later])).deleted_at == earlier.deleted_at


def test_what_is_known_is_read_and_not_changed() -> None:
    known = known_from(event(bought()), event(definition()))
    before = Known(dict(known.attempts), dict(known.events), dict(known.heads))

    fold([event(paid_with(0, updated=60)), event(definition_deleted())], known)

    assert known == before


# Properties. An event is always the same event: its body follows from its id.


@st.composite
def an_event(draw: st.DrawFn) -> dict[str, object]:
    envelope = {
        "id": f"event-{draw(st.integers(0, 30))}",
        "livemode": draw(st.booleans()),
        "created": 1780315200 + draw(st.integers(0, 3)),
    }
    second, number = draw(st.integers(0, 3)), draw(st.integers(0, 2))
    kind = draw(st.sampled_from(["bought", "paid with", "created", "updated", "deleted"]))
    if kind == "deleted":
        return definition_deleted(f"definition-{number}", **envelope)
    if kind in {"created", "updated"}:
        gone = draw(st.booleans())
        return definition(kind, updated=second, envelope=envelope, _id=f"definition-{number}", deleted=gone)
    build = bought if kind == "bought" else paid_with
    return build(draw(st.integers(0, 9)), updated=second, envelope=envelope, _id=f"certificate-{number}")


def identity(one: Event) -> tuple[Entity, str]:
    return one.entity, one.order.event_id


@st.composite
def traffic(draw: st.DrawFn) -> list[Event]:
    """Draw events, each once or resent, each attempt once or repeated, in any order."""
    bodies = draw(st.lists(an_event(), max_size=12))
    distinct = {identity(one): body for body in bodies for one in [event(body)]}
    attempts = [
        event({**body, "attemptId": f"attempt-{number}-{attempt}"})
        for number, body in enumerate(distinct.values())
        for attempt in range(draw(st.integers(1, 2)))
        for _ in range(draw(st.integers(1, 2)))
    ]
    return draw(st.permutations(attempts))


State = dict[Entity, tuple[OrderKey | None, datetime | None]]


def state(changes: Changes) -> State:
    return {
        projection.entity: (projection.newest.order if projection.newest else None, projection.deleted_at)
        for projection in projections(changes)
    }


@given(st.data())
def test_the_order_of_a_batch_changes_nothing_of_what_it_folds_to(data: st.DataObject) -> None:
    events = data.draw(traffic())
    other = data.draw(st.permutations(events))

    assert state(fold(events)) == state(fold(other))
    assert {identity(one) for one in fold(events).entered} == {identity(one) for one in fold(other).entered}


def standing(entity: Entity, orders: list[OrderKey]) -> OrderKey | None:
    """Give the newest update, else the first created event of a certificate, the newest one of a definition."""
    updates = [order for order in orders if order.kind is not Kind.CREATED]
    if entity.family is CERTIFICATES and not updates:
        return min(orders, default=None)
    return max(orders, default=None)


@given(traffic())
def test_the_state_is_the_description_that_counts_and_the_earliest_delete(events: list[Event]) -> None:
    entities = {one.entity for one in events}

    assert state(fold(events)) == {
        entity: (
            standing(entity, [one.order for one in events if one.entity == entity and one.snapshot]),
            min((one.deleted_at for one in events if one.entity == entity and one.deleted_at), default=None),
        )
        for entity in entities
    }


@given(events=traffic(), cuts=st.sets(st.integers(0, 48), max_size=4))
def test_a_batch_may_be_cut_anywhere(events: list[Event], cuts: set[int]) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]
    known, outcomes = NOTHING_KNOWN, []
    for start, end in pairwise(edges):
        changes = fold(events[start:end], known)
        known = remembered(known, events[start:end], changes)
        outcomes += changes.outcomes

    assert outcomes == fold(events).outcomes
    assert {entity: tuple(head)[:2] for entity, head in known.heads.items()} == state(fold(events))


@given(traffic())
def test_what_was_folded_once_changes_nothing_again(events: list[Event]) -> None:
    again = fold(events, known_from(*events))

    assert again == Changes(outcomes=[DUPLICATE] * len(events), entered=[], earlier=[], reused=[], projections={})


@given(traffic())
def test_each_event_enters_once_and_each_attempt_has_one_outcome(events: list[Event]) -> None:
    changes = fold(events)
    in_ledger = [one for one, outcome in zip(events, changes.outcomes, strict=True) if outcome is not DUPLICATE]

    assert sorted(map(identity, changes.entered), key=repr) == sorted({identity(one) for one in events}, key=repr)
    assert len(in_ledger) == len({(one.attempt_id, one.entity.livemode) for one in events})
    assert changes.outcomes.count(RESEND) == len(in_ledger) - len(changes.entered)
