"""How fast: events a second between two marks, so that no start-up and no warm-up counts."""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from deploy.local.processes import Process, StackError
from deploy.local.stack import Stack
from tests.bench.peers import topics
from tests.bench.peers.peer import Peer, Scene, connect
from tests.bench.workload import Workload

LOOK_SECONDS = 0.05
LONGEST_SECONDS = 240
VISIBLE = "SELECT count(*) FROM certificate WHERE certificate_id = ANY($1)"
# Those that are slow get one event of so many.
FEW = 20


@dataclass(frozen=True)
class Load:
    """Topics that are filled: a warm-up of a tenth, marks, the events that count, marks."""

    prefix: str
    events: int
    warm: list[str]
    done: list[str]


async def rates(stack: Stack, peers: Sequence[Peer], workload: Workload, rounds: int) -> dict[str, list[float]]:
    """Measure peers, one at a time, in alternating rounds; events a second."""
    measured: dict[str, list[float]] = {peer.name: [] for peer in peers}
    rows = any(peer.reads_rows for peer in peers)
    fewer = Workload(len(workload) // FEW, workload.certificates // FEW)
    loads = {few: await _fill(stack, fewer if few else workload, rows=rows) for few in {peer.few for peer in peers}}
    for number in range(rounds):
        for peer in peers:
            rate = await _rate(stack, peer, loads[peer.few], f"{peer.name}-{number}")
            sys.stderr.write(f"{peer.title}: {rate:,.0f} events/s\n")
            measured[peer.name].append(rate)
    return measured


async def _fill(stack: Stack, workload: Workload, *, rows: bool) -> Load:
    prefix = f"events-{len(workload)}"
    settings = Scene(stack, prefix, prefix).settings
    await topics.create(settings, rows=rows)
    warming = Workload(workload.events // 10, workload.certificates // 10, workload.seed + 1)
    await topics.fill_all(settings, warming, rows=rows)
    warm = await topics.mark(settings, "warm", rows=rows)
    await topics.fill_all(settings, workload, rows=rows)
    done = await topics.mark(settings, "done", rows=rows)
    return Load(prefix, len(workload), warm, done)


async def _rate(stack: Stack, peer: Peer, load: Load, name: str) -> float:
    """Give a peer a database of its own and let it apply the load."""
    scene = Scene(stack, name, load.prefix)
    stack.postgres.create_database(name)
    peer.prepare(scene)
    stack.postgres.execute("CHECKPOINT")  # so that each pays for its own pages only
    process = peer.start(scene)
    try:
        seconds = await _seconds(scene, peer, process, load)
    finally:
        process.terminate()
    stack.postgres.drop_database(name)
    return load.events / seconds


async def _seconds(scene: Scene, peer: Peer, process: Process, load: Load) -> float:
    connection = await connect(scene)

    async def visible(ids: list[str]) -> float:
        while await connection.fetchval(VISIBLE, ids) < len(ids):
            if not process.running:
                raise StackError(f"{peer.name} ended with {process.returncode}\n{process.tail()}")
            await asyncio.sleep(LOOK_SECONDS)
        return time.perf_counter()

    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            began = await visible(load.warm)
            return await visible(load.done) - began
    except TimeoutError:
        raise TimeoutError(f"{peer.name} is not done after {LONGEST_SECONDS} s\n{process.tail()}") from None
    finally:
        await connection.close()
