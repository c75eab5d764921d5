"""Ingress: verify a webhook, publish its bytes as they came, answer when Kafka has them."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from http import HTTPStatus

import msgspec
import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from consumer.common import metrics
from consumer.common.errors import TooLarge, Unavailable
from consumer.common.service import admin_app, serving
from consumer.common.settings import Settings
from consumer.ingress.protocol import WHOLE, bounded
from consumer.ingress.signature import HEADER, SignatureError, Verified, verify
from consumer.kafka.batcher import Headers, Sending, acknowledged
from consumer.kafka.publisher import Publisher
from schemas.registry import Malformed, Routed, route

log = structlog.get_logger()

# A request's headers, their names in lower case.
Head = Mapping[str, str]

RETRY_AFTER_SECONDS = 1
_accepted = metrics.webhook_requests.labels("accepted", "published")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Refusal(Exception):
    """An answer other than 200: its status, the metric's reason, and what the caller may know."""

    def __init__(self, status: HTTPStatus, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.reason, self.detail = status, reason, detail


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
        if scope["path"] != "/webhooks":
            answer = _no_such_route(HTTPStatus.NOT_FOUND)
        elif scope["method"] != "POST":
            answer = _no_such_route(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "POST"})
        else:
            with metrics.webhook_request_duration.time():
                answer = await self._answer(scope, receive)
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        """Answer one webhook."""
        try:
            attempt_id = await self._accept(scope, receive)
        except Refusal as refusal:
            return _refuse(refusal)
        except ClientDisconnect:
            # The body never came whole, and nobody is there to be answered.
            metrics.webhook_requests.labels("refused", "client_disconnected").inc()
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        _accepted.inc()
        return Response(msgspec.json.encode({"attemptId": attempt_id}), media_type="application/json")

    async def _accept(self, scope: Scope, receive: Receive) -> str:
        """Take a webhook from its head to Kafka's acknowledgement; give its attempt id. Raises Refusal."""
        received_at = time.time()
        head = _head(scope)
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
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "kafka_unavailable", str(error)) from error
        finally:
            # A record leaves by itself: past its deadline it is answered, but still held in memory.
            if sending is None:
                leave()
        return routed.envelope.attempt_id

    def _enter(self, head: Head) -> Callable[[], None]:
        """Count a request in; the result counts it out. A body of unknown length counts as the largest one."""
        limit = self.settings.webhook_max_body_bytes
        length = head.get("content-length", "")
        size = min(int(length), limit) if length.isdecimal() else limit
        if self.draining:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "draining", "Shutting down")
        if self._requests >= self.settings.max_in_flight_requests:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "in_flight_requests", "Too many requests in flight")
        if self._bytes + size > self.settings.max_in_flight_bytes:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "in_flight_bytes", "Too many bytes in flight")
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


def _head(scope: Scope) -> Head:
    """Give the request's headers; of one that comes twice, the first."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}


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
    headers = {
        "event": envelope.event,
        "event-id": envelope.id,
        "attempt-id": envelope.attempt_id,
        "livemode": "true" if envelope.livemode else "false",
        "received-at": arrival.replace("+00:00", "Z"),
    }
    if verified:
        headers["signing-key-id"] = verified.key_id
    if _TRACEPARENT.fullmatch(traceparent := head.get("traceparent", "")):
        headers["traceparent"] = traceparent
    return [(name, value.encode()) for name, value in headers.items()]


def _refuse(refusal: Refusal) -> Response:
    """Answer and record a refusal: one wide event, with nothing of the body in it."""
    unavailable = refusal.status is HTTPStatus.SERVICE_UNAVAILABLE
    outcome = "unavailable" if unavailable else "refused"
    metrics.webhook_requests.labels(outcome, refusal.reason).inc()
    log.warning("webhook refused", status=refusal.status.value, reason=refusal.reason, detail=refusal.detail)
    # No "Connection: close" for a body that is still coming: the client would see a reset instead of the answer.
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if unavailable else {}
    return _problem(refusal.status, refusal.detail, headers, reason=refusal.reason)


def _no_such_route(status: HTTPStatus, headers: Mapping[str, str] | None = None) -> Response:
    metrics.webhook_requests.labels("refused", status.name.lower()).inc()
    return _problem(status, status.description, dict(headers or {}))


def _problem(status: HTTPStatus, detail: str, headers: dict[str, str], **more: str) -> Response:
    problem = {"title": status.phrase, "status": status.value, "detail": detail, **more}
    return JSONResponse(problem, status.value, headers, media_type="application/problem+json")


async def run_ingress(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set, then finish what is in flight."""
    publisher = Publisher(settings)
    ingress = Ingress(settings, publisher)
    metrics.webhook_verification_enabled.set(settings.webhook_verification == "on")
    if settings.webhook_verification == "off":
        log.warning("signatures are not verified: WEBHOOK_VERIFICATION=off")

    listening = asyncio.Event()

    def unready() -> list[str]:
        reasons = {
            "not listening yet": not listening.is_set(),
            "shutting down": ingress.draining,
            f"Kafka {publisher.trouble or 'does not answer'}": not publisher.ready,
        }
        return [reason for reason, applies in reasons.items() if applies]

    await publisher.start()
    try:
        admin = admin_app(live=list, ready=unready)
        async with (
            serving(admin, settings.admin_host, settings.admin_port),
            serving(
                ingress,
                settings.ingress_host,
                settings.ingress_port,
                grace=settings.shutdown_grace_seconds,
                http=bounded(
                    max_connections=settings.max_connections, head_seconds=settings.webhook_read_timeout_seconds
                ),
            ),
        ):
            listening.set()
            log.info("ingress listens", port=settings.ingress_port, keys=sorted(ingress.keys))
            await stop.wait()
            ingress.draining = True
            log.info("ingress drains")
    finally:
        await publisher.stop()
