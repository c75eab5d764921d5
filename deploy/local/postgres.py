"""A real Postgres: given binaries run in a folder of ours, or a server that runs already."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from signal import SIGCONT, SIGINT, SIGKILL, SIGQUIT, SIGSTOP, Signals

import asyncpg

from deploy.local.databases import Databases
from deploy.local.postgres_programs import Programs
from deploy.local.processes import Process, StackError, alive, output_of, state
from deploy.local.security import Security
from deploy.local.waiting import free_port, wait_for

_INITDB_SECONDS = 60
_DATABASE = "giftledger"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "dynamic_shared_memory_type": "mmap",  # in the data folder: a kill leaves nothing in /dev/shm
    "shared_buffers": "128MB",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",  # what is copied for a new database is not logged: a third of its cost
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
}


class Postgres(Databases):
    """A server of our own. Its data survive kill(), stop() and a new start(), also by another process.

    `durable=False` gives durability up for speed. Where we are root, it runs as nobody, and `folder` must be
    reachable for everyone (StackError says so). `settings` go before ours. With `security`, connections without TLS are
    refused.
    """

    def __init__(
        self,
        folder: Path,
        programs: Programs,
        *,
        durable: bool = True,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        security: Security | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._programs = programs
        self._data = folder / "data"
        self._password_file = folder / "password"
        if not self._password_file.exists():
            self._password_file.touch(mode=0o600)
            self._password_file.write_text(secrets.token_urlsafe())
        self.version = programs.version
        self.name = f"PostgreSQL {self.version}"
        self.port = port or free_port()
        password = self._password_file.read_text()
        query = f"?{security.database_options()}" if security else ""
        super().__init__(f"postgresql://postgres:{password}@127.0.0.1:{self.port}/{_DATABASE}{query}")
        options = _SETTINGS | {"port": str(self.port)} | ({} if durable else _NOT_DURABLE) | dict(settings or {})
        if security:
            options |= self._with_tls(folder, security)
        self.process = Process(
            name=self.name,
            command=[
                programs.folder / "postgres",
                *("-D", self._data),
                *(part for setting in options.items() for part in ("-c", "=".join(setting))),
            ],
            log=folder.parent / "postgres.log",
            cwd=folder,
            user=programs.user,
            stop_signal=SIGINT,  # does not wait for clients to leave, SIGTERM would
            orphan_signal=SIGQUIT,  # so that it takes its children and its shared memory with it
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def start(self) -> None:
        """Start it on its port and wait until it answers. Raises StackError or TimeoutError, with its log."""
        if not self._data.exists():
            self._initialise()
        self.process.start()
        self.process.wait_until(self._answers, f"a connection to port {self.port}")
        if _DATABASE not in self.names():
            self.create_database(_DATABASE)

    def stop(self) -> None:
        if self.process.running:
            self.resume()  # a postmaster waits for its children, and a paused child never ends
        try:
            self.process.terminate()
        finally:
            _remove_shared_memory(self._data)

    def restart(self) -> None:
        self.stop()
        self.start()

    def kill(self) -> None:
        """End it at once, all its processes with it: a crash. start() recovers from it."""
        self.process.pause()  # or it would see its children die and start new ones
        children = self._children()
        self._signal(SIGKILL)
        self.process.kill()
        wait_for(lambda: not any(map(alive, children)), "the end of Postgres' children")
        _remove_shared_memory(self._data)

    def pause(self) -> None:
        """Let it hang: connections stay open, nothing is answered."""
        self.process.pause()
        self._signal(SIGSTOP)
        # A child that ended meanwhile stays a zombie for as long as its parent is stopped.
        wait_for(lambda: all(state(child) in {"T", "Z"} for child in self._children()), "Postgres' children to stop")

    def resume(self) -> None:
        self._signal(SIGCONT)

    def _with_tls(self, folder: Path, security: Security) -> dict[str, str]:
        identity, rules = folder / "identity.pem", folder / "pg_hba.conf"
        identity.touch(mode=0o600)
        identity.write_bytes(security.identity.read_bytes())
        rules.write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        for path in (identity, rules):
            self._programs.give(path)
        return {"ssl": "on", "ssl_cert_file": str(identity), "ssl_key_file": str(identity), "hba_file": str(rules)}

    def _initialise(self) -> None:
        draft = self._data.with_name("data.unfinished")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        for path in (self._password_file, draft):
            self._programs.give(path)
        options = ["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
        initdb = Process(
            name="initdb",
            command=[self._programs.folder / "initdb", *options, "-D", draft, "--pwfile", self._password_file],
            log=self.process.log,
            user=self._programs.user,
        )
        try:
            if initdb.start().wait(_INITDB_SECONDS):
                raise StackError(f"initdb of {self.name} failed\n{initdb.tail()}")
        finally:
            initdb.kill()
            _remove_shared_memory(draft)
        draft.rename(self._data)

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1", database="postgres")
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
            return False
        return True

    def _signal(self, signal: Signals) -> None:
        children = self._children()
        self.process.signal(signal)
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal)

    def _children(self) -> list[int]:
        # Each has a process group of its own. Without /proc they are left to notice the postmaster's end.
        try:
            return [*map(int, Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split())]
        except FileNotFoundError:
            return []


def _remove_shared_memory(data: Path) -> None:
    # 56 bytes that the system keeps after a crash until a restart on the same data. Their key is the folder's
    # inode: sysv_shmem.c.
    tool = shutil.which("ipcrm")
    if tool and data.exists():
        with contextlib.suppress(StackError):  # there are none, as is usual
            output_of(tool, "-M", hex(data.stat().st_ino & 0xFFFFFFFF))


class ExternalPostgres(Databases):
    """A server that runs already, and that is not ours to stop."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        try:
            self.version = str(self.execute("SHOW server_version")).split()[0]
        except (OSError, asyncpg.PostgresError) as error:
            raise StackError(f"the Postgres at DATABASE_URL does not answer: {error}") from error
        self.name = f"PostgreSQL {self.version}"

    def start(self) -> None:
        """Do nothing, like stop()."""

    stop = start

    def kill(self) -> None:
        """Raise StackError, as everything does that would disturb its other users."""
        raise StackError(f"{self.name} is external: not ours to kill, pause or restart")

    pause = resume = restart = kill
