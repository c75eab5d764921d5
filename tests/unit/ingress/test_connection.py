"""A webhook that was accepted is answered at once: with one write, unless the client does not read."""

import asyncio
from collections.abc import Sequence

import httptools
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from consumer.ingress.answers import accepted
from consumer.ingress.protocol import Bounded, bounded
from deploy.local.waiting import PATIENT_SECONDS

BODY = b'{"attemptId":"attempt-1"}'


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


class Answer:
    """An answer as the client's parser reads it."""

    def __init__(self, written: Sequence[bytes]) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.whole = 0
        parser = httptools.HttpResponseParser(self)
        parser.feed_data(b"".join(written))
        self.status = parser.get_status_code()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name] = value

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.whole += 1


async def accept(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await accepted("attempt-1")(scope, receive, send)


def connected() -> tuple[Bounded, Transport]:
    config = uvicorn.Config(accept, lifespan="off", log_config=None)
    config.load()
    state, transport = ServerState(), Transport()
    state.default_headers = [(b"date", b"Sat, 28 Nov 2026 12:00:00 GMT")]
    kind = bounded(max_connections=10, head_seconds=5)
    connection = kind(config=config, server_state=state, app_state={})
    assert isinstance(connection, Bounded)
    connection.connection_made(transport)
    return connection, transport


async def answered(connection: Bounded, version: str = "1.1", header: str = "x-none: 1") -> None:
    """Post, and wait until the application is done."""
    connection.data_received(f"POST / HTTP/{version}\r\nhost: here\r\n{header}\r\ncontent-length: 0\r\n\r\n".encode())
    async with asyncio.timeout(PATIENT_SECONDS):
        await asyncio.gather(*connection.tasks)


async def test_head_and_body_are_one_write() -> None:
    connection, transport = connected()
    await answered(connection)

    (written,) = transport.written
    answer = Answer([written])
    assert (answer.status, answer.body, answer.whole) == (200, BODY, 1)
    assert answer.headers == {
        b"content-type": b"application/json",
        b"content-length": b"%d" % len(BODY),
        b"date": b"Sat, 28 Nov 2026 12:00:00 GMT",
    }


async def test_the_connection_is_kept_and_the_next_request_answered() -> None:
    connection, transport = connected()
    await answered(connection)
    await answered(connection)

    assert len(transport.written) == 2
    assert not transport.closed
    assert connection in connection.resting


@pytest.mark.parametrize(("version", "header"), [("1.0", "x-none: 1"), ("1.1", "connection: close")])
async def test_who_wants_the_connection_closed_is_told_so(version: str, header: str) -> None:
    connection, transport = connected()
    await answered(connection, version, header)

    assert Answer(transport.written).headers[b"connection"] == b"close"
    assert transport.closed


async def test_a_client_that_does_not_read_is_waited_for() -> None:
    connection, transport = connected()
    connection.pause_writing()
    answering = asyncio.create_task(answered(connection))
    for _ in range(20):
        await asyncio.sleep(0)
    assert transport.written == []

    connection.resume_writing()
    await answering

    assert Answer(transport.written).body == BODY


async def test_who_has_gone_is_not_answered() -> None:
    connection, transport = connected()
    connection.data_received(b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 1\r\n\r\n")
    tasks = list(connection.tasks)
    connection.connection_lost(None)
    async with asyncio.timeout(PATIENT_SECONDS):
        await asyncio.gather(*tasks)

    assert transport.written == []
