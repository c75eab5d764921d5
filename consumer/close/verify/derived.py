"""Derived: what the records of a close come to, by the reference path.

The balances at the month's end come from the records of this close; the month's movements are what these come to, less
what those of the close before come to. What is named as not applied is passed over, also where it can be read today.
"""

from collections.abc import Iterator
from typing import Any

from consumer.close.month import Period
from consumer.close.signed.rows import FALLS, FIGURES
from consumer.close.verify.asked import Asked
from consumer.close.verify.evidence import Evidence
from consumer.close.verify.reference import Book, Line, book_of, first_currencies

# Balance, what was paid for it, and newest event, by certificate, currency and station.
Balances = dict[tuple[str, str, str | None], tuple[int, int, str]]
# Figures of the roll-forward, by currency and station.
Rollforward = dict[tuple[str, str | None], dict[str, int]]


def derived(evidence: Evidence, asked: Asked, rollforward: Rollforward) -> Iterator[tuple[int, Balances]]:
    """Give for each file what was left on its certificates; ``rollforward`` is complete after the last."""
    definitions = [asked.known(kept) for kept in evidence.definitions.values()]
    currencies = first_currencies(named for known, _ in definitions for named in known)
    before = first_currencies(named for _, known in definitions for named in known)
    for file in evidence.files:
        balances: Balances = {}
        for certificate_id, kept in evidence.certificates(file).items():
            if all(said.account_id != asked.period.account_id for _, said in kept):
                continue  # under which it cannot be booked then
            events, known_before = asked.known(kept)
            if events:
                book = book_of(events, currencies, asked.this.settings)
                balances |= _balances(certificate_id, book, asked.period)
                _add(rollforward, book, asked.period, sign=1, is_first=asked.last is None)
            if known_before and asked.last:
                book = book_of(known_before, before, asked.last.settings)
                _add(rollforward, book, asked.period, sign=-1, is_first=False)
        yield file, balances


def _balances(certificate_id: str, book: Book, period: Period) -> Balances:
    """Give what was left at the month's end on a certificate, where it is one of the account."""
    lines = [line for line in book.lines if _month_of(line) <= period.month]
    left = sum(line.change for line in lines)
    paid = sum(line.change_at_consideration for line in lines)
    if book.account_id != period.account_id or not (left or paid):
        return {}
    return {(certificate_id, book.currency, book.issuing_station_id): (left, paid, lines[-1].event_id)}


def _add(found: Rollforward, book: Book, period: Period, *, sign: int, is_first: bool) -> None:
    """Add a book's lines, or take those off that the close before had: they are its closing, and our opening.

    The first close has every line in the month of its posting day.
    """
    if book.account_id != period.account_id:
        return
    for line in book.lines:
        month = _month_of(line)
        if month > period.month or (sign < 0 and month >= period.month):
            continue
        figures = found.setdefault((book.currency, book.issuing_station_id), dict.fromkeys(FIGURES, 0))
        is_earlier = month < period.month
        if sign > 0:
            figures["closing"] += line.change
            figures["closing_at_consideration"] += line.change_at_consideration
        if (is_first and is_earlier) or sign < 0:
            figures["opening"] += line.change
        if not (is_first and is_earlier):
            figures[line.movement] += sign * line.change * (-1 if line.movement in FALLS else 1)
            figures["for_earlier_months"] += sign * line.change * is_earlier


def _month_of(line: Line) -> Any:
    return line.posting_day.replace(day=1)
