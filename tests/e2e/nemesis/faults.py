"""Faults: every way in which the deployment is hurt, and how it is healed."""

import random
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from signal import SIGTERM
from typing import Protocol

import asyncpg

from consumer.balances.lead import LEASE_SECONDS
from deploy.local.processes import StackError
from deploy.local.waiting import wait_for
from tests.e2e.nemesis.deployment import SESSION_TIMEOUT_SECONDS, Deployment, Program

Act = Callable[[Deployment, random.Random], None]

# Longer than its lease: another one leads when it wakes.
PUBLISHER_FROZEN = (1.1 * LEASE_SECONDS, 1.5 * LEASE_SECONDS)
FROZEN = (1.2 * SESSION_TIMEOUT_SECONDS, 2 * SESSION_TIMEOUT_SECONDS)
AWAY = (0.5, 5.0)
CUT = (1.0, 7.0)
DELAY = (0.05, 0.4)
# The bound that a worker keeps when it is asked to end, whatever is away.
LEFT_SECONDS = 25


@dataclass(frozen=True)
class Kind:
    """A fault: what it needs for itself, and what it does. ``act`` returns when it is healed."""

    name: str
    needs: str
    act: Act


def _kill(program: Program) -> None:
    with program.lock:
        program.meant = True
        program.process.kill()


@contextmanager
def _away(go: Callable[[], None], come_back: Callable[[], None]) -> Iterator[None]:
    """Take something away while the block runs; bring it back also when that went wrong half-way."""
    try:
        go()
        yield
    finally:
        come_back()


class Freezable(Protocol):
    def pause(self) -> None: ...
    def resume(self) -> None: ...


def _freezer(part: Freezable) -> tuple[Callable[[], None], Callable[[], None]]:
    return part.pause, part.resume


def kill_worker(deployment: Deployment, chance: random.Random) -> None:
    _kill(chance.choice(_running(deployment.workers)))


def freeze_worker(deployment: Deployment, chance: random.Random) -> None:
    with _away(*_freezer(chance.choice(_running(deployment.workers)).process)):
        time.sleep(chance.uniform(*FROZEN))


def kill_publisher(deployment: Deployment, _: random.Random) -> None:
    _kill(_leader(deployment))


def freeze_publisher(deployment: Deployment, chance: random.Random) -> None:
    with _away(*_freezer(_leader(deployment).process)):
        time.sleep(chance.uniform(*PUBLISHER_FROZEN))


def _leader(deployment: Deployment) -> Program:
    """Give the publisher that leads; while none does, any."""
    running = _running(deployment.publishers)
    return next((program for program in running if "giftcert_balances_leads 1.0" in _metrics(program)), running[0])


def _metrics(program: Program) -> str:
    try:
        with urllib.request.urlopen(program.service.metrics_url, timeout=2) as answer:  # noqa: S310 - http, and ours
            return str(answer.read().decode())
    except OSError:
        return ""


def kill_ingress(deployment: Deployment, chance: random.Random) -> None:
    _kill(chance.choice(deployment.ingresses))


def kill_ingress_cut_off(deployment: Deployment, chance: random.Random) -> None:
    """Kill an ingress that has records on their way: a 200 that came too early would now be a lie."""
    network = deployment.networks["ingress-kafka"]
    with _away(network.vanish, partial(network.come_back, remember=False)):
        time.sleep(chance.uniform(0.5, 2))
        _kill(chance.choice(deployment.ingresses))


def kill_broker(deployment: Deployment, chance: random.Random) -> None:
    with _away(deployment.kafka.kill, deployment.kafka.start):
        time.sleep(chance.uniform(*AWAY))


def freeze_broker(deployment: Deployment, chance: random.Random) -> None:
    with _away(*_freezer(deployment.kafka)):
        time.sleep(chance.uniform(*CUT))


def kill_postgres(deployment: Deployment, chance: random.Random) -> None:
    with _away(deployment.postgres.kill, deployment.postgres.start):
        time.sleep(chance.uniform(*AWAY))


def freeze_postgres(deployment: Deployment, chance: random.Random) -> None:
    with _away(*_freezer(deployment.postgres)):
        time.sleep(chance.uniform(*CUT))


