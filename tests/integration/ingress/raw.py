"""Raw requests: what a client writes to a socket, in the segments that the test wants."""

import re
import select
import socket
import time

from consumer.ingress.signature import HEADER, sign
from tests.builders import bought, encode
from tests.sender import SECRET, Sender

LINE = b"POST /webhooks HTTP/1.1\r\n"
HOST = b"host: localhost\r\n"
# Segments that are sent so far apart come apart, also on a busy machine: the other side sleeps in between.
APART_SECONDS = 0.1


def connect(sender: Sender) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", sender.port), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def signed(body: bytes) -> bytes:
    return f"{HEADER}: {sign(SECRET, body)}\r\n".encode()


def request(body: bytes | None = None, more: bytes = b"", *, line: bytes = LINE, host: bytes = HOST) -> bytes:
    """Write a genuine webhook, with ``more`` headers in front of its own."""
    body = encode(bought()) if body is None else body
    return line + host + more + signed(body) + b"content-length: %d\r\n\r\n" % len(body) + body


def chunked(body: bytes, *, trailer: bytes = b"") -> bytes:
    return b"%x\r\n%s\r\n0\r\n%s\r\n" % (len(body), body, trailer)


def send_apart(connection: socket.socket, *segments: bytes) -> None:
    for segment in segments:
        connection.sendall(segment)
        time.sleep(APART_SECONDS)


def received(connection: socket.socket) -> bytes:
    """Read until the other side closes."""
    answer = b""
    try:
        while part := connection.recv(65_536):
            answer += part
    except ConnectionResetError:
        pass
    return answer


def answers(connection: socket.socket, count: int) -> bytes:
    """Read until ``count`` answers have come whole, or the other side closes."""
    answer = b""
    while not (statuses(answer)[count - 1 :] and _is_whole(answer)) and (part := connection.recv(65_536)):
        answer += part
    return answer


def _is_whole(answer: bytes) -> bool:
    head, _, body = answer[answer.rindex(b"HTTP/1.1 ") :].partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    return length is not None and len(body) >= int(length[1])


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", answer)]


def is_silent(connection: socket.socket, seconds: float = 0.3) -> bool:
    """Whether nothing more comes, and the connection stays open."""
    return not select.select([connection], [], [], seconds)[0]
