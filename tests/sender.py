"""The sender, as tests play it: signs a body and posts it to an ingress."""

import json
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from http.client import HTTPConnection, HTTPResponse
from typing import Any, NamedTuple

from consumer.ingress.signature import HEADER, sign

SECRET = "a-signing-key"
TIMEOUT_SECONDS = 30


class Answer(NamedTuple):
    """What came back; the names of ``headers`` are case-insensitive."""

    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> dict[str, Any]:
        """The body of an error, which every error must have."""
        assert self.headers["content-type"] == "application/problem+json"
        problem: dict[str, Any] = self.json()
        assert problem["status"] == self.status
        assert problem["title"]
        return problem


class Sender(NamedTuple):
    """Posts to the ingress at a port of loopback."""

    port: int
    secret: str = SECRET

    def post(self, body: bytes, headers: Mapping[str, str | None] | None = None) -> Answer:
        """Sign and post; ``headers`` go before ours, and None takes one of ours away."""
        return self.request("POST", "/webhooks", body, {HEADER: sign(self.secret, body), **(headers or {})})

    def post_chunked(self, chunks: Iterable[bytes], headers: Mapping[str, str]) -> Answer:
        """Post a body whose length nobody knows beforehand."""
        return self.request("POST", "/webhooks", iter(chunks), headers)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        given = {name: value for name, value in (headers or {}).items() if value is not None}
        try:
            connection.request(method, path, body, given)
            return _answer(connection.getresponse())
        finally:
            connection.close()

    @contextmanager
    def posting(self, body: bytes, *, send: int, headers: Mapping[str, str] | None = None) -> Iterator["HalfPosted"]:
        """Post the first ``send`` bytes of a body, when the ingress is reading; the rest is the test's to send."""
        head = {
            "Host": "localhost",
            HEADER: sign(self.secret, body),
            "Content-Length": str(len(body)),
            "Expect": "100-continue",
            **(headers or {}),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_SECONDS) as connection:
            connection.sendall(f"POST /webhooks HTTP/1.1\r\n{lines}\r\n".encode())
            # The ingress says so when it begins to read: from now on the request is in flight.
            assert connection.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(body[:send])
            yield HalfPosted(connection, body[send:])


class HalfPosted(NamedTuple):
    """A request that is in flight."""

    connection: socket.socket
    rest: bytes

    def finish(self) -> Answer:
        self.connection.sendall(self.rest)
        return self.answer()

    def answer(self) -> Answer:
        response = HTTPResponse(self.connection)
        response.begin()
        return _answer(response)


def _answer(response: HTTPResponse) -> Answer:
    return Answer(response.status, response.headers, response.read())
