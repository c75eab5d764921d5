"""Ingress: verify a webhook, publish its bytes as they came, answer when Kafka has them."""

import asyncio
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from http import HTTPStatus

import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from consumer.common import metrics
from consumer.common.errors import TooLarge, Unavailable
from consumer.common.service import admin_app, serving
from consumer.common.settings import Settings
from consumer.ingress.answers import (
    Refusal,
    accepted,
    failed,
    health,
    no_such_method,
    no_such_path,
    refused,
    unavailable,
)
from consumer.ingress.head import Head, read_head, refuse_encoded
from consumer.ingress.protocol import WHOLE, bounded
from consumer.ingress.signature import HEADER, SignatureError, Verified, verify
from consumer.kafka.batcher import Headers, Sending, acknowledged
from consumer.kafka.publisher import Publisher
from consumer.kafka.topics import NEEDED_BY_INGRESS
from consumer.kafka.trace import TRACEPARENT, valid_traceparent
from schemas.registry import Malformed, Routed, is_almost_ours, route

log = structlog.get_logger()

_accepted = metrics.webhook_requests.labels("accepted", "published")


class Ingress:
    """One route, and the bounds of what it holds in memory.

    An ASGI application of its own: starlette's layers around it would cost a fifth more.
    """

    def __init__(self, settings: Settings, publisher: Publisher) -> None:
        self.settings = settings
        self.publisher = publisher
        self.keys = settings.signing_keys
        self.draining = False
        self._requests = 0
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        answer: ASGIApp
        try:
            answer = await self._answer(scope, receive)
        except Refusal as refusal:
            answer = refused(refusal)
        except ClientDisconnect:
            # The body never came whole, and nobody is there to be answered.
            metrics.webhook_requests.labels("refused", "client_disconnected").inc()
            answer = Response(status_code=HTTPStatus.BAD_REQUEST)
        except asyncio.CancelledError:
            # The grace of a shutdown is over: the server ends what still runs, and nobody else awaits it.
            answer = refused(unavailable("draining", "Shutting down"))
        except Exception:  # an error of ours costs one request
            log.exception("request failed")
            answer = failed()
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> ASGIApp:
        path, method = scope["path"], scope["method"]
        head = read_head(scope)
        if path == "/health":
            if method not in {"GET", "HEAD"}:
                raise no_such_method("GET, HEAD")
            return health(ready=not self.unready())
        if path != "/webhooks":
            raise no_such_path()
        if method != "POST":
            raise no_such_method("POST")
        with metrics.webhook_request_duration.time():
            attempt_id = await self._accept(scope, head, receive)
        _accepted.inc()
        return accepted(attempt_id)

    def unready(self) -> list[str]:
        """Say why no webhook should be sent here."""
        reasons = {
            "shutting down": self.draining,
            f"Kafka {self.publisher.trouble or 'does not answer'}": not self.publisher.ready,
        }
        return [reason for reason, applies in reasons.items() if applies]

    async def _accept(self, scope: Scope, head: Head, receive: Receive) -> str:
        """Take a webhook from its head to Kafka's acknowledgement; give its attempt id. Raises Refusal."""
        received_at = time.time()
        refuse_encoded(head)
        leave = self._enter(head)
        sending = None
        try:
            body = await self._read(scope, head, receive)
            verified = self._verify(head, body, received_at)
            routed = _route(body)
            headers = _record_headers(head, routed, verified, received_at)
            sending = self._send(routed, body, headers, leave)
            await acknowledged(sending, self.settings.publish_deadline_seconds)
        except TooLarge as error:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large_for_topic", str(error)) from error
        except Unavailable as error:
            raise unavailable("kafka_unavailable", str(error)) from error
        finally:
            # A record leaves by itself: past its deadline it is answered, but still held in memory.
            if sending is None:
                leave()
        if is_almost_ours(routed.envelope.event):
            metrics.webhooks_almost_ours.inc()
            log.warning("an event is almost one of ours, and nobody applies it", detail=routed.envelope.event)
        return routed.envelope.attempt_id

    def _enter(self, head: Head) -> Callable[[], None]:
        """Count a request in; the result counts it out. A body of unknown length counts as the largest one."""
        limit = self.settings.webhook_max_body_bytes
        length = head.get("content-length", "")
        size = min(int(length), limit) if length.isdecimal() else limit
        if self.draining:
            raise unavailable("draining", "Shutting down")
        if self._requests >= self.settings.max_in_flight_requests:
            raise unavailable("in_flight_requests", "Too many requests in flight")
        if self._bytes + size > self.settings.max_in_flight_bytes:
            raise unavailable("in_flight_bytes", "Too many bytes in flight")
        self._requests += 1
        self._bytes += size

        def leave() -> None:
            self._requests -= 1
            self._bytes -= size

        return leave

    async def _read(self, scope: Scope, head: Head, receive: Receive) -> bytes:
        """Read the body, never more than the cap, whatever Content-Length says."""
        limit, seconds = self.settings.webhook_max_body_bytes, self.settings.webhook_read_timeout_seconds
        length = head.get("content-length", "")
        body = None
        if not (length.isdecimal() and int(length) > limit):
            try:
                # A clock costs as much as a signature: what is here already needs none.
                async with nullcontext() if WHOLE in scope["state"] else asyncio.timeout(seconds):
                    body = await _body(receive, limit)
            except TimeoutError:
                raise Refusal(HTTPStatus.REQUEST_TIMEOUT, "body_too_slow", "The body did not come in time") from None
        if body is None:
            detail = f"The body is larger than {limit} bytes"
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", detail)
        return body

    def _verify(self, head: Head, body: bytes, now: float) -> Verified | None:
        """Prove the sender, unless that is switched off."""
        if self.settings.webhook_verification == "off":
            return None
        try:
            verified = verify(
                head.get(HEADER),
                body,
                self.keys,
                tolerance=self.settings.webhook_tolerance_seconds,
                now=now,
                reserialise=self.settings.webhook_reserialisation == "on",
            )
        except SignatureError as error:
            detail = f"{HEADER}: {error.rejection.value.replace('_', ' ')}"
            raise Refusal(HTTPStatus.UNAUTHORIZED, error.rejection.value, detail) from None
        if verified.reserialised:
            metrics.webhook_reserialised.inc()
        return verified

    def _send(self, routed: Routed, body: bytes, headers: Headers, leave: Callable[[], None]) -> Sending:
        topic = self.settings.topic(routed.topic)
        return self.publisher.send(topic, key=routed.key.encode(), value=body, headers=headers, settled=leave)


