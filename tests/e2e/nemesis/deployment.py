"""Deployment: ingresses and workers behind bad networks, kept running as a supervisor would."""

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from urllib.parse import urlsplit

from consumer.common.settings import Settings, load
from deploy.local.kafka_apache import ApacheKafka
from deploy.local.postgres import Postgres
from deploy.local.processes import Process
from deploy.local.services import Giftledger, Service
from deploy.local.stack import Stack
from deploy.local.waiting import free_port, responds, wait_for
from tests.e2e.nemesis.proxy import Loop, Proxy
from tests.e2e.nemesis.sender import Sender
from tests.services import deployment

SESSION_TIMEOUT_SECONDS = 4.0
SUPERVISOR_SECONDS = 0.2
SETTINGS = {
    "KAFKA_SESSION_TIMEOUT_MS": str(int(SESSION_TIMEOUT_SECONDS * 1000)),
    "DATABASE_TIMEOUT_SECONDS": "3",
    "WORKER_STALL_SECONDS": "45",
    "TOPIC_PARTITIONS": "6",
    "LOG_FORMAT": "console",
}


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)  # noqa: T201 - the command's output


@dataclass
class Program:
    """An ingress or a worker: one process at a time, started again when it ends, unless it is meant to be away."""

    process: Process
    admin_port: int
    port: int = 0
    wanted: bool = True
    meant: bool = True  # whether its last end, or its not being there yet, is our doing
    ends: list[int | None] = field(default_factory=list)  # exit codes of ends that nobody meant
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def service(self) -> Service:
        return Service(self.process, self.admin_port)

    @property
    def ready(self) -> bool:
        return self.process.running and responds(f"http://127.0.0.1:{self.admin_port}/health/ready")


@dataclass
class Deployment:
    """Everything that can be hurt, and the sender that it is hurt under."""

    stack: Stack
    settings: Settings
    postgres: Postgres
    kafka: ApacheKafka
    ingresses: list[Program]
    workers: list[Program]
    publishers: list[Program]
    networks: dict[str, Proxy]
    sender: Sender
    loop: Loop

    @property
    def programs(self) -> list[Program]:
        return [*self.ingresses, *self.workers, *self.publishers]

    def wait_until_ready(self) -> None:
        wait_for(lambda: all(program.ready for program in self.programs if program.wanted), "all to be ready")

    def start_sending(self) -> "asyncio.Future[None]":
        return asyncio.wrap_future(
            asyncio.run_coroutine_threadsafe(self.sender.run(), self.loop.loop), loop=self.loop.loop
        )


@contextmanager
def deployed(
    *, ingresses: int, workers: int, spares: int, rate: float, seed: int, folder: Path | None = None
) -> Iterator[Deployment]:
    """Start it all, and end it all."""
    listeners = {name: free_port() for name in ("WORKERS", "INGRESSES", "BALANCES")}
    ports = {name: free_port() for name in (*listeners, "POSTGRES", "POSTGRES_OF_BALANCES")}
    properties = {
        "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in listeners.items()),
        "advertised.listeners": ",".join(f"{name}://127.0.0.1:{ports[name]}" for name in listeners),
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in listeners),
    }
    # Two: what passes through a network does not wait for the sender.
    loop, network_loop = Loop(), Loop()
    try:
        with Stack(folder, broker="apache", kafka_properties=properties) as stack:
            assert isinstance(stack.postgres, Postgres)
            assert isinstance(stack.kafka, ApacheKafka)
            networks = {
                "worker-kafka": Proxy(network_loop, ports["WORKERS"], listeners["WORKERS"]),
                "ingress-kafka": Proxy(network_loop, ports["INGRESSES"], listeners["INGRESSES"]),
                "worker-postgres": Proxy(network_loop, ports["POSTGRES"], stack.postgres.port),
                "balances-kafka": Proxy(network_loop, ports["BALANCES"], listeners["BALANCES"]),
                "balances-postgres": Proxy(network_loop, ports["POSTGRES_OF_BALANCES"], stack.postgres.port),
            }
            for network in networks.values():
                network.start()
            environment = deployment(stack, **SETTINGS)
            giftledger = Giftledger(stack, environment)
            giftledger.run("topics")
            giftledger.run("migrate")
            database = urlsplit(stack.postgres.url())
            credentials = database.netloc.rpartition("@")[0]
            through, through_its_own = (
                database._replace(netloc=f"{credentials}@127.0.0.1:{ports[way]}").geturl()
                for way in ("POSTGRES", "POSTGRES_OF_BALANCES")
            )
            ingress_settings = {**environment, "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{ports['INGRESSES']}"}
            worker_settings = {
                **environment,
                "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{ports['WORKERS']}",
                "DATABASE_URL": through,
            }
            # Of two publishers one has ways of its own: where they are cut, the other one has to go on.
            cut_off = {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{ports['BALANCES']}", "DATABASE_URL": through_its_own}
            publishers = [
                _program(stack, "balances", number, worker_settings | ways) for number, ways in enumerate((cut_off, {}))
            ]
            some_ingresses = [_program(stack, "ingress", number, ingress_settings) for number in range(ingresses)]
            some_workers = [_program(stack, "worker", number, worker_settings) for number in range(workers)]
            sender = Sender([program.port for program in some_ingresses], giftledger.secret, rate=rate, seed=seed)
            settings = load(environment)
            whole = Deployment(
                *(stack, settings, stack.postgres, stack.kafka, some_ingresses, some_workers, publishers),
                *(networks, sender, loop),
            )
            for spare in some_workers[workers - spares :]:
                spare.wanted = False
            with supervised(whole.programs):
                yield whole
    finally:
        loop.stop()
        network_loop.stop()


def _program(stack: Stack, command: str, number: int, environment: dict[str, str]) -> Program:
    admin_port, port = free_port(), free_port()
    process = Process(
        name=f"{command}-{number}",
        command=[sys.executable, "-m", "consumer", command],
        log=stack.folder / f"{command}-{number}.log",
        env={**environment, "ADMIN_PORT": str(admin_port), "INGRESS_PORT": str(port)},
    )
    return Program(process, admin_port, port)


@contextmanager
def supervised(programs: list[Program]) -> Iterator[None]:
    """Start what ends, as Kubernetes would, and note what ended by itself."""
    ended = threading.Event()

    def supervise() -> None:
        while not ended.wait(SUPERVISOR_SECONDS):
            for program in programs:
                with program.lock:
                    if program.wanted and not program.process.running:
                        if not program.meant:
                            program.ends.append(program.process.returncode)
                            say(f"{program.process.name} ended by itself\n{program.process.tail()}")
                        program.meant = False
                        program.process.start()

    thread = threading.Thread(target=supervise, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        for program in programs:
            program.process.signal(SIGTERM)
        for program in programs:
            program.process.terminate()
