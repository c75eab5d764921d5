"""PgBouncer: a pool of sessions works; one of transactions is refused in a sentence by whatever meets it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from consumer.common.errors import Fatal
from consumer.common.settings import load
from consumer.operate.check import Level
from consumer.operate.check.database import check_database
from consumer.postgres.migrate import migrate
from deploy.local.processes import Process
from deploy.local.stack import Stack
from deploy.local.waiting import free_port
from tests.services import commands, start_worker, wait_for_reason

REFUSED = "pooler that gives sessions away between transactions"


@contextmanager
def pgbouncer(stack: Stack, folder: Path, database_url: str, mode: str) -> Iterator[str]:
    """Run PgBouncer before a database; give the URL that leads through it."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        if os.environ.get("REQUIRE_PGBOUNCER"):
            pytest.fail("pgbouncer is not installed, and REQUIRE_PGBOUNCER is set: apt-get install pgbouncer")
        pytest.skip("pgbouncer is not installed: apt-get install pgbouncer (REQUIRE_PGBOUNCER=1 makes this a failure)")
    url, port = urlsplit(database_url), free_port()
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = host={url.hostname} port={url.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nauth_type = plain\nauth_file = {folder}/users\npool_mode = {mode}\nunix_socket_dir =\n"
    )
    (folder / "users").write_text(f'"{url.username}" "{url.password}"\n')
    for path in (settings, folder / "users"):
        path.chmod(0o644)
    for parent in folder.parents[:2]:
        parent.chmod(parent.stat().st_mode | 0o011)
    folder.chmod(0o755)
    as_nobody = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = Process(
        name="pgbouncer", command=[program, *as_nobody, str(settings)], log=stack.folder / f"pgbouncer-{port}.log"
    ).start()
    through = url._replace(netloc=f"{url.username}:{url.password}@127.0.0.1:{port}").geturl()
    try:
        process.wait_until(lambda: "listening on" in process.tail(), "PgBouncer")
        yield through
    finally:
        process.terminate()


async def test_a_pool_of_transactions_is_refused_by_migrate_and_by_check(
    stack: Stack, tmp_path: Path, database_url: str
) -> None:
    with pgbouncer(stack, tmp_path, database_url, "transaction") as url:
        with pytest.raises(Fatal, match=REFUSED):
            await migrate(load({"DATABASE_URL": url}))
        (found,) = await check_database(load({"DATABASE_URL": url}))

    assert found.level is Level.PROBLEM
    assert REFUSED in found.message
    assert "pool_mode=session" in found.remedy


def test_a_worker_before_a_pool_of_transactions_waits_and_says_so(
    stack: Stack, tmp_path: Path, environment: dict[str, str]
) -> None:
    with (
        pgbouncer(stack, tmp_path, environment["DATABASE_URL"], "transaction") as url,
        commands(stack, environment) as giftledger,
    ):
        worker = giftledger.start("worker", DATABASE_URL=url)

        wait_for_reason(worker, REFUSED)


def test_a_pool_of_sessions_works(stack: Stack, tmp_path: Path, environment: dict[str, str]) -> None:
    with (
        pgbouncer(stack, tmp_path, environment["DATABASE_URL"], "session") as url,
        commands(stack, environment | {"DATABASE_URL": url}) as giftledger,
    ):
        giftledger.run("migrate")
        giftledger.run("topics")
        giftledger.run("check", "--for", "worker")

        start_worker(giftledger)
