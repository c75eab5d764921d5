"""Losses: webhooks that never arrive, and whose loss nobody can tell but by asking the sender."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from consumer.traffic.chance import Chance
from consumer.traffic.webhooks import EVENTS, Kind, Webhook

_REPEATED = frozenset({Kind.DUPLICATE, Kind.RESEND})


class _Told(Struct):
    """A certificate as its webhooks tell it: the balances in their order, and the last webhook."""

    balances: list[int]
    last: Webhook
    last_id: str
    customer: str


def lose(webhooks: Iterable[Webhook], count: int, *, seed: int) -> tuple[list[Webhook], list[Webhook]]:
    """Take out ``count`` webhooks, or as many as there are; give the others and the lost, each in their order.

    Each is the only one of its event, and the last of a live certificate: no later snapshot tells what it said. The
    customer holds something else, or still holds what was spent, so that the sender is asked for them.
    """
    everything = list(webhooks)
    told, copies = _told(everything)
    holding = Counter(one.customer for one in told.values() if one.balances[-1] > 0)
    chosen: list[Webhook] = []
    candidates = [one for one in told.values() if one.customer and copies[one.last_id] == 1]
    Chance(seed).shuffle(candidates)
    for one in candidates:
        before = one.balances[-2] if len(one.balances) > 1 else None
        held_then = holding[one.customer] - (one.balances[-1] > 0) + (before is not None and before > 0)
        if len(chosen) == count or before == one.balances[-1] or held_then <= 0:
            continue
        holding[one.customer] = held_then
        chosen.append(one.last)
    lost = set(map(id, chosen))
    return [one for one in everything if id(one) not in lost], [one for one in everything if id(one) in lost]


def _told(webhooks: Sequence[Webhook]) -> tuple[dict[str, _Told], Counter[str]]:
    copies: Counter[str] = Counter()
    events: defaultdict[str, list[tuple[dict[str, Any], Webhook]]] = defaultdict(list)
    for webhook in webhooks:
        if webhook.kind not in EVENTS | _REPEATED:
            continue
        payload = msgspec.json.decode(webhook.body)
        copies[payload["id"]] += 1
        if webhook.kind in EVENTS and payload["livemode"] and payload["event"].startswith("giftcertificate."):
            events[payload["data"]["_id"]].append((payload, webhook))
    told = {}
    for certificate_id, found in events.items():
        # The simulation leaves more than a second between two changes.
        found.sort(key=lambda event: event[0]["created"])
        newest, last = found[-1]
        balances = [payload["data"]["balance"] for payload, _ in found]
        told[certificate_id] = _Told(balances, last, newest["id"], newest["data"].get("customerNumber") or "")
    return told, copies
