"""giftledger itself on a local stack: its commands, its ingress and its worker, as separate processes."""

import asyncio
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from signal import SIGTERM

from consumer.common.settings import load
from consumer.kafka.topics import admin
from deploy.local.kafka import ExternalBroker
from deploy.local.postgres import ExternalPostgres
from deploy.local.processes import Process, StackError
from deploy.local.stack import Stack
from deploy.local.waiting import free_port, responds
from schemas.registry import TOPICS

# What a developer's environment may hold must not lead us to other data, or to other rules.
OURS = {
    "DATABASE_URL_FILE": "",
    "WEBHOOK_SIGNING_KEYS_FILE": "",
    "WEBHOOK_VERIFICATION": "on",
    "INGRESS_HOST": "127.0.0.1",
    "ADMIN_HOST": "127.0.0.1",
    "TOPIC_PREFIX": "giftcert",
    "LOG_FORMAT": "console",
}


@dataclass(frozen=True)
class Service:
    """A running ingress or worker, and its port for health and metrics."""

    process: Process
    admin_port: int

    @property
    def metrics_url(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}/metrics"

    def wait_until_ready(self) -> None:
        """Raise StackError when it ends instead, TimeoutError when it takes too long; both show its log."""
        ready = f"http://127.0.0.1:{self.admin_port}/health/ready"
        self.process.wait_until(lambda: responds(ready), f"200 from {ready}")


@dataclass(frozen=True)
class Giftledger:
    """The commands of giftledger, run with the settings in ``environment``."""

    stack: Stack
    environment: Mapping[str, str]
    _processes: list[Process] = field(default_factory=list)

    @property
    def secret(self) -> str:
        """The secret of the first signing key."""
        return self.environment["WEBHOOK_SIGNING_KEYS"].partition(",")[0].partition("=")[2]

    def run(self, *arguments: str, **settings: str) -> None:
        """Run a command to its end. Raises StackError, with its output, when it fails."""
        words = takewhile(lambda argument: not argument.startswith("-"), arguments)
        process = self._start("-".join(words), arguments, **settings)
        if process.wait() != 0:
            raise StackError(f"giftledger {' '.join(arguments)} failed\n{process.tail()}")

    def start(self, command: str, **settings: str) -> Service:
        """Start a command that keeps running, with a free port for health and metrics."""
        admin_port = free_port()
        process = self._start(command, [command], ADMIN_PORT=str(admin_port), **settings)
        return Service(process, admin_port)

    def stop(self) -> None:
        """End all of its processes at the same time."""
        for process in self._processes:
            if process.running:
                process.signal(SIGTERM)
        for process in self._processes:
            process.terminate()

    def _start(self, name: str, arguments: Sequence[str], **settings: str) -> Process:
        command = [sys.executable, "-m", "consumer", *arguments]
        process = self.stack.run(name, command, {**self.environment, **settings})
        self._processes.append(process)
        return process


@contextmanager
def giftledger(stack: Stack) -> Iterator[Giftledger]:
    """Give giftledger a database and topics that nobody else uses, and take them away again.

    On a server that is not ours (DATABASE_URL, KAFKA_BOOTSTRAP_SERVERS) they get names of their own:
    simulated money must not come near a real balance.
    """
    mark = secrets.token_hex(4)
    environment = {**stack.environment(), **OURS}
    with ExitStack() as ways_down:
        if isinstance(stack.postgres, ExternalPostgres):
            database = f"giftledger_demo_{mark}"
            ways_down.callback(stack.postgres.drop_database, database)  # which may be interrupted while it is made
            environment["DATABASE_URL"] = stack.postgres.create_database(database)
        if isinstance(stack.kafka, ExternalBroker):
            environment |= {"TOPIC_PREFIX": f"giftcert-demo-{mark}", "KAFKA_GROUP_ID": f"giftledger-{mark}"}
            ways_down.callback(lambda: asyncio.run(_delete_topics(environment)))
        commands = Giftledger(stack, environment)
        ways_down.callback(commands.stop)
        yield commands


async def _delete_topics(environment: Mapping[str, str]) -> None:
    settings = load(environment)
    async with admin(settings) as client:
        existing = await client.list_topics()
        await client.delete_topics([name for name in map(settings.topic, TOPICS) if name in existing])
