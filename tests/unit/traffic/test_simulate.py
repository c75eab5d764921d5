"""Playing the sender: signs as it sends, tries again where that helps, and tells what was answered wrongly."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiohttp import web

from consumer.ingress.signature import HEADER, Rejection, SignatureError, verify
from consumer.traffic import Kind, Truth, Webhook
from consumer.traffic import simulate as module
from consumer.traffic.simulate import Sender, SimulationError, Summary, simulate
from deploy.local.waiting import free_port
from schemas.registry import Malformed, route

SECRET = "the sender's private key"
START = datetime(2026, 3, 1, tzinfo=UTC)
Handler = Callable[[web.Request], Awaitable[web.Response]]


@asynccontextmanager
async def receiver(handle: Handler) -> AsyncIterator[str]:
    """Serve POST /webhooks; give the URL."""
    application = web.Application()
    application.router.add_post("/webhooks", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def as_the_ingress_does(request: web.Request) -> web.Response:
    body = await request.read()
    try:
        verify(request.headers.get(HEADER), body, {"key": SECRET}, tolerance=300, now=time.time())
        return web.json_response({"attemptId": route(body).envelope.attempt_id})
    except SignatureError:
        return web.Response(status=401)
    except Malformed:
        return web.Response(status=400)


async def send(url: str, webhooks: list[Webhook], concurrency: int = 4, retry_seconds: float = 5) -> Summary:
    sender = Sender(url=url, secret=SECRET, retry_seconds=retry_seconds)
    return await sender.send(webhooks, total=len(webhooks), concurrency=concurrency)


def webhook(kind: Kind = Kind.EVENT, body: bytes = b"{}") -> Webhook:
    return Webhook(kind, body, arrival=0.0)


async def play(url: str, count: int) -> tuple[Summary, Truth]:
    return await simulate(url=url, secret=SECRET, count=count, start=START)


async def test_every_webhook_is_answered_as_expected_by_a_right_receiver() -> None:
    async with receiver(as_the_ingress_does) as url:
        summary, truth = await play(url, 600)
    assert summary.mismatched == summary.retries == 0
    assert summary.statuses.total() == truth.posts.total() == 605
    assert summary.statuses[200] == truth.acknowledged
    assert summary.statuses[400] + summary.statuses[401] == truth.refused


@pytest.mark.parametrize(
    ("kind", "rejection"),
    [
        (Kind.FORGED, Rejection.MISMATCH),
        (Kind.STALE, Rejection.STALE),
        (Kind.UNSIGNED, Rejection.MISSING),
    ],
)
async def test_what_is_not_authentic_fails_for_its_own_reason(kind: Kind, rejection: Rejection) -> None:
    seen: list[Rejection] = []

    async def verifying(request: web.Request) -> web.Response:
        with pytest.raises(SignatureError) as refused:
            verify(
                request.headers.get(HEADER),
                await request.read(),
                {"key": SECRET},
                tolerance=300,
                now=time.time(),
            )
        seen.append(refused.value.rejection)
        return web.Response(status=401)

    async with receiver(verifying) as url:
        await send(url, [webhook(kind)])
    assert seen == [rejection]


async def test_a_wrong_answer_is_a_mismatch_with_its_text() -> None:
    async def wrong(_: web.Request) -> web.Response:
        return web.Response(status=500, text="out of order")

    async with receiver(wrong) as url:
        summary = await send(url, [webhook()] * 30)
    assert summary.mismatched == 30
    assert len(summary.mismatches) == module.SHOWN_MISMATCHES
    assert str(summary.mismatches[0]) == "event: expected 200, got 500 out of order"


async def test_503_is_tried_again_after_the_time_it_asks_for_with_the_same_body_signed_afresh() -> None:
    received: list[tuple[float, bytes, str]] = []

    async def busy_once(request: web.Request) -> web.Response:
        received.append((time.monotonic(), await request.read(), request.headers[HEADER]))
        if len(received) == 1:
            return web.Response(status=503, headers={"Retry-After": "1"})
        return web.Response()

    async with receiver(busy_once) as url:
        summary = await send(url, [webhook(body=b'{"attemptId":"a"}')])
    (first, body, signature), (second, body_again, signature_again) = received
    assert second - first >= 1
    assert body == body_again
    assert signature != signature_again
    assert (summary.retries, summary.mismatched) == (1, 0)


async def test_a_closed_connection_is_tried_again() -> None:
    attempts: Counter[bytes] = Counter()

    async def hangs_up_once(request: web.Request) -> web.Response:
        body = await request.read()
        attempts[body] += 1
        if attempts[body] == 1 and request.transport:
            request.transport.close()
        return web.Response()

    async with receiver(hangs_up_once) as url:
        summary = await send(url, [webhook()])
    assert summary.retries >= 1
    assert summary.statuses == {200: 1}


async def test_nobody_there_is_an_error_that_names_the_url() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(SimulationError, match=rf"Gave up on {url}/webhooks after 0.3 s"):
        await send(url, [webhook()] * 10, retry_seconds=0.3)


async def test_no_more_requests_are_under_way_than_allowed() -> None:
    under_way, most = 0, 0

    async def slow(_: web.Request) -> web.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return web.Response()

    async with receiver(slow) as url:
        await send(url, [webhook()] * 40, concurrency=5)
    assert most == 5


async def test_the_rate_is_kept() -> None:
    async def ok(_: web.Request) -> web.Response:
        return web.Response()

    async with receiver(ok) as url:
        sender = Sender(url=url, secret=SECRET, rate=100)
        summary = await sender.send([webhook()] * 51, total=51, concurrency=8)
    assert 0.5 <= summary.seconds < 1.5


async def test_without_aiohttp_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(SimulationError, match=r"pip install 'giftledger\[simulate\]'"):
        await send("http://127.0.0.1:1", [webhook()])
