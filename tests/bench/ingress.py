"""Ingress: how many webhooks a second are taken durably, against the same server answering 200 for nothing.

The goal is about the server with its toolkit. The ingress itself has left the toolkit out of its one route, so the
server alone stands beside it.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from os import environ

from deploy.local.stack import Stack
from deploy.local.waiting import accepts, free_port
from tests.bench.apply import deployed
from tests.bench.load import Loaded
from tests.bench.report import Figure, Goal, at_least, median
from tests.bench.sizes import Sizes
from tests.services import start_ingress


def measure(stack: Stack, sizes: Sizes) -> Iterator[Figure]:
    """Measure all three in every round, each alone under load."""
    with deployed(stack) as giftledger, ExitStack() as ends:
        _, sender = start_ingress(giftledger)
        ports = {"ours": sender.port, **{name: _plain(stack, name, ends) for name in ("toolkit", "server")}}
        loaded: dict[str, list[Loaded]] = {name: [] for name in ports}
        for seed in range(sizes.rounds):
            for name, port in ports.items():
                loaded[name].append(
                    run_load(giftledger.environment, port, sizes.connections, seconds=sizes.seconds, seed=seed)
                )
    ours, toolkit, server = loaded.values()
    connections = f"{sizes.connections} connections"
    yield _figure("ingress ÷ same server and toolkit without Kafka", ours, toolkit, "rate", at_least(0.5))
    yield _figure("ingress ÷ same server alone without Kafka", ours, server, "rate")
    yield _figure(f"ingress p50, {connections}", ours, toolkit, "p50")
    yield _figure(f"ingress p99, {connections}", ours, toolkit, "p99")


def _plain(stack: Stack, name: str, ends: ExitStack) -> int:
    port = free_port()
    process = stack.run(name, [sys.executable, "-m", "tests.bench.plain", name, str(port)])
    ends.callback(process.terminate)
    process.wait_until(lambda: accepts(port), f"a connection to port {port}")
    return port


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
