"""A simulated period of the sender's life: business as usual, and the trouble that comes with it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from math import inf, pi, sin

from consumer.traffic.catalogue import Catalogue
from consumer.traffic.chance import Chance
from consumer.traffic.outbox import Outbox
from consumer.traffic.payloads import Event
from consumer.traffic.sales import Sales
from consumer.traffic.truth import Truth
from consumer.traffic.webhooks import Kind, Webhook
from consumer.traffic.world import ACCOUNTS, UNIT

DAY = 86_400

# How often each act happens. Dealt like cards, so that even a short simulation has its share of everything.
DECK = {
    "sell": 74,
    "redeem": 86,
    "redeem_late": 6,
    "redeem_swapped": 4,
    "redeem_older": 2,
    "raise_balance": 1,
    "sell_test": 5,
    "redeem_test": 5,
    "test_twin": 2,
    "update_definition": 5,
    "renew_definition": 2,
    "delete_definition_before_create": 1,
    "delete_definition_test_twin": 1,
    "duplicate": 10,
    "resend": 8,
    "unrelated": 10,
    "forged": 2,
    "stale": 2,
    "unsigned": 1,
    "broken": 3,
    "undecodable": 1,
}
MOST_POSTS_OF_AN_ACT = 2

# Data that passes the ingress, which reads only the envelope, and that no worker can decode.
UNDECODABLE: tuple[dict[str, object], ...] = (
    {"balance": "abc"},
    {"balance": None},
    {"balance": 10.5},
    {"balance": 2**53},  # more than the sender can say
    {"price": -(2**53)},
)


def period(
    truth: Truth, *, seed: int, start: datetime, count: int, length: timedelta = timedelta(days=1)
) -> Iterator[Webhook]:
    """Yield ``count`` webhooks of a period, as they arrive, and enter what is true into ``truth``.

    The same arguments give the same bytes. Nothing is held but open certificates, what is on its way, and the
    truth itself.
    """
    chance = Chance(f"{seed} {start.timestamp()} {count} {length.total_seconds()}")
    outbox = Outbox(chance, truth)
    acts = Acts(chance, truth, outbox)
    while outbox.posted < count:
        acts.now = start.timestamp() + _busy_hours(length.total_seconds() * outbox.posted / count)
        acts.next(left=count - outbox.posted)
        yield from outbox.arrived(until=acts.now)
    yield from outbox.arrived(until=inf)


def _busy_hours(elapsed: float) -> float:
    """Bend even time within each day, so that three times as much happens at 18:00 UTC as at 6:00."""
    days, seconds = divmod(elapsed, DAY)
    turn = 2 * pi * (seconds / DAY - 0.75)
    return days * DAY + seconds - DAY * 0.5 * (sin(turn) - 1) / (2 * pi)


class Acts:
    """What can happen, and what happens next. ``now`` in Unix seconds."""

    def __init__(self, chance: Chance, truth: Truth, outbox: Outbox) -> None:
        self.now = 0.0
        self._chance = chance
        self._outbox = outbox
        self._catalogue = Catalogue(chance, truth)
        self._sales = Sales(chance, truth, self._catalogue)
        self._hand: list[str] = []

    def next(self, left: int) -> None:
        """Let one thing happen, of at most ``left`` POSTs."""
        if left < MOST_POSTS_OF_AN_ACT:
            self.unrelated()
        elif not self._sales.has_open(livemode=True):
            self.sell()
        else:
            getattr(self, self._deal())()

    def _deal(self) -> str:
        if not self._hand:
            self._hand = [act for act, times in DECK.items() for _ in range(times)]
            self._chance.shuffle(self._hand)
        return self._hand.pop()

    def sell(self) -> None:
        for event in self._sales.sell(self.now, livemode=True):
            self._outbox.post(event)

    def redeem(self) -> None:
        self._outbox.post(self._sales.redeem(self.now, livemode=True))

    def redeem_late(self) -> None:
        self._outbox.post_late(self._sales.redeem(self.now, livemode=True))

    def redeem_swapped(self) -> None:
        self._outbox.post_swapped(*self._sales.redeem_twice(self.now))

    def redeem_older(self) -> None:
        self._outbox.post(self._sales.redeem_older(self.now))

    def raise_balance(self) -> None:
        self._outbox.post(self._sales.raise_balance(self.now), Kind.ANOMALY)

    def sell_test(self) -> None:
        for event in self._sales.sell(self.now, livemode=False):
            self._outbox.post(event)

    def redeem_test(self) -> None:
        if self._sales.has_open(livemode=False):
            self._outbox.post(self._sales.redeem(self.now, livemode=False))
        else:
            self.sell_test()

    def test_twin(self) -> None:
        self._outbox.post(self._sales.use_test_twin(self.now))

    def update_definition(self) -> None:
        self._outbox.post(self._catalogue.update(self.now))

    def renew_definition(self) -> None:
        self._outbox.post(self._catalogue.renew(self.now))

    def delete_definition_before_create(self) -> None:
        self._outbox.post_swapped(*self._catalogue.create_and_delete(self.now))

    def delete_definition_test_twin(self) -> None:
        self._outbox.post(self._catalogue.delete_test_twin(self.now))

    def duplicate(self) -> None:
        self._outbox.duplicate(self.now)

    def resend(self) -> None:
        self._outbox.resend(self.now)

    def unrelated(self) -> None:
        event = self._chance.pick(("transaction.completed", "ticket.created"))
        data = {"_id": self._chance.object_id(self.now), "accountId": self._chance.pick(ACCOUNTS).account_id}
        stranger = Event(self._chance.uuid(), event, livemode=True, created=self.now, data=data)
        self._outbox.post_stranger(stranger, Kind.UNROUTED)

    def forged(self) -> None:
        self._outbox.post_stranger(self._riches(), Kind.FORGED)

    def stale(self) -> None:
        self._outbox.post_stranger(self._riches(), Kind.STALE)

    def unsigned(self) -> None:
        self._outbox.post_stranger(self._riches(), Kind.UNSIGNED)

    def broken(self) -> None:
        self._outbox.post_broken(self._riches())

    def undecodable(self) -> None:
        spoilt = self._sales.pretend(self.now, self._chance.pick(UNDECODABLE))
        self._outbox.post_stranger(spoilt, Kind.UNDECODABLE)

    def _riches(self) -> Event:
        return self._sales.pretend(self.now, {"balance": 1_000_000 * UNIT})
