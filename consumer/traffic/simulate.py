"""Play the sender: post the simulated traffic over HTTP, each attempt signed as it is sent."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING

import msgspec
import tenacity

from consumer.common.errors import Fatal
from consumer.common.progress import progress
from consumer.ingress.signature import HEADER, sign
from consumer.traffic import Signing, Truth, Webhook, documented, period
from consumer.traffic.examples import EXAMPLES
from consumer.traffic.listed import Listed
from consumer.traffic.losses import lose

if TYPE_CHECKING:
    import aiohttp

TWO_DAYS = 172_800  # older than any sensible tolerance
TIMEOUT_SECONDS = 30.0
SHOWN_MISMATCHES = 20


class SimulationError(Fatal):
    """The simulation could not be carried out; the message says why and how to mend it."""


class Mismatch(msgspec.Struct, frozen=True):
    """A webhook that was not answered as it should have been."""

    kind: str
    expected: int
    actual: int
    answer: str

    def __str__(self) -> str:
        return f"{self.kind}: expected {self.expected}, got {self.actual} {self.answer}"


class Summary(msgspec.Struct):
    """What came of the POSTs. ``statuses`` counts final answers; ``retries`` the POSTs that were repeated."""

    statuses: Counter[int] = msgspec.field(default_factory=Counter)
    retries: int = 0
    mismatched: int = 0
    mismatches: list[Mismatch] = msgspec.field(default_factory=list)  # the first few
    seconds: float = 0.0


class Unanswered(Exception):
    """Not answered, or with 503: the sender would post this attempt again."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


async def simulate(
    *,
    url: str,
    secret: str,
    count: int,
    start: datetime,
    length: timedelta = timedelta(days=1),
    seed: int = 1,
    examples: bool = True,
    concurrency: int = 16,
    rate: float | None = None,
    retry_seconds: float = 60.0,
    lost: int = 0,
) -> tuple[Summary, Truth]:
    """Post the documents' examples and ``count`` webhooks of a period to ``<url>/webhooks``.

    ``secret`` is the signing key's; ``rate`` limits the POSTs a second; ``retry_seconds`` is how many seconds an
    attempt is posted again while the receiver does not answer or answers 503; ``lost`` webhooks are not posted, but
    kept in the truth, as is what the sender's API lists. The same ``seed``, ``start``, ``count`` and ``length`` make
    the same attempts: a second run changes nothing at the receiver.

    Raises SimulationError.
    """
    truth = Truth(listed=Listed() if lost else None)
    webhooks: Iterable[Webhook] = chain(
        documented(truth) if examples else (),
        period(truth, seed=seed, start=start, count=count, length=length),
    )
    if lost:
        webhooks, truth.lost = lose(webhooks, lost, seed=seed)
    total = count + (len(EXAMPLES) if examples else 0) - len(truth.lost)
    sender = Sender(url=url, secret=secret, rate=rate, retry_seconds=retry_seconds)
    return await sender.send(webhooks, total=total, concurrency=concurrency), truth


class Sender:
    """Posts webhooks, a bounded number at a time, and compares the answers with the right ones."""

    def __init__(self, *, url: str, secret: str, rate: float | None = None, retry_seconds: float = 60.0) -> None:
        self._url = url.rstrip("/") + "/webhooks"
        self._secret = secret
        self._interval = 1 / rate if rate else 0.0
        self._next_slot = 0.0
        self._retry_seconds = retry_seconds
        self._summary = Summary()

    async def send(self, webhooks: Iterable[Webhook], *, total: int, concurrency: int) -> Summary:
        """Post every webhook, ``total`` of them. Raises SimulationError."""
        started = time.monotonic()
        waiting = iter(webhooks)
        unanswered = None
        try:
            with progress("Posting webhooks", total) as advance:
                async with _session(concurrency) as session, asyncio.TaskGroup() as tasks:
                    for _ in range(concurrency):
                        tasks.create_task(self._post_all(session, waiting, advance))
        except* Unanswered as group:
            unanswered = group.exceptions[0]  # raised here, it would end up in a group again
        if unanswered:
            raise SimulationError(f"Gave up on {self._url} after {self._retry_seconds:g} s: {unanswered}")
        self._summary.seconds = time.monotonic() - started
        return self._summary

    async def _post_all(
        self, session: "aiohttp.ClientSession", waiting: Iterator[Webhook], advance: Callable[[], None]
    ) -> None:
        for webhook in waiting:
            await self._slot()
            status, answer = await self._post_until_answered(session, webhook)
            self._record(webhook, status, answer)
            advance()

    async def _slot(self) -> None:
        if self._interval:
            now = time.monotonic()
            slot = max(now, self._next_slot)
            self._next_slot = slot + self._interval
            await asyncio.sleep(slot - now)

    async def _post_until_answered(self, session: "aiohttp.ClientSession", webhook: Webhook) -> tuple[int, str]:
        async for attempt in tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(Unanswered),
            wait=_wait,
            stop=tenacity.stop_after_delay(self._retry_seconds),
            before_sleep=self._count_retry,
            reraise=True,
        ):
            with attempt:
                return await self._post(session, webhook)
        raise AssertionError("unreachable: reraise")

    async def _post(self, session: "aiohttp.ClientSession", webhook: Webhook) -> tuple[int, str]:
        from aiohttp import ClientConnectionError, ClientPayloadError  # noqa: PLC0415 - an extra

        headers = {"content-type": "application/json", **signature(webhook, self._secret)}
        try:
            async with session.post(self._url, data=webhook.body, headers=headers, allow_redirects=False) as response:
                answer = await response.text(errors="replace")
                retry_after = response.headers.get("retry-after", "")
        except (ClientConnectionError, ClientPayloadError, TimeoutError) as error:
            raise Unanswered(str(error) or type(error).__name__) from error
        if response.status == 503:  # noqa: PLR2004
            seconds = float(retry_after) if retry_after.isdecimal() else 0.0
            raise Unanswered(f"503 {answer[:200]}", seconds)
        return response.status, answer

    def _count_retry(self, _state: tenacity.RetryCallState) -> None:
        self._summary.retries += 1

    def _record(self, webhook: Webhook, status: int, answer: str) -> None:
        summary = self._summary
        summary.statuses[status] += 1
        if status != webhook.expected_status:
            summary.mismatched += 1
            if len(summary.mismatches) < SHOWN_MISMATCHES:
                mismatch = Mismatch(webhook.kind, webhook.expected_status, status, answer[:200])
                summary.mismatches.append(mismatch)


def signature(webhook: Webhook, secret: str) -> dict[str, str]:
    """Sign a webhook as it is sent, or wrongly, or not at all, as it is meant to be."""
    match webhook.signing:
        case Signing.VALID:
            return {HEADER: sign(secret, webhook.body)}
        case Signing.FORGED:
            return {HEADER: sign(f"not {secret}", webhook.body)}
        case Signing.STALE:
            return {HEADER: sign(secret, webhook.body, int(time.time()) - TWO_DAYS)}
        case Signing.MISSING:
            return {}


def _session(concurrency: int) -> "aiohttp.ClientSession":
    try:
        import aiohttp  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise SimulationError("aiohttp is missing: pip install 'giftledger[simulate]'") from None
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=concurrency),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
    )


_backoff = tenacity.wait_random_exponential(multiplier=0.2, max=5)


def _wait(state: tenacity.RetryCallState) -> float:
    """Wait as long as the receiver asks, and then a little longer than the others who were asked as well."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, Unanswered) else 0.0
    return asked + _backoff(state)
