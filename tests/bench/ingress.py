"""Ingress: how many webhooks a second are taken durably, against the same server answering 200 for nothing."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from os import environ

from deploy.local.stack import Stack
from deploy.local.waiting import accepts, free_port
from tests.bench.apply import deployed
from tests.bench.load import Loaded
from tests.bench.report import Figure, at_least, median
from tests.bench.sizes import Sizes
from tests.services import start_ingress


def measure(stack: Stack, sizes: Sizes) -> Iterator[Figure]:
    """Measure both in every round, each alone under load."""
    with deployed(stack) as giftledger:
        _, sender = start_ingress(giftledger)
        plain = free_port()
        process = stack.run("plain", [sys.executable, "-m", "tests.bench.plain", str(plain)])
        process.wait_until(lambda: accepts(plain), f"a connection to port {plain}")
        ours, bare = list[Loaded](), list[Loaded]()
        for seed in range(sizes.rounds):
            for port, loaded in ((sender.port, ours), (plain, bare)):
                loaded.append(
                    run_load(giftledger.environment, port, sizes.connections, seconds=sizes.seconds, seed=seed)
                )
        process.terminate()
    connections = f"{sizes.connections} connections"
    yield _figure("ingress ÷ same server without Kafka", ours, bare, "rate")
    yield _figure(f"ingress p50, {connections}", ours, bare, "p50")
    yield _figure(f"ingress p99, {connections}", ours, bare, "p99")


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


def _figure(name: str, ours: list[Loaded], bare: list[Loaded], field: str) -> Figure:
    us, them = (median([getattr(loaded, field) for loaded in side]) for side in (ours, bare))
    if field == "rate":
        return Figure(name, "requests/s", us, them, at_least(0.5))
    return Figure(name, "ms", 1000 * us, 1000 * them)
