"""A plain server: the ingress' server and toolkit, and nothing of the ingress: `python -m tests.bench.plain PORT`."""

import asyncio
import sys

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from consumer.service import run, serving


async def _answer(request: Request) -> Response:
    await request.body()
    return JSONResponse({"attemptId": "74515720-42cd-4439-a6a3-aafa55d21397"})


async def _serve(port: int, stop: asyncio.Event) -> None:
    async with serving(Starlette(routes=[Route("/webhooks", _answer, methods=["POST"])]), "127.0.0.1", port):
        await stop.wait()


if __name__ == "__main__":
    run(lambda stop: _serve(int(sys.argv[1]), stop))
