"""What the tests stand on: a real Postgres and a real broker, a database and topics for each test.

`make test` runs the files side by side, in processes of pytest-xdist. Each has a Postgres and a broker of its own.
"""

import asyncio
import gc
import logging
import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack

import asyncpg
import hypothesis
import pytest
import structlog
import uvloop
from xdist import is_xdist_worker
from xdist.workermanage import WorkerController

from consumer.common.settings import Settings, load
from consumer.kafka.topics import admin
from consumer.postgres.database import Pool, pool
from consumer.postgres.migrate import migrate
from deploy.local.stack import Stack
from deploy.local.waiting import free_port
from schemas.registry import TOPICS

# How long an example takes is the machine's affair, not a property of what is tested. Examples are the same in every
# run: a change passes by what it is, and not by luck. Profile `searching` and `make soak` look for others.
searching = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("searching", searching)
hypothesis.settings.register_profile("giftledger", searching, derandomize=True)
hypothesis.settings.load_profile("giftledger")

SAID = pytest.StashKey[list[str]]()


def pytest_xdist_auto_num_workers() -> int:
    """Run four files a core side by side: most tests wait for other processes most of the time."""
    return 4 * len(os.sched_getaffinity(0))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that it is not what everything waits for in the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """Take all tests, and what they import, out of every collection of garbage to come: none of it goes away."""
    gc.freeze()


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run tests on the event loop that services have."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse a unit test that needs Postgres or a broker: CI does not run it on each of them."""
    if item.nodeid.startswith("tests/unit/") and "stack" in getattr(item, "fixturenames", ()):
        pytest.fail("It needs a stack, so it belongs into tests/integration.", pytrace=False)


@pytest.fixture(autouse=True)
def logs_of_its_own() -> Iterator[None]:
    """Undo how a test set up the logs, as commands do: to the output that was captured of it."""
    handlers = logging.getLogger().handlers.copy()
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


@pytest.fixture(scope="session")
def stack(say: Callable[[str], None]) -> Iterator[Stack]:
    """One Postgres (not durable: it is faster, and nobody crashes this one) and one broker."""
    with Stack(durable=False) as running:
        say(f"local stack: {running.kafka.name} and {running.postgres.name}")
        yield running


@pytest.fixture(scope="session")
def say(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Take a figure that a test measured to the end of the output, where one sees it."""
    return pytestconfig.stash.setdefault(SAID, []).append


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what was said to the process that writes the summary, where that is another one."""
    if is_xdist_worker(session):
        session.config.workeroutput["said"] = session.config.stash.get(SAID, [])  # type: ignore[attr-defined]


def pytest_testnodedown(node: WorkerController) -> None:
    said = getattr(node, "workeroutput", {}).get("said", [])  # nothing, where the process crashed
    node.config.stash.setdefault(SAID, []).extend(said)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    said = config.stash.setdefault(SAID, [])
    for line in dict.fromkeys(said) or ["local stack: not needed"]:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    """Run what stays connected from test to test: new connections for each would cost as much as its database."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        yield runner


@pytest.fixture(scope="session")
def as_superuser(stack: Stack, runner: asyncio.Runner) -> Iterator[Callable[[str], object]]:
    connection = runner.run(asyncpg.connect(stack.postgres.url("postgres")))
    yield lambda sql: runner.run(connection.execute(sql))
    runner.run(connection.close())


@pytest.fixture(scope="session")
def without_topics(stack: Stack, runner: asyncio.Runner) -> Iterator[Callable[[Settings], object]]:
    """Delete a test's topics: each client that connects is told of every topic that there is."""
    ways_out = AsyncExitStack()
    client = runner.run(ways_out.enter_async_context(admin(load(stack.environment()))))
    yield lambda settings: runner.run(client.delete_topics([settings.topic(topic) for topic in TOPICS]))
    runner.run(ways_out.aclose())


@pytest.fixture(scope="session")
def template(stack: Stack, as_superuser: Callable[[str], object]) -> Iterator[str]:
    """Name a database that is migrated once and copied for each test."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    url = stack.postgres.create_database(name)
    asyncio.run(migrate(load({"DATABASE_URL": url})))
    yield name
    as_superuser(f"DROP DATABASE {name}")


@pytest.fixture
def database_url(stack: Stack, as_superuser: Callable[[str], object], template: str) -> Iterator[str]:
    """Make a database of the test's own, migrated and empty."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    # File by file: what nobody flushes to a disk is copied in half of the time that a log of it takes.
    as_superuser(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield stack.postgres.url(name)
    as_superuser(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def environment(
    stack: Stack, database_url: str, without_topics: Callable[[Settings], object]
) -> Iterator[dict[str, str]]:
    """Give the settings of a deployment of the test's own: database, topics, consumer group, key, free ports."""
    given = {
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
    yield dict(given)
    without_topics(load(given))


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return load(environment)


@pytest.fixture
async def connections(settings: Settings) -> AsyncIterator[Pool]:
    """Connect to the test's database as the worker does."""
    async with pool(settings) as connections:
        yield connections
