"""The simulated sender's API: an ASGI application over what the simulation knows, with the traps of the real one.

Documented: the paths, ``customer`` and ``page``, 20 a page from 1, ``count`` over all pages, ``next`` only where the
request has a page, errors as ``{code, message}`` but 401 as text. Assumed: an item is the webhooks' ``data``, and the
form of the undelivered webhooks.
"""

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from consumer.traffic.listed import Data, Listed

PAGE = 20

Answer = Callable[[Request], Awaitable[Response]]


class Fault(StrEnum):
    """How a request can go wrong."""

    TOO_MANY = "429, and to be asked again in a second"
    BROKEN = "500"
    SLOW = "no answer in time"
    HTML = "a page of HTML with 200"
    CUT = "half of the JSON"
    REDIRECT = "a way to another host"
    HUGE = "more than anybody wants to read"


class SimulatedApi:
    """Answers as the sender would. ``faults`` are met by the next requests, one each; None is none."""

    def __init__(self, listed: Listed, *, key: str = "key", token: str = "token") -> None:  # noqa: S107 - simulated
        self.listed = listed
        self.faults: deque[Fault | None] = deque()
        # When each request came (time.monotonic), and what for.
        self.asked: list[tuple[float, str]] = []
        # With every page the certificate that changed longest ago changes.
        self.is_drifting = False
        # Fields that items lack.
        self.omitted: frozenset[str] = frozenset()
        self.slow_seconds = 60.0
        # What happens between two requests.
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        # Posts a webhook's body to the receiver.
        self.deliver: Callable[[bytes], Awaitable[None]] | None = None
        self._undelivered: dict[str, bytes] = {}
        self._headers = {"x-api-key": key, "authorization": f"Bearer {token}"}
        self.app = Starlette(
            routes=[
                Route("/operations/gift-certificates", self._answering(self._certificates)),
                Route("/inventory/gift-certificate-definitions", self._answering(self._definitions)),
                Route("/inventory/gift-certificate-definitions/{id}", self._answering(self._definition)),
                Route("/webhooks/undelivered", self._answering(self._list_undelivered)),
                Route("/webhooks/undelivered/{id}/retry", self._answering(self._retry), methods=["PUT"]),
            ]
        )

    def lose(self, body: bytes) -> None:
        """Keep a webhook that never arrived as undelivered."""
        self._undelivered[uuid.uuid4().hex[:24]] = body

    def _answering(self, answer: Answer) -> Answer:
        async def answered(request: Request) -> Response:
            self.asked.append((time.monotonic(), f"{request.url.path}?{request.url.query}"))
            if self.meanwhile:
                await self.meanwhile()
            if any(request.headers.get(name) != value for name, value in self._headers.items()):
                return PlainTextResponse("Unauthorized", 401)
            fault = self.faults.popleft() if self.faults else None
            return await self._faulty(fault) if fault else await answer(request)

        return answered

    async def _faulty(self, fault: Fault) -> Response:
        if fault is Fault.SLOW:
            await asyncio.sleep(self.slow_seconds)
        return {
            Fault.TOO_MANY: _error(429, "TOO_MANY_REQUESTS", {"retry-after": "1"}),
            Fault.BROKEN: _error(500, "INTERNAL_ERROR"),
            Fault.SLOW: _error(500, "LATE"),
            Fault.HTML: HTMLResponse("<html><body>Maintenance</body></html>"),
            Fault.CUT: Response(b'{"giftCertificates": [{"_id": "60c9', media_type="application/json"),
            Fault.REDIRECT: Response(status_code=302, headers={"location": "http://127.0.0.1:9/elsewhere"}),
            Fault.HUGE: Response(b"[" * (2**23 if fault is Fault.HUGE else 1), media_type="application/json"),
        }[fault]

    async def _certificates(self, request: Request) -> Response:
        number = request.query_params.get("customer")
        if not number:
            return _error(400, "WRONG_DATA")
        if self.is_drifting:
            self.listed.touch(number)
        return self._page(request, self.listed.of_customer(number))

    async def _definitions(self, request: Request) -> Response:
        return self._page(request, self.listed.of_account(request.query_params.get("providerId", "")))

    async def _definition(self, request: Request) -> Response:
        found = self.listed.one_definition(request.path_params["id"])
        return JSONResponse({"giftcertificate": found}) if found else _error(404, "GIFTCERTIFICATE_NOT_FOUND")

    def _page(self, request: Request, items: list[Data]) -> Response:
        page = request.query_params.get("page")
        start = (int(page or 1) - 1) * PAGE
        shown = [{name: value for name, value in item.items() if name not in self.omitted} for item in items]
        answer: dict[str, Any] = {"giftCertificates": shown[start : start + PAGE], "count": len(items)}
        if page and start + PAGE < len(items):
            answer["next"] = f"https://elsewhere.example/?page={int(page) + 1}"
        return Response(msgspec.json.encode(answer), media_type="application/json")

    async def _list_undelivered(self, _: Request) -> Response:
        found = [self._shown(webhook_id, body) for webhook_id, body in self._undelivered.items()]
        return Response(msgspec.json.encode({"undelivered": found, "count": len(found)}), media_type="application/json")

    @staticmethod
    def _shown(webhook_id: str, body: bytes) -> Mapping[str, Any]:
        payload = msgspec.json.decode(body)
        return {"_id": webhook_id, "event": payload["event"], "created": payload["created"], "data": payload["data"]}

    async def _retry(self, request: Request) -> Response:
        body = self._undelivered.get(request.path_params["id"])
        if body is None:
            return _error(404, "UNDELIVERED_NOT_FOUND")
        if self.deliver:
            # The same event under a new attempt.
            await self.deliver(msgspec.json.encode(msgspec.json.decode(body) | {"attemptId": str(uuid.uuid4())}))
        del self._undelivered[request.path_params["id"]]
        return JSONResponse({})


def _error(status: int, code: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"code": code, "message": "…"}, status, headers)
