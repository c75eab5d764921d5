"""Lines: what the events of a certificate did to its balance. Pure: no clock, no database, no order of arrival.

One line a movement. The newest event needs nothing but what stood before it (``step``); a whole history is its events,
one after the other (``lines``).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from enum import StrEnum

from msgspec import Struct

from consumer.books.days import local_day
from consumer.books.terms import Definitions, Terms, consideration, terms_of, zone_of
from consumer.postgres.figure_settings import FigureSettings
from schemas.certificates import Fact


class Movement(StrEnum):
    """What an event did. No event but an update lowers a balance, and then it redeems: ``adjusted_down`` is none."""

    ISSUED = "issued"
    FIRST_SEEN = "first_seen"
    REDEEMED = "redeemed"
    ADJUSTED_UP = "adjusted_up"
    VOIDED = "voided"


class Line(Struct, frozen=True, gc=False):
    """One movement; amounts in 1/100000. ``balance`` is what was left after it."""

    event_id: str
    movement: str
    is_inferred: bool
    change: int
    change_at_consideration: int
    balance: int
    effective_at: datetime
    local_day: date
    posting_day: date
    purchase_day: date | None
    account_id: str | None
    definition_id: str | None
    currency: str
    issuing_station_id: str | None
    station_id: str | None


class Standing(Struct, frozen=True, gc=False):
    """Where a certificate stands after an event: all that the next one needs to know."""

    sent: int
    deleted: bool
    has_been_deleted: bool
    transactions_paid: int | None
    effective_at: datetime
    posting_day: date

    @property
    def left(self) -> int:
        """What the holder can still spend: the balance as sent, 0 once it is void."""
        return 0 if self.deleted else self.sent


def in_order(history: Iterable[Fact]) -> list[Fact]:
    """Sort the events of a certificate by their own order."""
    facts = list(history)
    return sorted(facts, key=Fact.place) if len(facts) > 1 else facts


def moving(history: Sequence[Fact]) -> list[Fact]:
    """Give the events, in order, that can move the balance: the purchase and the updates; created again is nothing."""
    return [fact for position, fact in enumerate(history) if position == 0 or not fact.is_created]


def lines(history: Iterable[Fact], definitions: Definitions, settings: FigureSettings) -> list[Line]:
    """Give the lines that should stand for a certificate, from all that is known of it."""
    ordered = in_order(history)
    terms = terms_of(ordered, definitions, settings)
    return [line for *_, made in walk(None, moving(ordered), terms, settings) for line in made]


def walk(
    standing: Standing | None, facts: Iterable[Fact], terms: Terms, settings: FigureSettings
) -> Iterator[tuple[Standing | None, Fact, Standing, list[Line]]]:
    """Go through events that move a balance, from where it stands: where it stood, the event, where then, its lines."""
    for fact in facts:
        before, (standing, made) = standing, step(standing, fact, terms, settings)
        yield before, fact, standing, made


def step(before: Standing | None, fact: Fact, terms: Terms, settings: FigureSettings) -> tuple[Standing, list[Line]]:
    """Add the next event, or the first."""
    day = local_day(fact.occurred_at, zone_of(fact, settings))
    if before is None:
        after = Standing(fact.balance, fact.deleted, fact.deleted, fact.transactions_paid, fact.occurred_at, day)
        return after, _first(fact, after, terms)
    after = Standing(
        fact.balance,
        fact.deleted,
        fact.deleted or before.has_been_deleted,
        fact.transactions_paid,
        # Books run forward: two stations in different time zones would else post on the day before.
        max(fact.occurred_at, before.effective_at),
        max(day, before.posting_day),
    )
    left_before, left = before.left, after.left
    if left == left_before:
        return after, []
    movement = _movement(fact, rose=left > left_before)
    inferred = movement is Movement.ADJUSTED_UP or (movement is Movement.REDEEMED and _is_inferred(before, fact))
    return after, [_line(fact, after, terms, movement, day=day, before=left_before, left=left, inferred=inferred)]


def _first(fact: Fact, after: Standing, terms: Terms) -> list[Line]:
    """Sell, or see for the first time; a purchase that is void already sells and voids."""
    day, balance = after.posting_day, fact.balance
    if not fact.is_created:
        left = after.left
        seen = _line(fact, after, terms, Movement.FIRST_SEEN, day=day, before=0, left=left, inferred=True)
        return [seen] if left else []
    if not balance:
        return []
    sold = _line(fact, after, terms, Movement.ISSUED, day=day, before=0, left=balance, inferred=False)
    if not fact.deleted:
        return [sold]
    return [sold, _line(fact, after, terms, Movement.VOIDED, day=day, before=balance, left=0, inferred=False)]


def _movement(fact: Fact, *, rose: bool) -> Movement:
    if fact.deleted:
        return Movement.VOIDED
    return Movement.ADJUSTED_UP if rose else Movement.REDEEMED


def _is_inferred(before: Standing, fact: Fact) -> bool:
    """Tell whether the number of paid transactions, where both are known, says that it was no single redemption."""
    if before.transactions_paid is None or fact.transactions_paid is None:
        return False
    return fact.transactions_paid != before.transactions_paid + 1


def _line(
    fact: Fact,
    after: Standing,
    terms: Terms,
    movement: Movement,
    *,
    day: date,
    before: int,
    left: int,
    inferred: bool,
) -> Line:
    """Make the line of a movement from one balance to another."""
    return Line(
        fact.event_id,
        movement.value,
        inferred,
        left - before,
        consideration(left, terms) - consideration(before, terms),
        left,
        after.effective_at,
        day,
        after.posting_day,
        terms.purchase_day,
        terms.account_id,
        terms.definition_id,
        terms.currency,
        terms.issuing_station_id,
        fact.station_id,
    )