def terminate_backends(deployment: Deployment, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 5)):
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            deployment.postgres.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE application_name LIKE 'giftledger %'"
            )
        time.sleep(chance.uniform(0.05, 0.5))


def worker_leaves(deployment: Deployment, chance: random.Random) -> None:
    """Ask a worker to end, and let a new one join a little later, as in a rolling restart."""
    program = chance.choice(_running(deployment.workers))
    _ask_to_leave(program)
    time.sleep(chance.uniform(*AWAY))
    program.wanted = True


def _ask_to_leave(program: Program) -> None:
    with program.lock:
        program.wanted, program.meant = False, True
    program.process.signal(SIGTERM)
    if (code := program.process.wait(LEFT_SECONDS)) != 0:
        program.ends.append(code)


def worker_joins(deployment: Deployment, chance: random.Random) -> None:
    """Let one more worker join for a while."""
    spare = next((program for program in deployment.workers if not program.wanted), None)
    if spare is None:
        worker_leaves(deployment, chance)
        return
    spare.wanted = True
    # One that is asked to end while it is still loading never joined.
    wait_for(lambda: spare.ready, f"{spare.process.name} to be ready")
    time.sleep(chance.uniform(6, 10))
    _ask_to_leave(spare)


def network_is_slow(name: str, deployment: Deployment, chance: random.Random) -> None:
    deployment.networks[name].delay(chance.uniform(*DELAY))
    time.sleep(chance.uniform(*CUT))
    deployment.networks[name].delay(0)


def network_resets(name: str, deployment: Deployment, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 4)):
        deployment.networks[name].reset()
        time.sleep(chance.uniform(0.05, 1))


def network_vanishes(name: str, deployment: Deployment, chance: random.Random) -> None:
    network, remember = deployment.networks[name], chance.random() < 0.5
    with _away(network.vanish, partial(network.come_back, remember=remember)):
        time.sleep(chance.uniform(*CUT))


def _running(programs: list[Program]) -> list[Program]:
    wanted = [program for program in programs if program.wanted and program.process.running]
    if not wanted:
        raise StackError("no process to hurt")
    return wanted


NETWORKS = ("worker-postgres", "worker-kafka", "ingress-kafka")
WITH_BALANCES = (*NETWORKS, "balances-postgres", "balances-kafka")
KINDS = (
    Kind("worker killed", "workers", kill_worker),
    Kind("worker frozen", "workers", freeze_worker),
    Kind("worker leaves", "workers", worker_leaves),
    Kind("worker joins", "workers", worker_joins),
    Kind("publisher of balances killed", "publishers", kill_publisher),
    Kind("publisher of balances frozen", "publishers", freeze_publisher),
    Kind("ingress killed", "ingresses", kill_ingress),
    Kind("ingress killed, cut off", "ingress-kafka", kill_ingress_cut_off),
    Kind("broker killed", "kafka", kill_broker),
    Kind("broker frozen", "kafka", freeze_broker),
    Kind("postgres killed", "postgres", kill_postgres),
    Kind("postgres frozen", "postgres", freeze_postgres),
    Kind("backends terminated", "postgres", terminate_backends),
    *(Kind(f"{name} slow", name, partial(network_is_slow, name)) for name in NETWORKS),
    *(Kind(f"{name} reset", name, partial(network_resets, name)) for name in WITH_BALANCES),
    *(Kind(f"{name} vanishes", name, partial(network_vanishes, name)) for name in WITH_BALANCES),
)


@dataclass(frozen=True)
class Planned:
    """A fault of the plan: which, its own chance, and how long after the one before."""

    number: int
    kind: Kind
    seed: str
    gap: float


def plan(seed: int, faults: int) -> list[Planned]:
    """Deal the kinds like cards: each comes as often as any other, in an order that only the seed knows."""
    chance = random.Random(f"faults {seed}")
    kinds: list[Kind] = []
    while len(kinds) < faults:
        kinds += chance.sample(KINDS, len(KINDS))
    return [
        Planned(number, kind, f"{seed} {number}", chance.uniform(0, 1.5))
        for number, kind in enumerate(kinds[:faults], start=1)
    ]
