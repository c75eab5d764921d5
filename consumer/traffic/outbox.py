"""From events to POSTs: when each arrives, what is posted again, what the sender never posted."""

from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush

from consumer.traffic.chance import Chance
from consumer.traffic.payloads import Event, body
from consumer.traffic.truth import Truth
from consumer.traffic.webhooks import Kind, Webhook

MINUTE, HOUR = 60, 3_600
RECENT = 200  # what is posted again was first posted not long ago


class Outbox:
    """POSTs on their way, by time of arrival (Unix seconds); every one is entered into the truth."""

    def __init__(self, chance: Chance, truth: Truth) -> None:
        self.posted = 0
        self._chance = chance
        self._truth = truth
        self._on_the_way: list[tuple[float, int, Webhook]] = []
        self._recent: deque[tuple[Event, str]] = deque(maxlen=RECENT)

    def post(self, event: Event, kind: Kind = Kind.EVENT, *, delay: float = 0.0) -> None:
        """Post an event for the first time; it takes ``delay`` seconds longer than usual."""
        attempt_id = self._chance.uuid()
        self._recent.append((event, attempt_id))
        self._send(kind, event.created + delay, body(event, attempt_id))

    def post_late(self, event: Event) -> None:
        self.post(event, Kind.LATE, delay=10 * MINUTE + 6 * HOUR * self._chance.random())

    def post_swapped(self, older: Event, newer: Event) -> None:
        """Post two events of one entity so that the newer one arrives first."""
        self.post(newer)
        self.post(older, Kind.LATE, delay=newer.created - older.created + MINUTE + HOUR * self._chance.random())

    def post_stranger(self, event: Event, kind: Kind) -> None:
        """Post what is not to be applied, and not to be posted again."""
        self._send(kind, event.created, body(event, self._chance.uuid()))

    def duplicate(self, now: float) -> None:
        """Post a recent attempt again, byte for byte."""
        event, attempt_id = self._chance.pick(self._recent)
        self._send(Kind.DUPLICATE, now + MINUTE * self._chance.random(), body(event, attempt_id))

    def resend(self, now: float) -> None:
        """Post a recent event again, as an operator does with undelivered ones: under a new attempt."""
        event, _ = self._chance.pick(self._recent)
        self._send(Kind.RESEND, now + 2 * HOUR * self._chance.random(), body(event, self._chance.uuid()))

    def post_broken(self, event: Event) -> None:
        """Post a body, rightly signed, in which no envelope can be read."""
        whole = body(event, self._chance.uuid())
        broken = (
            b"",
            b"not JSON",
            b"{}",
            b"[]",
            b"null",
            whole[: len(whole) // 2],
            whole.replace(b'"attemptId":', b'"attempt":'),
            whole.replace(b'"livemode":', b'"mode":'),
            whole.replace(b'"_id":', b'"certificateId":'),
            b"\xff\xfe" + whole,
        )
        self._send(Kind.BROKEN, event.created, self._chance.pick(broken))

    def arrived(self, until: float) -> Iterator[Webhook]:
        while self._on_the_way and self._on_the_way[0][0] <= until:
            yield heappop(self._on_the_way)[2]

    def _send(self, kind: Kind, arrival: float, content: bytes) -> None:
        self._truth.posts[kind] += 1
        self.posted += 1
        heappush(self._on_the_way, (arrival, self.posted, Webhook(kind, content, arrival)))
