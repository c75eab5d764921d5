"""What the tests stand on: one real Postgres and one real broker a session, a database and topics a test."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from consumer.common.settings import Settings, load
from consumer.postgres.database import Pool, pool
from consumer.postgres.migrate import migrate
from deploy.local.stack import Stack
from deploy.local.waiting import free_port

USED = pytest.StashKey[str]()
FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def stack(pytestconfig: pytest.Config) -> Iterator[Stack]:
    """One Postgres (not durable: it is faster, and nobody crashes this one) and one broker."""
    with Stack(durable=False) as running:
        pytestconfig.stash[USED] = f"{running.kafka.name} and {running.postgres.name}"
        yield running


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say on what the tests ran, and what they measured."""
    terminalreporter.write_line(f"local stack: {config.stash.get(USED, 'not needed')}")
    for figure in config.stash.get(FIGURES, []):
        terminalreporter.write_line(figure)


@pytest.fixture(scope="session")
def say(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Take a figure that a test measured to the end of the output, where one sees it."""
    return pytestconfig.stash.setdefault(FIGURES, []).append


@pytest.fixture(scope="session")
def template(stack: Stack) -> Iterator[str]:
    """Name a database that is migrated once and copied for each test."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    url = stack.postgres.create_database(name)
    asyncio.run(migrate(load({"DATABASE_URL": url})))
    yield name
    stack.postgres.drop_database(name)


@pytest.fixture
def database_url(stack: Stack, template: str) -> Iterator[str]:
    """Make a database of the test's own, migrated and empty."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield stack.postgres.create_database(name, template)
    stack.postgres.drop_database(name)


@pytest.fixture
def environment(stack: Stack, database_url: str) -> dict[str, str]:
    """Give the settings of a deployment of the test's own: database, topics, consumer group, key, free ports."""
    return {
        **stack.environment(),
        "DATABASE_URL": database_url,
        "TOPIC_PREFIX": f"test-{uuid.uuid4().hex[:12]}",
        "TOPIC_PARTITIONS": "3",
        "KAFKA_GROUP_ID": f"test-{uuid.uuid4().hex[:12]}",
        # The embedded broker lets a group wait for half of it.
        "KAFKA_SESSION_TIMEOUT_MS": "2000",
        "WEBHOOK_SIGNING_KEYS": "test=a-signing-key",
        "INGRESS_HOST": "127.0.0.1",
        "INGRESS_PORT": str(free_port()),
        "ADMIN_HOST": "127.0.0.1",
        "ADMIN_PORT": str(free_port()),
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return load(environment)


@pytest.fixture
async def connections(settings: Settings) -> AsyncIterator[Pool]:
    """Connect to the test's database as the worker does."""
    async with pool(settings) as connections:
        yield connections
