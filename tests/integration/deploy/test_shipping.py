"""What is shipped, as it is shipped: the wheel in a virtual environment, run by somebody who may change nothing.

No container engine runs here: the image's one step, deploy/install.sh, is run as it is, and compose's users of the
database are made by compose's own script.
"""

import asyncio
import os
import pwd
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest

from consumer.traffic import Truth
from consumer.traffic.simulate import simulate
from deploy.local.demo.comparison import compare
from deploy.local.processes import Process
from deploy.local.security import Security
from deploy.local.services import Service
from deploy.local.stack import Stack
from deploy.local.waiting import free_port
from tests.secured import secret_files, secured
from tests.services import deployment, wait_for_metric

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[3]
COUNT = 300
START = datetime(2026, 6, 1, tzinfo=UTC)
SIGNING_KEY = "a-signing-key-of-good-length"


class Shipped(NamedTuple):
    """An installation, and the deployment that runs from it."""

    folder: Path
    user: tuple[int, int]
    stack: Stack
    environment: dict[str, str]
    security: Security | None
    ways_down: ExitStack

    def start(self, name: str, arguments: list[str], settings: Mapping[str, str]) -> Process:
        """Start a command as the other user, from an empty folder, with nothing in its environment but settings.

        The secrets among them are in files.
        """
        given = secret_files(self.stack.folder, settings, self.user)
        process = Process(
            name=name,
            command=["env", "-i", *(f"{key}={value}" for key, value in given.items()), self.program, *arguments],
            log=self.stack.folder / f"shipped-{name}.log",
            cwd=Path("/"),
            user=self.user,
        )
        self.ways_down.callback(process.terminate)
        return process.start()

    @property
    def program(self) -> str:
        return str(self.folder / "bin" / "giftledger")

    def run(self, *arguments: str, user: str = "operator", **settings: str) -> str:
        """Run a command to its end; give what it printed."""
        process = self.start("-".join(arguments), list(arguments), self.settings(user, **settings))
        assert process.wait() == 0, process.tail()
        return process.log.read_text()

    def settings(self, user: str, **settings: str) -> dict[str, str]:
        """Give the settings of a process, which has a Kafka user of its own where Kafka knows users."""
        kafka = self.security.kafka_settings(f"giftledger-{user}") if self.security else {}
        return {**self.environment, **kafka, **settings}

    def service(self, command: str, **settings: str) -> Service:
        port = free_port()
        process = self.start(command, [command], self.settings(command, ADMIN_PORT=str(port), **settings))
        service = Service(process, port)
        service.wait_until_ready()
        return service


def python_for_everyone() -> str:
    """Give an interpreter that another user can reach."""
    for candidate in (Path(sys.base_prefix) / "bin" / "python3", Path("/usr/bin/python3")):
        path = candidate.resolve()
        reachable = all(parent.stat().st_mode & 0o001 for parent in path.parents) if path.exists() else False
        usable = [str(path), "-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"]
        if reachable and subprocess.run(usable, check=False, capture_output=True).returncode == 0:  # noqa: S603
            return str(path)
    pytest.skip("no Python 3.11 that another user can reach: apt-get install python3-venv")


@pytest.fixture(scope="module")
def installation() -> Iterator[Path]:
    """Install where everyone can read and nobody write, as in the image."""
    if os.geteuid() != 0:
        pytest.skip("only root can run a command as somebody else")
    python = python_for_everyone()
    with tempfile.TemporaryDirectory(prefix="giftledger-") as name:
        Path(name).chmod(0o711)
        folder = Path(name) / "opt"
        subprocess.run(  # noqa: S603 - our own script
            [ROOT / "deploy" / "install.sh", folder], env={**os.environ, "PYTHON": python}, check=True, timeout=300
        )
        subprocess.run(["chmod", "-R", "a-w,a+rX", folder], check=True)  # noqa: S603, S607
        yield folder


@contextmanager
def in_the_clear() -> Iterator[tuple[Stack, None]]:
    with Stack(broker=os.environ.get("BROKER"), durable=False) as stack:
        yield stack, None


