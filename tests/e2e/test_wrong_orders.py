"""Processes that start before what they need: they wait, say what is missing and who mends it, and then go on."""

import asyncio
import uuid
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import pytest

from consumer.common.settings import load
from consumer.kafka.topics import admin
from deploy.local.processes import StackError
from deploy.local.services import Giftledger
from deploy.local.stack import Stack
from tests.builders import bought, encode
from tests.databases import applied_attempts
from tests.services import commands, deployment, start_ingress, wait_for, wait_for_reason

ZONE = {"REPORTING_TIME_ZONE": "America/Toronto"}


class Deployment:
    """A database in which nothing is yet, and a worker's user to whom nothing is granted yet."""

    def __init__(self, stack: Stack, giftledger: Giftledger) -> None:
        self.stack = stack
        self.giftledger = giftledger
        self.owner_url = giftledger.environment["DATABASE_URL"]
        self.user = f"worker_{uuid.uuid4().hex[:12]}"
        self.execute(f"CREATE ROLE {self.user} LOGIN PASSWORD 'x'")
        self.worker_url = stack.postgres.url(self._database, user=self.user, password="x")

    @property
    def _database(self) -> str:
        return urlsplit(self.owner_url).path.removeprefix("/")

    def execute(self, sql: str) -> None:
        self.stack.postgres.execute(sql, database=self._database)

    def migrate(self, **settings: str) -> None:
        migration = self.giftledger.start("migrate", **settings).process
        assert migration.wait() == 0, migration.tail()

    def topics(self) -> set[str]:
        return set(asyncio.run(_topics(self.giftledger.environment)))


async def _topics(environment: Mapping[str, str]) -> list[str]:
    settings = load(environment)
    async with admin(settings) as client:
        return [topic for topic in await client.list_topics() if topic.startswith(settings.topic_prefix)]


@pytest.fixture
def deployed(stack: Stack) -> Iterator[Deployment]:
    name = f"orders_{uuid.uuid4().hex[:12]}"
    with commands(stack, deployment(stack, DATABASE_URL=stack.postgres.create_database(name))) as giftledger:
        scene = Deployment(stack, giftledger)
        yield scene
    stack.postgres.drop_database(name)
    stack.postgres.execute(f"DROP ROLE {scene.user}", database="postgres")


def test_a_worker_before_everything_waits_for_one_after_the_other_and_then_works(deployed: Deployment) -> None:
    worker = deployed.giftledger.start("worker", DATABASE_URL=deployed.worker_url, **ZONE)

    wait_for_reason(worker, "never been migrated into this database. Run `giftledger migrate`")
    deployed.migrate()
    wait_for_reason(worker, "GRANT giftledger_writer")
    deployed.execute(f"GRANT giftledger_writer TO {deployed.user}")
    wait_for_reason(worker, "REPORTING_TIME_ZONE is America/Toronto here and UTC in the database")
    deployed.migrate(**ZONE)
    wait_for_reason(worker, "Run `giftledger topics`")
    assert deployed.topics() == set(), "to look for a topic has created it"
    deployed.giftledger.run("topics")
    worker.wait_until_ready()

    _, sender = start_ingress(deployed.giftledger)
    assert sender.post(encode(bought())).status == 200
    wait_for(lambda: applied_attempts(deployed.owner_url) == 1, "the webhook in the ledger")
    log = worker.process.log.read_text()
    assert "Traceback" not in log
    for missing in ("giftledger migrate", "GRANT giftledger_writer", "REPORTING_TIME_ZONE", "giftledger topics"):
        assert missing in log


def test_an_ingress_before_the_topics_refuses_creates_none_and_goes_on_when_they_come(deployed: Deployment) -> None:
    ingress, sender = start_ingress(deployed.giftledger, ready=False)

    wait_for_reason(ingress, "Run `giftledger topics`")
    assert sender.post(encode(bought())).status == 503
    assert deployed.topics() == set(), "to send to a topic has created it"
    deployed.giftledger.run("topics")

    ingress.wait_until_ready()
    assert sender.post(encode(bought())).status == 200


def test_a_running_worker_says_what_was_taken_from_it_and_when_it_is_back(deployed: Deployment) -> None:
    deployed.migrate()
    deployed.execute(f"GRANT giftledger_writer TO {deployed.user}")
    deployed.giftledger.run("topics")
    worker = deployed.giftledger.start("worker", DATABASE_URL=deployed.worker_url, REPORTING_TIME_ZONE="UTC")
    worker.wait_until_ready()

    deployed.migrate(**ZONE)
    wait_for_reason(worker, "REPORTING_TIME_ZONE is UTC here and America/Toronto in the database")
    deployed.migrate(REPORTING_TIME_ZONE="UTC")
    worker.wait_until_ready()

    _, sender = start_ingress(deployed.giftledger)
    deployed.execute(f"REVOKE giftledger_writer FROM {deployed.user}")
    assert sender.post(encode(bought())).status == 200
    wait_for_reason(worker, "apply: Postgres says: ")
    wait_for_reason(worker, "GRANT giftledger_writer TO <this user>")
    deployed.execute(f"GRANT giftledger_writer TO {deployed.user}")

    wait_for(lambda: applied_attempts(deployed.owner_url) == 1, "the webhook in the ledger")
    worker.wait_until_ready()
    assert "Traceback" not in worker.process.log.read_text()


@pytest.mark.parametrize("command", [("rebuild",), ("dead-letters", "list")])
def test_a_command_before_the_topics_says_so_and_creates_none(deployed: Deployment, command: tuple[str, ...]) -> None:
    deployed.migrate()

    with pytest.raises(StackError, match="giftledger topics"):
        deployed.giftledger.run(*command)

    assert deployed.topics() == set()
