"""What it means that the sender says one thing and our books another."""

from datetime import UTC, datetime, timedelta

import pytest

from consumer.sender.answers import Item
from consumer.sender.verdicts import Before, Look, Ours, Verdict, compare

T0 = datetime(2026, 6, 1, 12, tzinfo=UTC)
SETTLE = timedelta(minutes=15)
LATER = T0 + SETTLE


def look(here: int | None, there: int | None, before: Before | None = None, now: datetime = T0) -> Look:
    (found,) = compare(
        {} if here is None else {"i": Ours(here, None, "a")},
        {} if there is None else {"i": Item("i", there, None, None)},
        {"i": before} if before else {},
        now=now,
        settle=SETTLE,
        is_whole=True,
    )
    return found


def then(found: Look) -> Before:
    return Before(found.differs_since, found.amount_here, found.amount_there, "c")


@pytest.mark.parametrize(("here", "there"), [(5, 5), (0, 0), (0, None)])
def test_what_is_the_same_matches_and_what_is_spent_need_not_be_listed(here: int, there: int | None) -> None:
    assert look(here, there).verdict is Verdict.MATCH


@pytest.mark.parametrize(
    ("here", "there", "verdict"),
    [
        (5, 3, Verdict.BALANCE_DIFFERS),
        (3, 5, Verdict.BALANCE_DIFFERS),
        (None, 5, Verdict.MISSING_HERE),
        (None, 0, Verdict.MISSING_HERE),
        (5, None, Verdict.MISSING_THERE),
        (-5, None, Verdict.MISSING_THERE),
    ],
)
def test_a_difference_counts_when_it_has_lasted_longer_than_a_webhook_takes(
    here: int | None, there: int | None, verdict: Verdict
) -> None:
    first = look(here, there)
    early = look(here, there, then(first), LATER - timedelta(seconds=1))
    late = look(here, there, then(early), LATER)

    assert (first.verdict, early.verdict, late.verdict) == (Verdict.IN_FLIGHT, Verdict.IN_FLIGHT, verdict)
    assert first.differs_since == early.differs_since == late.differs_since == T0


def test_the_window_begins_anew_when_something_arrived() -> None:
    found = look(5, 2, then(look(6, 3)), LATER)

    assert (found.verdict, found.differs_since) == (Verdict.IN_FLIGHT, LATER)


def test_a_payment_that_is_followed_by_another_does_not_hide_a_loss() -> None:
    assert look(5, 2, then(look(5, 3)), LATER).verdict is Verdict.BALANCE_DIFFERS


def test_a_list_that_was_older_than_ours_proves_nothing_about_the_next_payment() -> None:
    """Theirs was read before a payment and ours after it; then comes another payment, which is on its way."""
    found = look(3, 2, then(look(3, 5)), LATER)

    assert (found.verdict, found.differs_since) == (Verdict.IN_FLIGHT, LATER)


def test_what_is_not_in_a_list_that_is_not_whole_is_passed_over() -> None:
    ours = {"listed": Ours(5, None, None), "other": Ours(5, None, None)}
    listed = {"listed": Item("listed", 5, None, None)}

    found = compare(ours, listed, {}, now=T0, settle=SETTLE, is_whole=False)

    assert [one.entity_id for one in found] == ["listed"]


def test_what_neither_has_any_more_is_settled() -> None:
    assert look(None, None, then(look(None, 5)), LATER).verdict is Verdict.MATCH