@contextmanager
def over_tls_and_sasl() -> Iterator[tuple[Stack, Security]]:
    with secured() as deployed:
        yield deployed.stack, deployed.security


# Only Apache Kafka has the other way, and there is no need of this one then.
IN_THE_CLEAR = pytest.param(in_the_clear, id="in the clear", marks=pytest.mark.once)


@pytest.fixture(scope="module", params=[IN_THE_CLEAR, pytest.param(over_tls_and_sasl, id="over TLS and SASL")])
def shipped(request: pytest.FixtureRequest, installation: Path) -> Iterator[Shipped]:
    """Run from the installation, on a stack of its own whose database users are compose's."""
    nobody = pwd.getpwnam("nobody")
    with request.param() as (stack, security), ExitStack() as ways_down:
        for statement in (ROOT / "deploy" / "postgres" / "users.sql").read_text().split(";\n"):
            if statement.strip():
                stack.postgres.execute(
                    statement.replace("DATABASE giftledger", "DATABASE shipped"), database="postgres"
                )
        environment = deployment(stack, WEBHOOK_SIGNING_KEYS=f"test={SIGNING_KEY}")
        environment["DATABASE_URL"] = stack.postgres.url("shipped", user="worker", password="local")
        if security:  # the rights are for the names that are the defaults
            del environment["TOPIC_PREFIX"], environment["KAFKA_GROUP_ID"]
        user = (nobody.pw_uid, nobody.pw_gid)
        yield Shipped(installation, user, stack, environment, security, ways_down)


def test_the_installation_has_nothing_of_this_tree(shipped: Shipped) -> None:
    where = subprocess.run(  # noqa: S603 - our own program
        [shipped.folder / "bin" / "python", "-I", "-c", "import consumer, schemas, sql; print(*consumer.__path__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    assert where.stdout.startswith(str(shipped.folder))
    there = {path.name for path in (shipped.folder / "lib").glob("python3.*/site-packages/*")}
    assert there.isdisjoint({"pytest", "tests", "deploy", "aiohttp"})


def test_somebody_who_may_change_nothing_does_the_demos_work(shipped: Shipped) -> None:
    migrator = shipped.stack.postgres.url("shipped", user="migrator", password="local")
    shipped.run("migrate", DATABASE_URL=migrator)
    shipped.run("topics")
    port = free_port()
    ingress = shipped.service("ingress", INGRESS_PORT=str(port))
    worker = shipped.service("worker")
    summary, truth = asyncio.run(
        simulate(url=f"http://127.0.0.1:{port}", secret=SIGNING_KEY, count=COUNT, start=START, seed=5)
    )
    assert summary.mismatched == 0
    done = truth.attempts + truth.duplicates + truth.dead_lettered
    wait_for_metric(worker, "giftcert_messages_processed_total", done)
    # As the users that do it in earnest: the check is the worker's, the reading Grafana's.
    found = shipped.run("check", "--for", "worker", user="worker")
    assert re.search(r"^ok +rights: worker ", found, re.MULTILINE), found
    assert "problem" not in found
    asyncio.run(_agrees(shipped, truth))
    assert (ingress.process.terminate(), worker.process.terminate()) == (0, 0)


async def _agrees(shipped: Shipped, truth: Truth) -> None:
    connection = await asyncpg.connect(shipped.stack.postgres.url("shipped"))
    try:
        differences = [line for part in await compare(connection, truth) for line in part.differences]
    finally:
        await connection.close()
    assert differences == []


def test_grafanas_user_sees_the_reports_and_nothing_else(shipped: Shipped) -> None:
    async def see() -> None:
        url = shipped.stack.postgres.url("shipped", user="grafana", password="local")
        connection = await asyncpg.connect(url)
        try:
            assert await connection.fetchval("SELECT count(*) FROM reporting.certificate_current")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetchval("SELECT count(*) FROM giftcert.certificate")
        finally:
            await connection.close()

    asyncio.run(see())


def test_help_needs_no_settings(shipped: Shipped) -> None:
    assert "Usage: giftledger" in shipped.run("--help", **dict.fromkeys(shipped.environment, ""))
