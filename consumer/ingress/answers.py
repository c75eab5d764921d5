"""Answers: what a caller is told; every error is ``application/problem+json`` (RFC 9457)."""

from collections.abc import Callable, Mapping
from http import HTTPStatus

import msgspec
import structlog
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from consumer.common import metrics
from consumer.ingress.connection import ANSWER_AT_ONCE

log = structlog.get_logger()

RETRY_AFTER_SECONDS = 1
_RETRY = {"Retry-After": str(RETRY_AFTER_SECONDS)}
# Whoever looks for open doors on the internet asks for these: counted, and not logged.
_NOT_LOGGED = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)


class Refusal(Exception):
    """An answer other than 200: its status, the metric's reason, what the caller may know, and further headers."""

    def __init__(self, status: HTTPStatus, reason: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.reason, self.detail = status, reason, detail
        self.headers = dict(headers or {})


def no_such_path() -> Refusal:
    status = HTTPStatus.NOT_FOUND
    return Refusal(status, "not_found", status.description)


def no_such_method(allowed: str) -> Refusal:
    status = HTTPStatus.METHOD_NOT_ALLOWED
    return Refusal(status, "method_not_allowed", status.description, {"Allow": allowed})


def unavailable(reason: str, detail: str) -> Refusal:
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, reason, detail, _RETRY)


def accepted(attempt_id: str) -> ASGIApp:
    """Answer that a webhook is durable: at once, where the server can."""
    body = msgspec.json.encode({"attemptId": attempt_id})

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        at_once: Callable[[bytes], bool] | None = scope["state"].get(ANSWER_AT_ONCE)
        if at_once is None or not at_once(body):
            await Response(body, media_type="application/json")(scope, receive, send)

    return answer


def refused(refusal: Refusal) -> Response:
    """Answer and record a refusal: one wide event, with nothing of the body in it."""
    status = refusal.status
    outcome = "unavailable" if status is HTTPStatus.SERVICE_UNAVAILABLE else "refused"
    metrics.webhook_requests.labels(outcome, refusal.reason).inc()
    if status not in _NOT_LOGGED:
        log.warning("webhook refused", status=status.value, reason=refusal.reason, detail=refusal.detail)
    # No "Connection: close" for a body that is still coming: the client would see a reset instead of the answer.
    return _problem(status, refusal.detail, refusal.headers, reason=refusal.reason)


def failed() -> Response:
    """Answer where an error of ours, which the log has, left none."""
    metrics.webhook_requests.labels("unavailable", "error").inc()
    return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "An error of ours; nothing was accepted", {}, reason="error")


def health(*, ready: bool) -> Response:
    """Answer a load balancer. It learns nothing else: the reasons are on the admin port."""
    return Response() if ready else _problem(HTTPStatus.SERVICE_UNAVAILABLE, "Not ready", _RETRY)


def _problem(status: HTTPStatus, detail: str, headers: Mapping[str, str], **more: str) -> Response:
    problem = {"title": status.phrase, "status": status.value, "detail": detail, **more}
    return JSONResponse(problem, status.value, headers, media_type="application/problem+json")
