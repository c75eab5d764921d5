"""`make bench-peers`."""

import argparse
import asyncio
import sys

from deploy.local.stack import Stack
from tests.bench.peers import debezium, giftledger
from tests.bench.peers.peer import Peer, python
from tests.bench.peers.rates import prepare, rate
from tests.bench.workload import Workload

PEERS = (
    Peer("giftledger", giftledger.start, giftledger.prepare, "giftcert.certificate"),
    Peer("debezium", debezium.start, reads_rows=True),
    Peer("faststream-batch", python("tests.bench.peers.faststream", "batch")),
    Peer("quix", python("tests.bench.peers.quix")),
    Peer("faststream-one", python("tests.bench.peers.faststream", "one"), few=True),
    Peer("faststream-one-acked", python("tests.bench.peers.faststream", "one-acked"), few=True),
)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--only", default="")
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    chosen = [p for p in PEERS if p.name in given.only.split(",")] if given.only else list(PEERS)
    with Stack(broker="apache") as stack:
        asyncio.run(run(stack, chosen, given.events, given.rounds))
    return 0


async def run(stack, chosen, events, rounds):
    import time
    t=time.time()
    rows = any(p.reads_rows for p in chosen)
    load = await prepare(stack, "many", Workload(events, events // 4), rows=rows)
    few = await prepare(stack, "few", Workload(events // 20, events // 80), rows=False)
    print("filled", time.time() - t, flush=True)
    for i in range(rounds):
        for peer in chosen:
            t=time.time()
            r = await rate(stack, peer, few if peer.few else load, f"peer-{peer.name}-{i}")
            print(peer.name, round(r), round(time.time() - t, 1), flush=True)

if __name__ == "__main__":
    sys.exit(main())
