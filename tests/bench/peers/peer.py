"""What is measured: a way from a topic into a table, and the scene that each has to itself."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import asyncpg

from consumer.common.settings import Settings, load
from deploy.local.processes import Process, StackError
from deploy.local.stack import Stack
from tests.bench.peers.rows import TABLE

PYTHON = Path(".cache/peers/bin/python")


@dataclass(frozen=True)
class Scene:
    """A database and topics; `name` is the database, the topics' prefix and the consumer group."""

    stack: Stack
    name: str
    prefix: str

    @property
    def database_url(self) -> str:
        return self.stack.postgres.url(self.name)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **self.stack.environment(),
            "DATABASE_URL": self.database_url,
            "TOPIC_PREFIX": self.prefix,
            "KAFKA_GROUP_ID": self.name,
        }

    @property
    def settings(self) -> Settings:
        return load(self.environment)


async def connect(scene: Scene) -> "asyncpg.Connection[asyncpg.Record]":
    """Connect where `certificate` is the peer's table: giftledger's in its schema, another's in public."""
    return await asyncpg.connect(scene.database_url, server_settings={"search_path": "giftcert, public"})


def create_table(scene: Scene, document: str = "jsonb") -> None:
    scene.stack.postgres.execute(TABLE.format(document=document), database=scene.name)


create_text_table = partial(create_table, document="text")


@dataclass(frozen=True)
class Peer:
    """`start` a process that applies a topic to the table `certificate`; `prepare` makes it.

    `reads_rows`: it needs the records as rows of the table, with types, so it gets a copy of the topic made of them.
    `few`: it is too slow for all of the events. `dead_letters`: the topic where it puts what it cannot apply.
    `goal`: how many times as fast giftledger wants to be. `says`: in one line, what it does.
    """

    name: str
    title: str
    says: str
    start: Callable[[Scene], Process]
    prepare: Callable[[Scene], None] = create_table
    reads_rows: bool = False
    few: bool = False
    dead_letters: str = ""
    goal: float | None = None


def python(program: str, *arguments: str) -> Callable[[Scene], Process]:
    """Give what starts a peer that is a Python program of ours, in the peers' own environment."""

    def start(scene: Scene) -> Process:
        if not PYTHON.exists():
            raise StackError(f"no {PYTHON}: `make bench-peers` sets it up")
        topic = {"TOPIC": scene.settings.topic("certificates"), "GROUP": scene.name}
        return scene.stack.run(
            scene.name,
            [PYTHON.absolute(), "-m", f"tests.bench.peers.{program}", *arguments],
            {**scene.environment, **topic},
        )

    return start