async def _body(receive: Receive, most: int) -> bytes | None:
    """Read a body to its end; None when it has more than ``most`` bytes."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message["body"]
        more = message["more_body"]
        if len(body) > most:
            return None
    return bytes(body)


def _route(body: bytes) -> Routed:
    try:
        return route(body)
    except Malformed as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "malformed", str(error)) from None


def _record_headers(head: Head, routed: Routed, verified: Verified | None, received_at: float) -> Headers:
    envelope = routed.envelope
    arrival = datetime.fromtimestamp(received_at, UTC).isoformat(timespec="milliseconds")
    headers = [
        ("event", envelope.event.encode()),
        ("event-id", envelope.id.encode()),
        ("attempt-id", envelope.attempt_id.encode()),
        ("livemode", b"true" if envelope.livemode else b"false"),
        ("received-at", arrival.replace("+00:00", "Z").encode()),
    ]
    if verified:
        headers.append(("signing-key-id", verified.key_id.encode()))
    if traceparent := valid_traceparent(head.get(TRACEPARENT) or ""):
        headers.append((TRACEPARENT, traceparent.encode()))
    if signature := head.get(HEADER):
        headers.append(("signature", signature.encode("latin-1")))
    return headers


async def run_ingress(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set, then finish what is in flight."""
    publisher = Publisher(settings, NEEDED_BY_INGRESS)
    ingress = Ingress(settings, publisher)
    metrics.webhook_verification_enabled.set(settings.webhook_verification == "on")
    if settings.webhook_verification == "off":
        log.warning("signatures are not verified: WEBHOOK_VERIFICATION=off")

    listening = asyncio.Event()

    def unready() -> list[str]:
        return [*([] if listening.is_set() else ["not listening yet"]), *ingress.unready()]

    await publisher.start()
    try:
        admin = admin_app(live=list, ready=unready, metrics=metrics.INGRESS)
        async with (
            serving(admin, settings.admin_host, settings.admin_port),
            serving(
                ingress,
                settings.ingress_host,
                settings.ingress_port,
                grace=settings.shutdown_grace_seconds,
                keep_alive=settings.ingress_keep_alive_seconds,
                http=bounded(
                    max_connections=settings.max_connections, head_seconds=settings.webhook_read_timeout_seconds
                ),
            ),
        ):
            listening.set()
            log.info(
                "ingress listens", host=settings.ingress_host, port=settings.ingress_port, keys=sorted(ingress.keys)
            )
            await stop.wait()
            ingress.draining = True
            log.info("ingress drains")
    finally:
        await publisher.stop()
