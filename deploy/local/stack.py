"""A Postgres and a broker together, in one folder, up as fast as they can be and down without a trace."""

import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from deploy.local import orphans
from deploy.local.choices import choose_broker, choose_postgres
from deploy.local.interrupts import postponed
from deploy.local.kafka import Broker
from deploy.local.postgres import ExternalPostgres, Postgres
from deploy.local.processes import Process
from deploy.local.security import Security

# What a stack may need for a log that is not cut, several databases and a topic; in a container there is often less.
_ROOM_BYTES = 2 * 2**30


class Stack:
    """Starts on entry, stops on every way out; after SIGKILL a watchdog does it.

    Without `folder`, all files are in a temporary one that stop() removes; with `folder`, Postgres' data (and
    Apache Kafka's) are there for the next start. `broker` goes before BROKER. `durable=False` makes Postgres
    faster for tests that do not crash the machine, and a temporary folder is in memory where there is room.
    `kafka_properties` are for Apache Kafka, see ApacheKafka, and `postgres_settings` for a Postgres of our own. With
    `security`, which only Apache Kafka has, environment() leads to Postgres over TLS, and security.kafka_settings()
    to Kafka.
    """

    kafka: Broker
    postgres: Postgres | ExternalPostgres

    def __init__(
        self,
        folder: Path | None = None,
        *,
        broker: str | None = None,
        durable: bool = True,
        kafka_properties: Mapping[str, str] | None = None,
        postgres_settings: Mapping[str, str] | None = None,
        security: Security | None = None,
    ) -> None:
        self._given_folder = folder
        broker = "apache" if security else broker
        self._choice = {**os.environ, **({"BROKER": broker} if broker else {})}
        self._durable = durable
        self._security = security
        self._postgres_settings = postgres_settings
        self._kafka_properties = kafka_properties or {}
        self._signing_key = secrets.token_urlsafe()
        self._ways_down = ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start both and wait until both answer. Raises StackError or TimeoutError; nothing is left then."""
        with ExitStack() as ways_down:
            self.folder = self._make_folder(ways_down)
            self.postgres, why_postgres = choose_postgres(
                self.folder,
                self._choice,
                durable=self._durable,
                settings=self._postgres_settings,
                security=self._security,
            )
            self.kafka, why_kafka = choose_broker(self.folder, self._choice, self._kafka_properties, self._security)
            sys.stderr.write(
                f"local stack: {self.kafka.name} ({why_kafka})\n"
                f"             {self.postgres.name} ({why_postgres})\n"
                f"             files in {self.folder}\n"
            )
            ways_down.callback(self.postgres.stop)
            ways_down.callback(self.kafka.stop)
            self.kafka.launch()  # starts while Postgres does
            self.postgres.start()
            self.kafka.wait_until_ready()
            self._ways_down = ways_down.pop_all()

    def stop(self) -> None:
        """Stop what run() started, last first, then broker and Postgres, and remove the temporary folder."""
        self._ways_down.close()

    def environment(self) -> dict[str, str]:
        """Return the settings that a giftledger command needs here; ports are the caller's to choose."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "KAFKA_ENABLE_IDEMPOTENCE": str(self.kafka.supports_idempotence).lower(),
            "DATABASE_URL": self.postgres.url(),
            "WEBHOOK_SIGNING_KEYS": f"local={self._signing_key}",
        }

    def run(self, name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> Process:
        """Start a command with environment() and `env`, and stop it with the stack.

        Its output goes to `<name>.log` in the folder.
        """
        process = Process(
            name=name,
            command=command,
            log=self.folder / f"{name}.log",
            env={**self.environment(), **(env or {})},
        )
        self._ways_down.callback(process.terminate)
        return process.start()

    def _make_folder(self, ways_down: ExitStack) -> Path:
        if self._given_folder:
            folder = self._given_folder.absolute()
            folder.mkdir(parents=True, exist_ok=True)
        else:
            place = None if self._durable else _memory()
            with postponed():
                folder = Path(tempfile.mkdtemp(prefix="giftledger-", dir=place))
                orphans.watch_folder(folder)
                ways_down.callback(_remove, folder)
        if os.geteuid() == 0:
            folder.chmod(0o711)  # Postgres runs as nobody, and must reach its own folder below
        return folder


def _memory() -> Path | None:
    """Return a folder whose files are in memory, if there is room: a new database is 300 small files."""
    memory = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a folder there that is ours alone
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM_BYTES:
        return memory
    return None


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():  # else the watchdog tries again
        orphans.forget_folder(folder)
