"""The runbooks' commands, run as the Postgres users that the runbooks name, who have the rights granted there."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from deploy.local.postgres import ExternalPostgres, Postgres
from deploy.local.services import Giftledger
from deploy.local.stack import Stack
from tests.builders import bought, encode
from tests.integration.deploy.test_runbooks import postgres_program
from tests.services import commands, deployment, start_ingress, start_worker, wait_for_metric

RUNBOOKS = (Path(__file__).parents[3] / "deploy" / "README.md").read_text()
MARK = r"<!-- run by a test as (\w+) -->"
PASSWORD = "x"


class Block(NamedTuple):
    """A block of commands, and as whom to run them; where it may be anyone of several, once for each."""

    user: str
    commands: str


def blocks() -> list[Block]:
    """Give the marked blocks in their order."""
    found = re.findall(rf"((?:{MARK}\s*)+)```sh\n(.*?)```", RUNBOOKS, re.DOTALL)
    return [Block(user, commands) for marks, _, commands in found for user in re.findall(MARK, marks)]


class Scene:
    """A deployment as the runbook makes it, on a server whose roles are its own."""

    def __init__(self, postgres: Postgres, giftledger: Giftledger, database: str) -> None:
        self.giftledger = giftledger
        self.urls = {
            user: postgres.url(database, user=user, password=PASSWORD)
            for user in ("migrator", "worker_prod", "grafana")
        }

    def run(self, block: Block, folder: Path, place: str = "") -> str:
        """Run a block's lines, each of which must succeed; give what they said."""
        lines = block.commands.replace("3:1042", place)
        programs = f"{Path(sys.executable).parent}:{postgres_program('psql').parent}:{os.environ['PATH']}"
        done = subprocess.run(  # noqa: S603 - the lines of our own document
            ["sh", "-euc", lines],  # noqa: S607 - the shell of the runbook's reader
            env={**os.environ, **self.giftledger.environment, "PATH": programs, "DATABASE_URL": self.urls[block.user]},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, f"as {block.user}:\n{lines}\n{said}"
        return said


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Stack(durable=False) as own:
        if isinstance(own.postgres, ExternalPostgres):
            pytest.skip("the roles of another server are not ours to make")
        own.postgres.create_database("runbook")
        for user, attributes in {"migrator": "CREATEROLE", "worker_prod": "", "grafana": ""}.items():
            own.postgres.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}' {attributes}")
        own.postgres.execute("GRANT CREATE ON DATABASE runbook TO migrator")
        with commands(own, deployment(own, TOPIC_PREFIX="giftcert")) as giftledger:
            yield Scene(own.postgres, giftledger, "runbook")


def test_every_marked_block_can_be_run_as_it_says(scene: Scene, tmp_path: Path) -> None:
    migrate, *others = blocks()
    assert {block.user for block in others} == {"migrator", "worker_prod", "grafana"}

    scene.run(migrate, tmp_path)
    scene.giftledger.run("topics")
    _, sender = start_ingress(scene.giftledger)
    worker = start_worker(scene.giftledger, DATABASE_URL=scene.urls["worker_prod"])
    unreadable = bought() | {"id": "another", "attemptId": "another", "data": {"_id": "another", "balance": "much"}}
    for webhook in (bought(), unreadable):
        assert sender.post(encode(webhook)).status == 200
    wait_for_metric(worker, "giftcert_dead_letters_total", 1)
    listed = scene.run(Block("worker_prod", "giftledger dead-letters list"), tmp_path)
    (place,) = re.findall(r"\b\d+:\d+\b(?!:)", listed)[:1]
    for block in others:
        scene.run(block, tmp_path, place)

    assert (tmp_path / "giftledger.dump").stat().st_size > 0


def test_a_backup_is_restored_by_the_user_that_migrates(scene: Scene, tmp_path: Path) -> None:
    migrate, *others = blocks()
    scene.run(migrate, tmp_path)
    (dump,) = [block for block in others if "pg_dump" in block.commands]
    scene.run(dump, tmp_path)

    postgres = scene.giftledger.stack.postgres
    postgres.create_database("restored")
    postgres.execute("GRANT CREATE ON DATABASE restored TO migrator")
    scene.urls |= {user: postgres.url("restored", user=user, password=PASSWORD) for user in ("migrator", "worker_prod")}
    scene.run(Block("migrator", 'pg_restore --exit-on-error --dbname="$DATABASE_URL" giftledger.dump'), tmp_path)

    scene.giftledger.run("topics")
    scene.run(Block("worker_prod", "giftledger check --for worker"), tmp_path)
