"""Protocol: HTTP as uvicorn speaks it, with the bounds that it lacks, and one answer to each request, in their order.

uvicorn sets no time for a request's head, and no size for it (with httptools); a client that never gets further than
its head would hold a connection, and memory, for ever. It parses whatever was read, also where thousands of requests
wait behind one; it answers what is no request before the requests in front of it; and it drops the body of a request
that offers another protocol, or takes it for the next request.
"""

import asyncio
from collections import deque

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from consumer.common import metrics
from consumer.common.bounds import Timer
from consumer.ingress.connection import LINGER_SECONDS, Connection, most_connections
from consumer.ingress.endings import NOT_HTTP, PADDED, TOO_LARGE, TOO_SLOW, Ending
from consumer.ingress.head import write_without_offer

# Of a request's line and headers, as they are sent.
MAX_HEAD_BYTES = 32_768
# What is parsed at once: with it, at most as many pipelined requests as fit in it wait in memory.
SLICE_BYTES = 4096
# What a chunk may cost beyond its content, with room for the smallest chunks; what is over that for all of them, and
# trailers, is bounded like a head.
CHUNK_BYTES = 16
# In the state of a request's scope where its body came with its head: reading it will not wait.
WHOLE = "whole"


class Unreadable(Exception):
    """Nothing more is to be read of a connection."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.reason)
        self.ending = ending


def bounded(*, max_connections: int, head_seconds: float) -> type[Connection]:
    """Make the protocol of a server with these bounds."""
    most = most_connections(max_connections)
    return type("Bounded", (Bounded,), {"max_connections": most, "head_seconds": head_seconds, "resting": {}})


class Bounded(Connection):
    """One connection, as it is parsed. See bounded()."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._unparsed: deque[bytes] = deque()
        self._head_bytes = 0
        self._padding = 0
        # What the connection ends with, when all requests in front of it are answered.
        self._ending: Ending | None = None
        self._in_head = False
        self._head_timer = Timer(self.loop, self._head_is_late)
        super().connection_made(transport)
        self.flow = _Flow(transport, self._unparsed)
        if not transport.is_closing():
            self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unparsed.clear()
        self._head_timer.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._ending is None:
            self._unparsed.extend(data[at : at + SLICE_BYTES] for at in range(0, len(data), SLICE_BYTES))
            self._parse()

    def _parse(self) -> None:
        """Parse what is here, but no further than the first request that has to wait for another's answer."""
        while self._unparsed and not self.pipeline and not self.transport.is_closing():
            self._unset_keepalive_if_required()
            data = self._unparsed.popleft()
            try:
                self.parser.feed_data(data)
                self._bound(len(data))
            except httptools.HttpParserUpgrade as offer:
                self._decline(data[offer.args[0] :])
            except Unreadable as unreadable:
                self._end(unreadable.ending)
            except httptools.HttpParserError as error:
                # An error of ours in one of the parser's callbacks is the parser's context.
                self._end(error.__context__.ending if isinstance(error.__context__, Unreadable) else NOT_HTTP)
        if self._unparsed:
            self.flow.pause_reading()

    def _bound(self, size: int) -> None:
        """Bound what a slice brought, beside the content of a body. Raises Unreadable."""
        if self._in_head:
            if not self._head_timer.is_running:
                self._begin_head()
            self._head_bytes += size
            if self._head_bytes > MAX_HEAD_BYTES + SLICE_BYTES:
                raise Unreadable(TOO_LARGE)
        elif (last := self._last) and last.more_body:
            self._padding += size
            if self._padding > MAX_HEAD_BYTES + SLICE_BYTES:
                raise Unreadable(PADDED)
        elif self._is_idle and self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    @property
    def _is_idle(self) -> bool:
        """Whether all requests are answered, and the last one has come whole."""
        last = self._last
        return last is not None and last.response_complete and not last.more_body

    @property
    def _last(self) -> RequestResponseCycle | None:
        """The last request of which the head has come; None before the first."""
        return self.cycle

    def _decline(self, rest: bytes) -> None:
        """Parse a head again, without the offer to go on in another protocol: it may be ignored (RFC 9110, 7.8).

        Told of an offer, llhttp ends the request with its head, and takes its body for the next one.
        """
        version = self.parser.get_http_version().encode()
        head = write_without_offer(self.parser.get_method(), self.url, version, self.headers)
        self.parser = httptools.HttpRequestParser(self)
        self._unparsed.extendleft([rest, head] if rest else [head])

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._end_head()
        if self._head_bytes > MAX_HEAD_BYTES - 2 * SLICE_BYTES and self._size() > MAX_HEAD_BYTES:
            raise Unreadable(TOO_LARGE)
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise Unreadable(NOT_HTTP)
            return  # to _decline()
        if self.expect_100_continue and self.parser.get_http_version() == "1.0":
            self.expect_100_continue = False  # RFC 9110, 10.1.1: nobody waits for it
        super().on_headers_complete()
        self.resting.pop(self, None)
        self._padding = 0
        # What comes in the trailer is no header, whatever its name.
        self.headers = []

    def _size(self) -> int:
        line = len(self.parser.get_method()) + len(self.url) + len("  HTTP/1.1\r\n")
        return line + sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers) + len("\r\n")

    def on_body(self, body: bytes) -> None:
        self._padding = max(0, self._padding - len(body) * (1 + CHUNK_BYTES))
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        # Also of one that was refused before it was whole: uvicorn would not say so.
        self.cycle.more_body = False
        super().on_message_complete()
        self.scope["state"][WHOLE] = True
        self._linger.stop()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self.close()
            return
        if self.cycle.more_body and self.cycle.response_complete:
            # The rest of a refused body is read and dropped, but not for ever.
            self._linger.start(LINGER_SECONDS)
        self._parse()
        if self._ending is not None and not self._is_answering:
            self._say_the_end(self._ending)
            return
        if not self.pipeline:
            self.flow.resume_reading()
        if not self._is_answering:
            self.resting[self] = None

    def _end(self, ending: Ending) -> None:
        """End the connection: what was asked before is answered, what comes behind is not read."""
        self._end_head()
        self._unparsed.clear()
        self._ending = ending
        metrics.connections_closed.labels(ending.reason).inc()
        last = self._last
        if last and last.more_body and last is self._answering:
            self._end_within(last, ending)
            return
        if last and last.more_body:
            self.pipeline.popleft()  # it will never be whole
        if not self._is_answering:
            self._say_the_end(ending)

    def _end_within(self, request: RequestResponseCycle, ending: Ending) -> None:
        """End in the body of the request that is being answered: it has one answer, this one unless it had another."""
        if request.response_complete:
            self.close()
        else:
            request.disconnected = True
            request.message_event.set()
            self._say_the_end(ending)

    def _say_the_end(self, ending: Ending) -> None:
        self._unset_keepalive_if_required()
        self.transport.write(ending.answer)
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._linger.start(LINGER_SECONDS)
            self.flow.resume_reading()
        else:
            self.close()

    def _begin_head(self) -> None:
        self._head_timer.start(self.head_seconds)

    def _end_head(self) -> None:
        self._in_head = False
        self._head_timer.stop()

    def _head_is_late(self) -> None:
        if self.transport.is_closing():
            return
        if self._is_answering or self._unparsed:
            self._begin_head()  # it is not the client who is slow
        elif self._in_head:
            self._end(TOO_SLOW)
        else:
            metrics.connections_closed.labels("idle").inc()
            self.close()


class _Flow(FlowControl):
    """Reads on only where nothing waits to be parsed, whoever asks for it."""

    def __init__(self, transport: asyncio.Transport, unparsed: deque[bytes]) -> None:
        super().__init__(transport)
        self._unparsed = unparsed

    def resume_reading(self) -> None:
        if not self._unparsed:
            super().resume_reading()
