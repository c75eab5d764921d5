"""Ingress: how many webhooks a second are taken durably, against the same server answering 200 for nothing.

The goal is about the server with its toolkit. The ingress itself has left the toolkit out of its one route, so the
server alone stands beside it.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import environ
from pathlib import Path

from deploy.local.stack import Stack
from deploy.local.waiting import accepts, free_port
from tests.bench.apply import deployed
from tests.bench.load import Loaded
from tests.bench.report import Figure, Goal, at_least, median
from tests.bench.sizes import Sizes
from tests.services import start_ingress


def measure(stack: Stack, sizes: Sizes) -> Iterator[Figure]:
    """Measure all three."""
    with (
        deployed(stack) as giftledger,
        listening(stack, "toolkit", _plain("toolkit")) as toolkit,
        listening(stack, "server", _plain("server")) as server,
    ):
        _, sender = start_ingress(giftledger)
        ports = {"ingress": sender.port, "toolkit": toolkit, "server": server}
        ours, with_toolkit, alone = loads(giftledger.environment, ports, sizes).values()
    connections = f"{sizes.connections} connections"
    yield _figure("ingress ÷ same server and toolkit without Kafka", ours, with_toolkit, "rate", at_least(0.55))
    yield _figure("ingress ÷ same server alone without Kafka", ours, alone, "rate")
    yield _figure(f"ingress p50, {connections}", ours, with_toolkit, "p50")
    yield _figure(f"ingress p99, {connections}", ours, with_toolkit, "p99")


def _plain(name: str) -> list[str]:
    return [sys.executable, "-m", "tests.bench.plain", name]


@contextmanager
def listening(
    stack: Stack, name: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run a server, whose last argument is its port, while the block runs; give the port."""
    port = free_port()
    process = stack.run(name, [*command, str(port)], environment)
    try:
        process.wait_until(lambda: accepts(port), f"a connection to port {port}")
        yield port
    finally:
        process.terminate()


def loads(environment: Mapping[str, str], ports: Mapping[str, int], sizes: Sizes) -> dict[str, list[Loaded]]:
    """Load every server in every round, each alone; give the rounds of each."""
    loaded: dict[str, list[Loaded]] = {name: [] for name in ports}
    for seed in range(sizes.rounds):
        for name, port in ports.items():
            taken = run_load(environment, port, sizes.connections, seconds=sizes.seconds, seed=seed)
            sys.stderr.write(f"{name}: {taken.rate:,.0f} requests/s\n")
            loaded[name].append(taken)
    return loaded


def run_load(
    environment: Mapping[str, str], port: int, connections: int, *, seconds: float, seed: int, rate: float = 0
) -> Loaded:
    """Run the load generator to its end. Raises CalledProcessError when not everything was accepted."""
    arguments = [str(argument) for argument in (port, connections, seconds, seed, rate)]
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "tests.bench.load", *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**environ, **environment},
        timeout=seconds + 60,
    )
    return Loaded(**json.loads(done.stdout))


def _figure(name: str, ours: list[Loaded], bare: list[Loaded], field: str, goal: Goal | None = None) -> Figure:
    us, them = (median([getattr(loaded, field) for loaded in side]) for side in (ours, bare))
    if field == "rate":
        return Figure(name, "requests/s", us, them, goal)
    return Figure(name, "ms", 1000 * us, 1000 * them)
