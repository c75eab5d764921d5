"""Load: post signed webhooks over connections that stay open, in a process of its own.

`python -m tests.bench.load PORT CONNECTIONS SECONDS SEED [RATE]` prints one line of JSON. Without a rate each
connection posts as soon as it is answered.
"""

import asyncio
import itertools
import json
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import uvloop

from consumer.common.settings import load
from consumer.ingress.signature import HEADER, sign
from tests.bench.workload import Workload

# Signed before the clock runs; posted again from the beginning when there are no more.
REQUESTS = 20_000
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)\r\n")


class Loaded(NamedTuple):
    """Answers a second, and how long an answer took, in seconds. Every answer was a 200."""

    rate: float
    p50: float
    p99: float


class Client(asyncio.Protocol):
    """One connection, one request at a time."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._received = b""
        self._answered: Callable[[], object] = bool

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport

    def post(self, request: bytes, answered: Callable[[], object]) -> None:
        self._answered = answered
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if end and length and len(body) >= int(length[1]):
            if not head.startswith(b"HTTP/1.1 200 "):
                raise SystemExit(f"not accepted: {self._received.decode()}")
            self._received = b""
            self._answered()


async def connected(port: int) -> Client:
    """Open a connection to a port of loopback."""
    _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", port)
    return client


def request(secret: str, body: bytes) -> bytes:
    """Write a signed POST."""
    head = f"POST /webhooks HTTP/1.1\r\nHost: localhost\r\n{HEADER}: {sign(secret, body)}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def generate(port: int, requests: Iterable[bytes], connections: int, seconds: float, rate: float) -> Loaded:
    """Post for some time; ``rate`` in requests a second, all connections together, 0 for as many as are answered."""
    loop, rest, taken = asyncio.get_running_loop(), iter(requests), list[float]()
    clients = [await connected(port) for _ in range(connections)]
    started = time.perf_counter()
    pause = connections / rate if rate else 0.0
    ended = [loop.create_future() for _ in clients]

    def post(number: int) -> None:
        sent = time.perf_counter()

        def answered() -> None:
            now = time.perf_counter()
            taken.append(now - sent)
            if now - started >= seconds:
                ended[number].set_result(None)
            elif pause:
                loop.call_later(max(0.0, sent + pause - now), post, number)
            else:
                post(number)

        clients[number].post(next(rest), answered)

    for number in range(connections):
        loop.call_later(pause * number / connections, post, number)
    await asyncio.gather(*ended)
    whole = time.perf_counter() - started
    for client in clients:
        client.transport.close()
    return Loaded(len(taken) / whole, statistics.median(taken), quantile(taken, 0.99))


def quantile(values: list[float], share: float) -> float:
    """Give the value that ``share`` of all do not pass."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def _requests(seed: int, seconds: float, rate: float) -> Iterator[bytes]:
    (secret, *_) = load().signing_keys.values()
    events = min(REQUESTS, int(rate * seconds * 1.2) + 100) if rate else REQUESTS
    signed = [request(secret, published.value) for published in Workload(events, events // 4, seed)]
    return itertools.cycle(signed)


def main(port: str, connections: str, seconds: str, seed: str, rate: str = "0") -> None:
    """Post, and print what came of it."""
    requests = _requests(int(seed), float(seconds), float(rate))
    loaded = uvloop.run(generate(int(port), requests, int(connections), float(seconds), float(rate)))
    print(json.dumps(loaded._asdict()))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
