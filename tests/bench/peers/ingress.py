"""Ingress: giftledger's beside a FastAPI application that does the same, on the same server, before the same Kafka."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from consumer.common.settings import load
from deploy.local.stack import Stack
from tests.bench.apply import deployed
from tests.bench.ingress import listening, loads
from tests.bench.load import Loaded
from tests.bench.peers.peer import PYTHON
from tests.bench.sizes import Sizes
from tests.builders import bought, encode
from tests.sender import TIMEOUT_SECONDS, Sender
from tests.services import start_ingress

# What giftledger's ingress gives uvicorn.
UVICORN = "--loop uvloop --http httptools --ws none --no-access-log --no-proxy-headers --no-server-header"
FASTAPI = f"-m uvicorn tests.bench.peers.fastapi:app --log-level warning {UVICORN} --port"


class Served(NamedTuple):
    """What a server took, a round each, and what it answered while Kafka was frozen."""

    rounds: list[Loaded]
    frozen: str


def compare(stack: Stack, sizes: Sizes) -> dict[str, Served]:
    """Measure both in every round, then freeze Kafka."""
    with deployed(stack) as giftledger:
        topic = load(giftledger.environment).topic("certificates")
        environment = {**giftledger.environment, "TOPIC": topic}
        with listening(stack, "fastapi", [PYTHON.absolute(), *FASTAPI.split()], environment) as port:
            _, ours = start_ingress(giftledger)
            senders = {"giftledger": ours, "FastAPI": Sender(port)}
            ports = {name: sender.port for name, sender in senders.items()}
            rounds = loads(giftledger.environment, ports, sizes)
            frozen = _while_frozen(stack, senders)
    return {name: Served(rounds[name], frozen[name]) for name in senders}


def _while_frozen(stack: Stack, senders: Mapping[str, Sender]) -> dict[str, str]:
    """Post to all at the same time while Kafka keeps its connections and answers nothing."""
    stack.kafka.pause()
    try:
        with ThreadPoolExecutor() as threads:
            return dict(zip(senders, threads.map(_answer, senders.values()), strict=True))
    finally:
        stack.kafka.resume()


def _answer(sender: Sender) -> str:
    began = time.perf_counter()
    try:
        status = sender.post(encode(bought())).status
    except TimeoutError:
        return f"none within {TIMEOUT_SECONDS} s"
    return f"{status} after {time.perf_counter() - began:.1f} s"
