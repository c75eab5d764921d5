"""What becomes of duplicates, late events, poison and a crash of Postgres: for each case one answer in words."""

import asyncio

from deploy.local.postgres import Postgres
from deploy.local.stack import Stack
from tests.bench.peers.peer import Peer
from tests.bench.peers.topics import as_published, published
from tests.bench.peers.trial import Trial, at_work
from tests.bench.workload import Workload
from tests.builders import bought, paid_with

# How long something at work may take for a handful of records.
POLL_GRACE_SECONDS = 15
OUTAGE_SECONDS = 10
# How long it may take to come back, a JVM's start and a rebalance included.
RECOVERY_SECONDS = 40

POISONS = {
    "not JSON": as_published(b'{"id": "event", "data": {'),
    "balance beyond bigint": published(bought(2**63, _id="poison")),
    "NUL in a text": published(bought(_id="poison", status="pa\0id")),
}


async def answers(stack: Stack, peer: Peer) -> dict[str, str]:
    found = await order(stack, peer)
    became = await asyncio.gather(*(poisoned(stack, peer, name) for name in POISONS))
    found |= {f"poison: {name}": answer for name, answer in zip(POISONS, became, strict=True)}
    found[f"Postgres killed under load, back after {OUTAGE_SECONDS} s"] = await crash(stack, peer)
    return found


async def order(stack: Stack, peer: Peer) -> dict[str, str]:
    """Deliver an attempt twice, at once and after a newer event; deliver an older event after a newer one."""
    twice, again = bought(50, _id="twice"), bought(50, _id="again")
    newer, late = paid_with(30, _id="late", updated=20), bought(50, _id="late")
    bodies = [twice, twice, again, paid_with(40, _id="again", updated=10), again, newer, late, bought(_id="last")]
    async with at_work(stack, peer, "order") as trial:
        await trial.publish(map(published, bodies))
        await trial.sees(["last"], POLL_GRACE_SECONDS)
        balances = await trial.balances(["twice", "again", "late"])
    return {
        "the same attempt twice": _kept(balances.get("twice"), 50),
        "an attempt again, after a newer event": _kept(balances.get("again"), 40),
        "an older event after a newer one": _kept(balances.get("late"), 30),
    }


def _kept(balance: int | None, right: int) -> str:
    return "right" if balance == right else f"wrong: {balance} for {right}"


async def poisoned(stack: Stack, peer: Peer, poison: str) -> str:
    """Put poison between two good records."""
    async with at_work(stack, peer, poison.replace(" ", "-")) as trial:
        await trial.publish([published(bought(_id="before")), POISONS[poison], published(bought(_id="after"))])
        if await trial.sees(["before", "after"], POLL_GRACE_SECONDS):
            return await _what_became_of_it(trial)
        state = trial.state
        trial.restart()
        if await trial.sees(["before", "after"], RECOVERY_SECONDS):
            return f"{state}; goes on after a restart"
        applied = await trial.balances(["before", "after"])
        return f"{state}, also after a restart; neighbours applied: {', '.join(applied) or 'none'}"


async def _what_became_of_it(trial: Trial) -> str:
    if written := await trial.balances(["poison"]):
        return f"neighbours applied; itself written, balance {written['poison']}"
    kept = await trial.dead_letters()
    return f"neighbours applied; itself {'a dead letter' if kept else 'lost'}"


async def crash(stack: Stack, peer: Peer) -> str:
    """Kill Postgres in the middle of a load, and bring it back."""
    events = 3_000 if peer.few else 30_000
    if not isinstance(stack.postgres, Postgres):
        raise TypeError("Postgres is not ours to kill")
    async with at_work(stack, peer, "crash", Workload(events, events)) as trial:
        stack.postgres.kill()
        await asyncio.sleep(OUTAGE_SECONDS)  # the outage
        stack.postgres.start()
        marks = await trial.mark("back")
        back = "back by itself"
        if not await trial.sees(marks, RECOVERY_SECONDS):
            back = trial.state
            trial.restart()
            works = await trial.sees(marks, RECOVERY_SECONDS)
            back += ", goes on after a restart" if works else ", also after a restart"
        # A twentieth of the records are duplicates, the others are of a certificate each.
        missing = 1 + events - events // 20 + len(marks) - await trial.count()
        return f"{back}; {f'{missing:,} of {events:,} missing' if missing else 'nothing lost'}"
