"""Connection: how many there may be, how long one is kept, and which of its requests is being answered.

uvicorn answers every connection, however many there are, and waits for ever for a client that reads no answer.
"""

import asyncio
import resource
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from consumer.common import metrics
from consumer.common.bounds import Timer
from consumer.ingress.endings import TOO_MANY

# How long a client may go on sending what has been answered already; less, and it sees no answer but a reset.
LINGER_SECONDS = 2.0
# Files and connections that are not the clients'.
OTHER_FILES = 100

# In the state of a request's scope: what answers 200 with a body of JSON, head and body at once.
ANSWER_AT_ONCE = "answer at once"
_OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%s\r\n%s"


def most_connections(wanted: int) -> int:
    """Take as many open files as we may have; give how many connections they allow, at most those that are wanted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard - OTHER_FILES)


class Connection(HttpToolsProtocol):
    """One connection among those of its server."""

    max_connections: int
    # How long a client may take for a request's head, or to read an answer.
    head_seconds: float
    # The server's connections on which no request is on its way, the one that has rested longest first.
    resting: "dict[Connection, None]"

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # The request that is being answered; those behind it are in self.pipeline.
        self._answering: RequestResponseCycle | None = None
        self._linger = Timer(self.loop, transport.abort)
        self._unread_answers = Timer(self.loop, self._nobody_reads)
        if len(self.connections) > self.max_connections and not self._make_room():
            metrics.connections_closed.labels(TOO_MANY.reason).inc()
            transport.write(TOO_MANY.answer)
            transport.close()
        else:
            self.resting[self] = None

    def _make_room(self) -> bool:
        """Close the connection that has rested longest, so that nobody can take all places by doing nothing."""
        if longest := next(iter(self.resting), None):
            del self.resting[longest]
            metrics.connections_closed.labels("room").inc()
            longest.close()
        return longest is not None

    def connection_lost(self, exc: Exception | None) -> None:
        self.resting.pop(self, None)
        self._linger.stop()
        self._unread_answers.stop()
        self._unset_keepalive_if_required()
        self.pipeline.clear()
        if self._answering is not None:
            # uvicorn tells only the last one of those whose heads have come.
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread_answers.start(self.head_seconds)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread_answers.stop()

    def _nobody_reads(self) -> None:
        metrics.connections_closed.labels("answers_unread").inc()
        self.transport.abort()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        cycle.scope["state"][ANSWER_AT_ONCE] = partial(self._answer_at_once, cycle)
        super()._start_asgi_task(cycle, app)

    def _answer_at_once(self, cycle: RequestResponseCycle, body: bytes) -> bool:
        """Answer a request, unless it has to wait or nobody is there any more; tell whether it did.

        What uvicorn does for an answer in general (a header at a time, each checked; head and body in two writes) took
        a twentieth of a webhook's time.
        """
        if cycle.disconnected or cycle.response_started or self.flow.write_paused:
            return False
        cycle.response_started = cycle.response_complete = True
        headers = [b"%b: %b\r\n" % header for header in cycle.default_headers]
        if not cycle.keep_alive:
            headers.append(b"connection: close\r\n")
        self.transport.write(_OK % (len(body), b"".join(headers), body))
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()
        return True

    @property
    def _is_answering(self) -> bool:
        return self._answering is not None and not self._answering.response_complete

    def timeout_keep_alive_handler(self) -> None:
        self.close()

    def close(self) -> None:
        """Close, but do not wait for ever for somebody to read the last answer."""
        self.transport.close()
        self._linger.start(LINGER_SECONDS)
