"""What is measured: a way from a topic into a table, and the scene that each has to itself."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from consumer.settings import Settings, load
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


def create_table(scene: Scene) -> None:
    scene.stack.postgres.execute(TABLE, database=scene.name)


@dataclass(frozen=True)
class Peer:
    """`start` a process that applies a topic to `table`; `prepare` makes that table.

    `reads_rows`: it needs the records as rows of the table, with types, so it gets a copy of the topic made of them.
    `few`: it is too slow for all of the events.
    """

    name: str
    start: Callable[[Scene], Process]
    prepare: Callable[[Scene], None] = create_table
    table: str = "certificate"
    reads_rows: bool = False
    few: bool = False


def python(module: str, *arguments: str) -> Callable[[Scene], Process]:
    """Give what starts a peer that is a Python program of ours, in the peers' own environment."""

    def start(scene: Scene) -> Process:
        if not PYTHON.exists():
            raise StackError(f"no {PYTHON}: `make bench-peers` sets it up")
        topic = {"TOPIC": scene.settings.topic("certificates"), "GROUP": scene.name}
        return scene.stack.run(
            scene.name, [PYTHON.absolute(), "-m", module, *arguments], {**scene.environment, **topic}
        )

    return start
