"""Soak: random traffic against the reference model until Ctrl-C, then say how many examples held.

Each example goes three ways: as drawn, by workers at the same time, and one by one in another order.
"""

import asyncio
import time

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from consumer.migrate import migrate
from consumer.settings import load
from deploy.local.stack import Stack
from tests.histories import batches
from tests.laboratory import Laboratory
from tests.reference import Delivery, reference

ROUND = 200


def main() -> None:
    """Run rounds of examples, each with a seed of its own, which is printed."""
    with Stack(broker="embedded", durable=False) as stack:
        url = stack.postgres.create_database("soak")
        asyncio.run(migrate(load({"DATABASE_URL": url})))
        laboratory = Laboratory(url)
        tried, number = 0, int(time.time())
        try:
            while True:
                check(laboratory, number)
                tried += ROUND
                print(f"seed {number}: {tried:,} examples held", flush=True)  # noqa: T201
                number += 1
        except KeyboardInterrupt:
            print(f"{tried:,} examples held, none failed")  # noqa: T201


def check(laboratory: Laboratory, number: int) -> None:
    """Try one round of examples."""

    @seed(number)
    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(whole=batches(), workers=st.integers(1, 4))
    def converges(whole: list[list[Delivery]], workers: int) -> None:
        deliveries = [delivery for batch in whole for delivery in batch]
        shares = [whole[worker::workers] for worker in range(workers)]
        one_by_one = [[delivery] for delivery in reversed(deliveries)]

        expected = reference(deliveries)
        assert laboratory.run(laboratory.applied_by_workers([whole])) == expected
        assert laboratory.run(laboratory.applied_by_workers(shares)) == expected
        assert laboratory.run(laboratory.applied_by_workers([one_by_one])) == expected

    converges()


if __name__ == "__main__":
    main()
