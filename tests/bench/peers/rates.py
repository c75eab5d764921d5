"""How fast: events a second between two marks, so that no start-up and no warm-up counts."""

import asyncio
import time
from dataclasses import dataclass

import asyncpg

from deploy.local.processes import Process, StackError
from deploy.local.stack import Stack
from tests.bench.peers import topics
from tests.bench.peers.peer import Peer, Scene
from tests.bench.workload import Workload

LOOK_SECONDS = 0.05
LONGEST_SECONDS = 240


@dataclass(frozen=True)
class Load:
    """Topics that are filled: a warm-up, marks, the events that count, marks."""

    prefix: str
    events: int
    certificates: int
    warm: list[str]
    done: list[str]


async def prepare(stack: Stack, prefix: str, workload: Workload, *, rows: bool) -> Load:
    settings = Scene(stack, "unused", prefix).settings
    await topics.create(settings, rows=rows)
    warming = Workload(workload.events // 10, workload.certificates // 10, workload.seed + 1)
    await topics.fill_all(settings, warming, rows=rows)
    warm = await topics.mark(settings, "warm", rows=rows)
    await topics.fill_all(settings, workload, rows=rows)
    done = await topics.mark(settings, "done", rows=rows)
    return Load(prefix, workload.events, workload.certificates, warm, done)


async def rate(stack: Stack, peer: Peer, load: Load, name: str) -> float:
    """Give a peer a database of its own and let it apply the load; events a second."""
    scene = Scene(stack, name, load.prefix)
    stack.postgres.create_database(name)
    peer.prepare(scene)
    stack.postgres.execute("CHECKPOINT")
    process = peer.start(scene)
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            await visible(scene, peer, process, load.warm)
            warm = time.perf_counter()
            await visible(scene, peer, process, load.done)
            seconds = time.perf_counter() - warm
    except TimeoutError:
        raise TimeoutError(f"{peer.name} is not done after {LONGEST_SECONDS} s\n{process.tail()}") from None
    finally:
        process.terminate()
    stack.postgres.drop_database(name)
    return load.events / seconds


async def visible(scene: Scene, peer: Peer, process: Process, ids: list[str]) -> None:
    """Wait until certificates are in the table. Raises StackError when the process ends before."""
    connection = await asyncpg.connect(scene.database_url)
    try:
        query = f"SELECT count(*) FROM {peer.table} WHERE certificate_id = ANY($1)"
        while await connection.fetchval(query, ids) < len(ids):
            if not process.running:
                raise StackError(f"{peer.name} ended with {process.returncode}\n{process.tail()}")
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        await connection.close()
