"""Sender: posts simulated webhooks at a steady rate, and each of them again until it is accepted or refused for good.

What a refused webhook means: nothing is promised. It may all the same be in Kafka, when the acknowledgement came too
late. So it is posted again, as the sender's operator would from the list of the undelivered ones: half of the time
the same attempt, half of the time the same event under a new attempt. All that was ever posted is remembered.
"""

import asyncio
import heapq
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import count

import aiohttp
import msgspec

from consumer.traffic import Kind, Truth, Webhook, period
from consumer.traffic.simulate import signature

APPLICABLE = {Kind.EVENT, Kind.LATE, Kind.ANOMALY, Kind.DUPLICATE, Kind.RESEND}
TIMEOUT_SECONDS = 30.0


class Envelope(msgspec.Struct, rename="camel"):
    """What the books need to know of a webhook."""

    id: str = ""
    attempt_id: str = ""
    livemode: bool = True


@dataclass
class Books:
    """What was posted, and what was promised. Attempts by id."""

    posts: int = 0
    answers: Counter[int] = field(default_factory=Counter)  # 0: none at all
    sent: dict[str, int] = field(default_factory=dict)  # applicable attempts → hash of the body
    acknowledged: set[str] = field(default_factory=set)  # of these
    acknowledgements: int = 0  # answers with 200, whatever for
    unacknowledged: set[str] = field(default_factory=set)  # refused at least once, and never accepted since
    events: set[str] = field(default_factory=set)  # applicable events
    undecodable: set[str] = field(default_factory=set)  # attempts that are to be dead letters
    unrouted: set[str] = field(default_factory=set)
    unauthentic: set[str] = field(default_factory=set)  # attempts that must leave no trace
    surprises: list[str] = field(default_factory=list)
    slowest: float = 0.0


class Sender:
    """Plays the sender. Runs on one event loop; ``ports`` are the ingresses'."""

    def __init__(self, ports: list[int], secret: str, *, rate: float, seed: int) -> None:
        self.books = Books()
        self.waiting = 0  # webhooks that are not yet answered for good
        self._ports = ports
        self._secret = secret
        self.rate = rate
        self._random = random.Random(f"sender {seed}")
        self._webhooks = self._traffic(seed)
        self._again: list[tuple[float, int, Webhook]] = []
        self._number = count()
        self._sending = True
        self._tasks: set[asyncio.Task[None]] = set()

    def _traffic(self, seed: int) -> Iterator[Webhook]:
        # More than any run takes; what is not taken is never made.
        start = datetime(2026, 3, 1, tzinfo=UTC)
        return period(Truth(), seed=seed, start=start, count=10_000_000, length=timedelta(days=3650))

    async def run(self) -> None:
        """Post until stop(), then until everything is answered for good."""
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as self._session:
            slot = time.monotonic()
            while self._sending or self.waiting:
                while self._again and self._again[0][0] <= time.monotonic():
                    self._start(heapq.heappop(self._again)[2])
                if self._sending and slot <= time.monotonic():
                    self.post(next(self._webhooks))
                    slot += 1 / self.rate
                await asyncio.sleep(min(0.02, max(0, slot - time.monotonic())))

    def stop(self) -> None:
        """Make no new webhooks."""
        self._sending = False

    def post_all(self, webhooks: list[Webhook]) -> None:
        for webhook in webhooks:
            self.post(webhook)

    def post(self, webhook: Webhook) -> None:
        """Post a webhook for as long as it takes."""
        self.waiting += 1
        self._enter(webhook)
        self._start(webhook)

    def _enter(self, webhook: Webhook) -> None:
        books, envelope = self.books, _envelope(webhook)
        if webhook.kind in APPLICABLE:
            books.sent[envelope.attempt_id] = hash(webhook.body)
            books.events.add(envelope.id)
        elif webhook.kind is Kind.UNDECODABLE:
            books.undecodable.add(envelope.attempt_id)
        elif webhook.kind is Kind.UNROUTED:
            books.unrouted.add(envelope.attempt_id)
        elif envelope.attempt_id:
            books.unauthentic.add(envelope.attempt_id)

    def _start(self, webhook: Webhook) -> None:
        task = asyncio.create_task(self._post(webhook))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _post(self, webhook: Webhook) -> None:
        started = time.monotonic()
        status = await self._attempt(webhook)
        books, attempt_id = self.books, _envelope(webhook).attempt_id
        books.posts += 1
        books.answers[status] += 1
        books.slowest = max(books.slowest, time.monotonic() - started)
        if status in {0, HTTPStatus.SERVICE_UNAVAILABLE}:
            if webhook.kind in APPLICABLE and attempt_id not in books.acknowledged:
                books.unacknowledged.add(attempt_id)
            self._later(webhook)
            return
        if status == HTTPStatus.OK:
            books.acknowledgements += 1
            if webhook.kind in APPLICABLE:
                books.acknowledged.add(attempt_id)
                books.unacknowledged.discard(attempt_id)
        if status != webhook.expected_status:
            books.surprises.append(f"{webhook.kind}: expected {webhook.expected_status}, got {status}")
        self.waiting -= 1

    def _later(self, webhook: Webhook) -> None:
        if webhook.kind in APPLICABLE and self._random.random() < 0.5:
            webhook = self._under_a_new_attempt(webhook)
            self._enter(webhook)
        due = time.monotonic() + self._patience() * (0.5 + self._random.random())
        heapq.heappush(self._again, (due, next(self._number), webhook))

    def _patience(self) -> float:
        """Post again later, the more is waiting: or what was refused in minutes would drown what comes."""
        return min(30.0, max(1.0, len(self._again) / (2 * self.rate)))

    def _under_a_new_attempt(self, webhook: Webhook) -> Webhook:
        old = _envelope(webhook).attempt_id
        new = f"{old[:8]}-resent-{next(self._number)}"
        return msgspec.structs.replace(
            webhook, body=webhook.body.replace(f'"attemptId":"{old}"'.encode(), f'"attemptId":"{new}"'.encode())
        )

    async def _attempt(self, webhook: Webhook) -> int:
        headers = {"content-type": "application/json", **signature(webhook, self._secret)}
        url = f"http://127.0.0.1:{self._random.choice(self._ports)}/webhooks"
        try:
            async with self._session.post(url, data=webhook.body, headers=headers) as response:
                await response.read()
                return response.status
        except (aiohttp.ClientError, OSError, TimeoutError):
            return 0


def _envelope(webhook: Webhook) -> Envelope:
    try:
        return msgspec.json.decode(webhook.body, type=Envelope)
    except msgspec.DecodeError:
        return Envelope()
