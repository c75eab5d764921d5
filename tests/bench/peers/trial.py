"""A trial: a peer at work on topics and a database of its own."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import asyncpg

from consumer.common.errors import Fatal
from consumer.kafka.scan import scanning
from deploy.local.processes import Process
from deploy.local.stack import Stack
from tests.bench.peers import topics
from tests.bench.peers.peer import Peer, Scene, connect
from tests.bench.workload import Published, Workload
from tests.builders import bought

LOOK_SECONDS = 0.1
# A JVM takes its time.
START_SECONDS = 60


class Trial:
    """A peer that runs, and questions about it."""

    def __init__(self, peer: Peer, scene: Scene, process: Process) -> None:
        self.peer = peer
        self.scene = scene
        self.process = process

    @property
    def state(self) -> str:
        """Say what it does that does not get on."""
        return "stands still" if self.process.running else f"ends with {self.process.returncode}"

    def restart(self) -> None:
        self.process.terminate()
        self.process = self.peer.start(self.scene)

    async def publish(self, records: Iterable[Published]) -> None:
        await topics.publish(self.scene.settings, records, rows=self.peer.reads_rows)

    async def mark(self, name: str) -> list[str]:
        return await topics.mark(self.scene.settings, name, rows=self.peer.reads_rows)

    async def balances(self, ids: list[str]) -> dict[str, int]:
        query = "SELECT certificate_id, balance FROM certificate WHERE certificate_id = ANY($1)"
        return {row["certificate_id"]: row["balance"] for row in await self._fetch(query, ids)}

    async def count(self) -> int:
        ((count,),) = await self._fetch("SELECT count(*) FROM certificate")
        return int(count)

    async def sees(self, ids: list[str], seconds: float) -> bool:
        """Wait for certificates; false when the process ends, or the time."""
        deadline = time.monotonic() + seconds
        while len(await self.balances(ids)) < len(ids):
            if time.monotonic() > deadline or not self.process.running:
                return len(await self.balances(ids)) == len(ids)
            await asyncio.sleep(LOOK_SECONDS)
        return True

    async def dead_letters(self) -> int:
        """Count what the peer has put aside."""
        settings = self.scene.settings
        try:
            async with scanning(settings, [settings.topic(self.peer.dead_letters)]) as scan:
                return sum([len(records) async for records in scan.read()])
        except Fatal:  # there is no such topic
            return 0

    async def _fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        connection = await connect(self.scene)
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()


@asynccontextmanager
async def at_work(stack: Stack, peer: Peer, name: str, workload: Workload | None = None) -> AsyncIterator[Trial]:
    """Start a peer, on a workload if there is one, and wait for its first row. Raises TimeoutError without."""
    scene = Scene(stack, f"{peer.name}-{name}", f"{peer.name}-{name}")
    stack.postgres.create_database(scene.name)
    peer.prepare(scene)
    await topics.create(scene.settings, rows=peer.reads_rows)
    await topics.publish(scene.settings, [topics.published(bought(_id="first"))], rows=peer.reads_rows)
    if workload:
        await topics.fill_all(scene.settings, workload, rows=peer.reads_rows)
    trial = Trial(peer, scene, peer.start(scene))
    try:
        if not await trial.sees(["first"], START_SECONDS):
            raise TimeoutError(f"{peer.name} applies nothing\n{trial.process.tail()}")
        yield trial
    finally:
        trial.process.terminate()
