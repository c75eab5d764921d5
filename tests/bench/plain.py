"""Plain servers: the ingress' server and toolkit, or its server alone, and nothing of the ingress.

`python -m tests.bench.plain toolkit PORT`, or `server`.
"""

import asyncio
import sys

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from consumer.common.service import run, serving

ANSWER = {"attemptId": "74515720-42cd-4439-a6a3-aafa55d21397"}


async def _answer(request: Request) -> Response:
    await request.body()
    return JSONResponse(ANSWER)


async def _server(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await JSONResponse(ANSWER)(scope, receive, send)


APPS: dict[str, ASGIApp] = {
    "toolkit": Starlette(routes=[Route("/webhooks", _answer, methods=["POST"])]),
    "server": _server,
}


async def _serve(name: str, port: int, stop: asyncio.Event) -> None:
    async with serving(APPS[name], "127.0.0.1", port):
        await stop.wait()


if __name__ == "__main__":
    run(lambda stop: _serve(sys.argv[1], int(sys.argv[2]), stop))
