"""Verdicts: what it means that the sender says one thing and our books another. Pure.

A webhook takes its time, so a difference counts only when it was there already before the settle window and ours has
not moved since: what the sender said then should have arrived by now. If ours has moved, something did arrive, and the
window begins anew.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from consumer.sender.answers import Item


class Verdict(StrEnum):
    """As the database spells them."""

    MATCH = "match"
    BALANCE_DIFFERS = "balance_differs"
    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    IN_FLIGHT = "in_flight"
    UNREADABLE = "unreadable"


DIFFERENCES = frozenset({Verdict.BALANCE_DIFFERS, Verdict.MISSING_HERE, Verdict.MISSING_THERE})
_NO_DIFFERENCE = frozenset({Verdict.MATCH, Verdict.UNREADABLE})


class Ours(NamedTuple):
    """What we have of a certificate (or definition): amounts in 1/100000, 0 once it is deleted."""

    amount: int | None
    price: int | None
    account_id: str | None


class Before(NamedTuple):
    """What the look before came to, and in which list it stood or was missed."""

    differs_since: datetime | None
    here: int | None
    there: int | None
    list_key: str


class Look(NamedTuple):
    """One row of ``reconciliation_item``."""

    entity_id: str
    verdict: Verdict
    differs_since: datetime | None
    amount_here: int | None
    amount_there: int | None
    price_here: int | None
    price_there: int | None
    account_id: str | None


def compare(
    ours: Mapping[str, Ours],
    theirs: Mapping[str, Item],
    before: Mapping[str, Before],
    *,
    now: datetime,
    settle: timedelta,
    is_whole: bool,
) -> list[Look]:
    """Judge every certificate that somebody has, or had before.

    What is not in a list that is not whole (``is_whole``) is passed over: nothing is known of it.
    """
    looks = []
    for entity_id in sorted({*ours, *theirs, *before}):
        here, there, earlier = ours.get(entity_id), theirs.get(entity_id), before.get(entity_id)
        if there is None and not is_whole:
            continue
        since = _since(here, there, earlier, now)
        verdict = _settled(_plainly(here, there), since, now, settle)
        looks.append(
            Look(
                entity_id,
                verdict,
                None if verdict in _NO_DIFFERENCE else since,
                here.amount if here else None,
                there.amount if there else None,
                here.price if here else None,
                there.price if there else None,
                (here.account_id if here else None) or (there.account_id if there else None),
            )
        )
    return looks


def _plainly(here: Ours | None, there: Item | None) -> Verdict:
    """Compare what is said, whenever it was said."""
    if there is None:
        # The sender may list no longer what is spent.
        return Verdict.MISSING_THERE if here and here.amount else Verdict.MATCH
    if here is None:
        return Verdict.MISSING_HERE
    if here.amount is None or there.amount is None:
        return Verdict.UNREADABLE
    same_price = None in (here.price, there.price) or here.price == there.price
    return Verdict.MATCH if here.amount == there.amount and same_price else Verdict.BALANCE_DIFFERS


def _settled(plain: Verdict, since: datetime, now: datetime, settle: timedelta) -> Verdict:
    return plain if plain not in DIFFERENCES or now - since >= settle else Verdict.IN_FLIGHT


def _since(here: Ours | None, there: Item | None, earlier: Before | None, now: datetime) -> datetime:
    """Say since when what the sender says has not arrived.

    The window begins anew where ours has moved. So it does where theirs has moved and what they said first may be
    older than ours: a balance that was read before a payment whose webhook was quick. Balances fall, so a smaller one
    is newer.
    """
    if earlier is None or earlier.differs_since is None:
        return now
    has_moved = earlier.here != (here.amount if here else None)
    is_newer = here is None or (here.amount is not None and earlier.there is not None and earlier.there < here.amount)
    is_same = earlier.there == (there.amount if there else None)
    return earlier.differs_since if not has_moved and (is_same or is_newer) else now
