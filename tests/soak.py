"""Soak: random traffic against the reference model until Ctrl-C, then say how much of it held.

A round has histories that go three ways (as drawn, by workers at the same time, one by one in another order), workers
whose steps interleave, and damaged bytes to decode.
"""

import asyncio
import signal
import time
from contextlib import suppress

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from consumer.apply.decode import decode
from consumer.common.settings import load
from consumer.postgres.migrate import migrate
from deploy.local.stack import Stack
from schemas.registry import Malformed, route
from tests.builders import record
from tests.damage import KINDS
from tests.histories import batches
from tests.interleavings import interleave
from tests.laboratory import Laboratory
from tests.reference import Delivery, reference

thorough = settings(
    max_examples=200,
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


class Soak:
    """Rounds of examples, and how many there were."""

    def __init__(self, laboratory: Laboratory) -> None:
        self.laboratory = laboratory
        self.inputs = 0

    def __str__(self) -> str:
        return f"{self.laboratory.histories:,} histories and {self.inputs:,} inputs"

    def round(self, number: int) -> None:
        """Try one round, with a seed of its own."""
        self.histories_converge(number)
        interleave(self.laboratory, settings(thorough, max_examples=50), number)
        self.bytes_are_read_or_malformed(number)

    def histories_converge(self, number: int) -> None:
        @seed(number)
        @thorough
        @given(whole=batches(), workers=st.integers(1, 4))
        def converge(whole: list[list[Delivery]], workers: int) -> None:
            deliveries = [delivery for batch in whole for delivery in batch]
            expected = reference(deliveries)
            shares = [whole[worker::workers] for worker in range(workers)]
            for ways in ([whole], shares, [[[delivery] for delivery in reversed(deliveries)]]):
                assert self.laboratory.run(self.laboratory.applied_by_workers(ways)) == expected

        converge()

    def bytes_are_read_or_malformed(self, number: int) -> None:
        @seed(number)
        @settings(thorough, max_examples=2000)
        @given(body=st.one_of(*KINDS.values()))
        def read(body: bytes) -> None:
            self.inputs += 1
            for reader in (route, lambda body: decode(record(body))):
                with suppress(Malformed):
                    reader(body)

        read()


def main() -> None:
    """Run rounds until Ctrl-C; the seed is printed before what it leads to."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell has it ignored
    with Stack(broker="embedded", durable=False) as stack:
        url = stack.postgres.create_database("soak")
        asyncio.run(migrate(load({"DATABASE_URL": url})))
        soak, number = Soak(Laboratory(url)), int(time.time())
        with suppress(KeyboardInterrupt):
            while True:
                print(f"seed {number}: ", end="", flush=True)  # noqa: T201
                soak.round(number)
                print(f"{soak} held", flush=True)  # noqa: T201
                number += 1
        print(f"{soak} tried, none failed")  # noqa: T201


if __name__ == "__main__":
    main()
