"""What tests of closes stand on: topics, a session, keys."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from consumer.close import store
from consumer.common.settings import Settings
from consumer.kafka.topics import create_topics
from consumer.postgres.database import Connection, Pool
from tests.closing import Applied, private_key


@pytest.fixture
async def books(settings: Settings, connections: Pool) -> Applied:
    """Make the topics of the test, and whoever applies what is in them."""
    await create_topics(settings)
    return Applied(settings, connections)


@pytest.fixture
async def connection(settings: Settings) -> AsyncIterator[Connection]:
    async with store.session(settings) as connection:
        yield connection


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return private_key(tmp_path, "Bob")
