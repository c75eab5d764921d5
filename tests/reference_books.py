"""The books as they should stand, computed the obvious way from the webhooks: one certificate at a time, in Decimal.

Independent of the code under test. What settings say is given; those of the tests name no account's currency.
"""

from collections import Counter
from typing import Any

from tests.reference import Delivery, Row, consideration, lives, local_day, reference

# What a sum of lines is grouped by: all but id, booked_at, caused_by and period.
Group = tuple[Any, ...]
AMOUNTS = ("entry", "change", "change_at_consideration")
GROUPS = (
    *("certificate_id", "livemode", "event_id", "movement", "is_inferred", "balance", "effective_at"),
    *("local_day", "posting_day", "purchase_day"),
    *("account_id", "definition_id", "currency", "issuing_station_id", "station_id"),
)


def reference_with_books(deliveries: list[Delivery]) -> dict[str, Any]:
    """Say what the tables hold, and which lines stand."""
    return reference(deliveries) | {"journal": journal(deliveries)}


def journal(deliveries: list[Delivery]) -> Counter[Group]:
    """Give the lines that should stand: their groups, then change and change at consideration."""
    tables = reference(deliveries)
    states = {(row["certificate_id"], row["livemode"]): row for row in tables["certificate"]}
    facts = {(row["certificate_id"], row["livemode"], row["event_id"]): row for row in tables["certificate_history"]}
    lines: Counter[Group] = Counter()
    for (family, id_, livemode), life in lives(deliveries).items():
        if family == "giftcertificate":
            events = [(delivery, facts[id_, livemode, delivery.body["id"]]) for delivery in life]
            lines.update(_lines(events, states[id_, livemode]))
    return lines


def _lines(events: list[tuple[Delivery, Row]], state: Row) -> list[Group]:
    made = []
    before: Row | None = None
    left = 0
    days, times = [], []
    for delivery, fact in events:
        if before is not None and fact["kind"] == "created":
            continue
        days.append(local_day(delivery.body))
        times.append(fact["occurred_at"])
        for movement, is_inferred, now in _movements(before, left, fact):
            if now != left:
                group = (
                    *(fact["certificate_id"], fact["livemode"], fact["event_id"], movement, is_inferred, now),
                    *(max(times), days[-1], max(days), state["purchase_day"]),
                    *(state["account_id"], state["definition_id"], state["currency"]),
                    *(state["issuing_station_id"], fact["station_id"]),
                )
                paid = consideration(now, state) - consideration(left, state)
                made.append((*group, now - left, paid))
                left = now
        before = fact
    return made


def _movements(before: Row | None, left: int, fact: Row) -> list[tuple[str, bool, int]]:
    now = 0 if fact["deleted"] else fact["balance"]
    if before is None and fact["kind"] == "created":
        return [("issued", False, fact["balance"])] + ([("voided", False, 0)] if fact["deleted"] else [])
    if before is None:
        return [("first_seen", True, now)]
    if fact["deleted"]:
        return [("voided", False, now)]
    if now > left:
        return [("adjusted_up", True, now)]
    paid_before, paid = before["transactions_paid"], fact["transactions_paid"]
    return [("redeemed", None not in (paid, paid_before) and paid != (paid_before or 0) + 1, now)]
