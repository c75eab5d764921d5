"""The one polling loop, and what it is usually asked to wait for."""

import atexit
import secrets
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from typing import TypeVar

T = TypeVar("T")

# Enough for whatever comes at all, also on a busy machine: who waits for less means a bound.
PATIENT_SECONDS = 120.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.02, 0.25
# Below the range that the kernel gives to outgoing connections: a client that reconnects to a stopped server would
# otherwise sooner or later be given that very port, connect to itself and keep it.
_BLOCKS = [range(start, start + 100) for start in range(20_000, 32_000, 100)]
_ours: list[int] = []
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def wait_for(condition: Callable[[], T], what: str, seconds: float = PATIENT_SECONDS) -> T:
    """Return the first true answer of `condition`.

    Raises TimeoutError, naming `what` was missing, after `seconds`. What `condition` raises passes through.
    """
    started = time.monotonic()
    while True:
        asked = time.monotonic()
        if answer := condition():
            return answer
        if (now := time.monotonic()) - started >= seconds:
            raise TimeoutError(f"still missing after {seconds:g} s: {what}")
        time.sleep(pause(asking=now - asked, waited=now - started))


def pause(*, asking: float, waited: float) -> float:
    """Return how long to wait before asking again, in seconds, by what the last question and the whole wait took.

    What is waited for may need the processor that the questions take. So they take at most half of it, and whoever
    has waited for long asks less often: a tenth of the wait more is not noticed.
    """
    return min(max(_SHORTEST_PAUSE, asking, waited / 10), _LONGEST_PAUSE)


def free_port() -> int:
    """Return a TCP port on loopback that nothing uses and that nobody else has been given while this process lives.

    A port is often bound long after it was chosen, so a process claims ports in blocks, by the first of them.
    """
    while True:
        if not _ours:
            _ours.extend(_claim())
        port = _ours.pop()
        if probe := _bind(port):
            probe.close()
            return port


def _claim() -> range:
    """Bind the first port of a block until this process ends; return the others."""
    for block in secrets.SystemRandom().sample(_BLOCKS, len(_BLOCKS)):
        if claim := _bind(block.start):
            atexit.register(claim.close)
            return block[1:]
    raise RuntimeError(f"all ports from {_BLOCKS[0].start} to {_BLOCKS[-1].stop} are claimed")


def _bind(port: int) -> socket.socket | None:
    bound = socket.socket()
    try:
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        return None
    return bound


def accepts(port: int) -> bool:
    """Whether something accepts TCP connections on this port of loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def responds(url: str) -> bool:
    """Whether an HTTP GET of `url` is answered with a 2xx, without any proxy."""
    try:
        with _direct.open(url, timeout=1):
            return True
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return False
    except (OSError, HTTPException):
        return False
