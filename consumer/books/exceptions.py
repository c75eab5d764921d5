"""Exceptions: what the events of one certificate show that cannot all be true, or that some never arrived. Pure.

Nothing is corrected because of them. What compares with definitions, or needs no more than the certificate's own row,
is asked when it is read.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from consumer.books.lines import Line, Standing, moving, walk
from consumer.books.terms import Terms
from consumer.postgres.figure_settings import FigureSettings
from schemas.certificates import Fact


class Severity(StrEnum):
    """Error: a figure is wrong or incomplete. Warning: unusual, and to be understood."""

    ERROR = "error"
    WARNING = "warning"


class Finding(NamedTuple):
    """One exception, of one event."""

    rule: str
    severity: str
    event_id: str
    occurred_at: datetime
    account_id: str | None
    observed: str
    expected: str

    @property
    def told_by(self) -> tuple[str, str, str]:
        """What tells it from the others of its certificate: see heal.sql."""
        return self.rule, self.event_id, self.observed


_DATES = "from 2000 on, and not later than an hour after the event was emitted"
_EXPECTED = {"date_implausible": _DATES, "field_unreadable": "a value as the sender documents it"}


def judge(
    history: Sequence[Fact], terms: Terms, settings: FigureSettings
) -> tuple[Standing, list[Line], list[Finding]]:
    """Go once through a whole history that is in order: where it stands, its lines, and all exceptions."""
    standing, made, found = go_through(None, moving(history), terms, settings)
    return standing, made, found + again(history, terms)


def go_through(
    standing: Standing | None, facts: Iterable[Fact], terms: Terms, settings: FigureSettings
) -> tuple[Standing, list[Line], list[Finding]]:
    """Go through events that move a balance, at least one, beginning with what stands."""
    made: list[Line] = []
    found: list[Finding] = []
    for before, fact, after, of_event in walk(standing, facts, terms, settings):
        made += of_event
        found += judge_event(before, fact, after, terms)
        standing = after
    if standing is None:
        raise ValueError("a certificate without events")
    return standing, made, found


def judge_event(before: Standing | None, fact: Fact, after: Standing, terms: Terms) -> list[Finding]:
    """Give the exceptions that an event shows, beside what stood before it."""
    broken = _alone(fact, terms) if _needs_a_look(fact, terms) else []
    if before is not None:
        broken += _in_its_place(before, fact, after)
    return [_finding(fact, terms, rule) for rule in broken] if broken else []


def again(ordered: Sequence[Fact], terms: Terms) -> list[Finding]:
    """Give the exceptions of the created events of a history that are not the first."""
    created = ("created_again", Severity.WARNING, "created again", "one created event: the first is its purchase")
    return [
        _finding(fact, terms, rule)
        for fact in ordered[1:]
        if fact.is_created
        for rule in (created, *_alone(fact, terms))
    ]


_Broken = tuple[str, Severity, str, str]


def _needs_a_look(fact: Fact, terms: Terms) -> bool:
    """Tell whether an event may show something by itself; almost none does."""
    return (
        fact.balance < 0
        or fact.doubts is not None
        or _is_other(fact.station_currency_code, terms.currency)
        or _is_other(fact.account_id, terms.account_id)
    )


def _is_other(given: str | None, booked_under: str | None) -> bool:
    return given is not None and given != booked_under


def _alone(fact: Fact, terms: Terms) -> list[_Broken]:
    broken: list[_Broken] = []
    if fact.balance < 0:
        broken.append(("balance_negative", Severity.ERROR, amount(fact.balance), "at least 0"))
    if _is_other(fact.station_currency_code, terms.currency):
        broken.append(("currency_changed", Severity.WARNING, str(fact.station_currency_code), terms.currency))
    if _is_other(fact.account_id, terms.account_id):
        broken.append(("account_changed", Severity.ERROR, str(fact.account_id), str(terms.account_id)))
    return broken + list(_doubts(fact))


def _doubts(fact: Fact) -> Iterator[_Broken]:
    for doubt in fact.doubts or ():
        rule, _, observed = doubt.partition(" ")
        yield rule, Severity.WARNING, observed, _EXPECTED[rule]


def _in_its_place(before: Standing, fact: Fact, after: Standing) -> list[_Broken]:
    broken: list[_Broken] = []
    if after.left > before.left and not fact.deleted:
        broken.append(("balance_rose", Severity.WARNING, amount(after.left), f"at most {amount(before.left)}"))
    if before.has_been_deleted and (not fact.deleted or fact.balance != before.sent):
        broken.append(("redeemed_after_deleted", Severity.ERROR, amount(fact.balance), "no change once deleted"))
    if before.transactions_paid is not None and fact.transactions_paid is not None:
        broken += _of_transactions(before, before.transactions_paid, fact, fact.transactions_paid, after)
    return broken


def _of_transactions(before: Standing, paid_before: int, fact: Fact, paid: int, after: Standing) -> list[_Broken]:
    broken: list[_Broken] = []
    fell = after.left < before.left
    if fell and paid == paid_before + 1:
        return broken  # as it should be
    observed, one_more = f"{paid} transactions paid", f"{paid_before + 1}"
    if paid > paid_before + 1:
        broken.append(("events_missing", Severity.ERROR, observed, f"at most {one_more}"))
    if fell and not fact.deleted and paid <= paid_before:
        broken.append(("redeemed_without_transaction", Severity.WARNING, observed, one_more))
    if paid > paid_before and not fell and not before.has_been_deleted:
        # Somebody paid with what was spent already.
        broken.append(
            (
                "paid_without_redemption",
                Severity.ERROR,
                f"{observed}, {amount(after.left)} left",
                "a balance that falls",
            )
        )
    return broken


def _finding(fact: Fact, terms: Terms, broken: _Broken) -> Finding:
    rule, severity, observed, expected = broken
    return Finding(rule, severity.value, fact.event_id, fact.occurred_at, terms.account_id, observed, expected)


def amount(units: int) -> str:
    """Write an amount as the reports do: in currency units, five places."""
    whole, part = divmod(abs(units), 100_000)
    return f"{'-' * (units < 0)}{whole}.{part:05}"
