"""Service: what ingress and worker have in common as processes: the event loop, signals, the admin port."""

import asyncio
import gc
import ipaddress
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Literal

import uvicorn
import uvloop
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from consumer.common.errors import Fatal

# Reasons why a process is not live or not ready; none means that it is.
Reasons = Callable[[], list[str]]


def run(main: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run ``main`` until it returns; SIGTERM and SIGINT set the event that asks it to."""

    async def with_signals() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await main(stop)

    gc.collect()
    gc.freeze()  # what is loaded by now stays: no collection need look at it again
    gc.set_threshold(10_000)  # what an answer or a batch needs is gone by then
    uvloop.run(with_signals())


@asynccontextmanager
async def serving(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    grace: float = 1,
    keep_alive: float = 5,
    http: "Literal['httptools'] | type[asyncio.Protocol]" = "httptools",
) -> AsyncIterator[None]:
    """Serve an ASGI application while the block runs; leave when its requests are answered, or after ``grace``.

    A connection may rest for ``keep_alive`` seconds between two requests. ``::`` serves IPv4 as well.

    Raises Fatal when the port cannot be had.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        ws="none",
        server_header=False,
        http=http,
        # uvicorn hands it to the event loop, which takes fractions.
        timeout_keep_alive=keep_alive,  # type: ignore[arg-type]
        timeout_graceful_shutdown=max(1, round(grace)),
    )
    server = _Server(config)
    # Ours, because uvicorn would end the process itself where it cannot have it.
    listening = _listen(host, port, config.backlog)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    if task.done():
        task.result()
    try:
        yield
    finally:
        server.should_exit = True
        await task


def _listen(host: str, port: int, backlog: int) -> socket.socket:
    try:
        if ":" not in host:
            return socket.create_server((host, port), backlog=backlog)
        both = ipaddress.IPv6Address(host).is_unspecified
        return socket.create_server((host, port), family=socket.AF_INET6, backlog=backlog, dualstack_ipv6=both)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Fatal(f"Cannot listen on {host}:{port}: {reason}") from error


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]  # noqa: ANN202
        """Leave the signals to run(): one process has two servers."""
        yield


def admin_app(*, live: Reasons, ready: Reasons, metrics: CollectorRegistry) -> Starlette:
    """Make the application of the admin port: health and metrics."""

    async def exported(_: Request) -> Response:
        return Response(generate_latest(metrics), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/metrics", exported),
            Route("/health/live", _health(live)),
            Route("/health/ready", _health(ready)),
        ]
    )


def _health(reasons: Reasons) -> Callable[[Request], Awaitable[Response]]:
    async def health(_: Request) -> Response:
        against = reasons()
        return JSONResponse({"ok": not against, "reasons": against}, 503 if against else 200)

    return health
