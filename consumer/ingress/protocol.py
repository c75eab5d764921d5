"""Protocol: HTTP as uvicorn speaks it, with the bounds that it lacks.

uvicorn sets no time for a request's head, no size for it (with httptools), and answers every connection; a client
that never gets further than its head would hold a connection, and memory, for ever.
"""

import asyncio
import resource

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from consumer.common import metrics

MAX_HEAD_BYTES = 32_768
# How long a client may go on sending a body that has been answered already; less, and it sees no answer but a reset.
LINGER_SECONDS = 2.0
# Files and connections that are not the clients'.
OTHER_FILES = 100

# In the state of a request's scope where its body came with its head: reading it will not wait.
WHOLE = "whole"

_PROBLEM = b'{"title":"%s","status":%d,"detail":"%s"}'
_ANSWER = (
    b"HTTP/1.1 %d %s\r\ncontent-type: application/problem+json\r\ncontent-length: %d\r\n%sconnection: close\r\n\r\n%s"
)


def bounded(*, max_connections: int, head_seconds: float) -> type[HttpToolsProtocol]:
    """Make the protocol of a server with these bounds."""
    most = min(max_connections, _files() - OTHER_FILES)
    return type("Bounded", (Bounded,), {"max_connections": most, "head_seconds": head_seconds})


def _files() -> int:
    """Take as many open files as we may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 1 << 20


class Bounded(HttpToolsProtocol):
    """One connection. See bounded()."""

    max_connections: int
    head_seconds: float

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._in_head = False
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._linger: asyncio.TimerHandle | None = None
        if len(self.connections) > self.max_connections:
            self._refuse(503, "Service Unavailable", "Too many connections", "connections", b"retry-after: 1\r\n")
        else:
            self._begin_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head and self._head_timer is None:
            self._begin_head()
        if self._head_timer is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(431, "Request Header Fields Too Large", "The head is too large", "head_too_large")

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's answer, in the form of all others
        self._refuse(400, "Bad Request", "This is no HTTP request", "not_http")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        self._end_head()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.more_body:
            # The rest of a refused body is read and dropped, but not for ever.
            self._linger = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.scope["state"][WHOLE] = True
        if self._linger is not None:
            self._linger.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def _begin_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(self.head_seconds, self._head_is_late)

    def _end_head(self) -> None:
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        if self._head_bytes:
            self._refuse(408, "Request Timeout", "The head did not come in time", "head_too_slow")
        else:
            metrics.connections_closed.labels("idle").inc()
            self.transport.close()

    def _refuse(self, status: int, title: str, detail: str, reason: str, header: bytes = b"") -> None:
        self._end_head()
        metrics.connections_closed.labels(reason).inc()
        problem = _PROBLEM % (title.encode(), status, detail.encode())
        self.transport.write(_ANSWER % (status, title.encode(), len(problem), header, problem))
        self.transport.close()
