"""Interleavings: two workers step by step, in any order, with crashes, a pruned ledger and resends in between.

What a worker has looked up may be old when it writes: another one has committed meanwhile, or the ledger was pruned.
After each step the tables are what the reference model makes of all that was committed.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from consumer.apply.apply import look_up, write
from consumer.apply.fold import fold
from consumer.common.errors import Verdict, database_verdict
from consumer.postgres.database import statement
from schemas.events import Changes, Event, Known
from tests.histories import arrivals, happenings
from tests.laboratory import Laboratory, comparable, decoded
from tests.reference import Delivery, reference
from tests.reference_books import reference_with_books

if TYPE_CHECKING:
    import asyncpg
    from asyncpg.pool import PoolConnectionProxy
    from asyncpg.transaction import Transaction

WORKERS = 2
# Received before the end of time, on the pages of any table.
EVERYTHING = (datetime.max.replace(tzinfo=UTC), 0, 2**32 - 1)


class Batch(NamedTuple):
    """A batch between look-up and write, in an open transaction."""

    deliveries: list[Delivery]
    events: list[Event]
    known: Known
    changes: Changes
    connection: "PoolConnectionProxy[asyncpg.Record]"
    transaction: "Transaction"


class Interleavings(RuleBasedStateMachine):
    """The machine; its laboratory is emptied at the start."""

    deliveries: Bundle[Delivery] = Bundle("deliveries")

    def __init__(self, laboratory: Laboratory) -> None:
        super().__init__()
        self.laboratory = laboratory
        self.attempts = 0
        self.committed: list[Delivery] = []
        self.in_hand: dict[int, Batch] = {}
        laboratory.run(laboratory.empty())

    def _delivery(self, body: dict[str, Any], received_at: Any) -> Delivery:
        self.attempts += 1
        return Delivery({**body, "attemptId": f"attempt-{self.attempts}"}, received_at)

    @rule(target=deliveries, happening=happenings, letter=st.sampled_from("eEé"), received_at=arrivals)
    def happen(self, happening: dict[str, Any], letter: str, received_at: Any) -> Delivery:
        return self._delivery({"id": f"{letter}{self.attempts}", **happening}, received_at)

    @rule(target=deliveries, delivery=deliveries, received_at=arrivals)
    def resend(self, delivery: Delivery, received_at: Any) -> Delivery:
        return self._delivery(delivery.body, received_at)

    @rule(target=deliveries, delivery=deliveries)
    def mirror(self, delivery: Delivery) -> Delivery:
        """Send the same ids in the other mode."""
        return delivery._replace(body={**delivery.body, "livemode": not delivery.body["livemode"]})

    @rule(worker=st.integers(1, WORKERS), batch=st.lists(deliveries, min_size=1, max_size=4))
    def look(self, worker: int, batch: list[Delivery]) -> None:
        """Begin a batch; what the worker had in hand comes again another time, or never."""
        self._abandon(worker)
        self.in_hand[worker] = self.laboratory.run(self._look(batch))

    async def _look(self, deliveries: list[Delivery]) -> Batch:
        connection = await self.laboratory.connections.acquire()
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(statement("books/enter"))
        events = decoded(deliveries)
        known = await look_up(connection, events)
        return Batch(deliveries, events, known, fold(events, known), connection, transaction)

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        """Write and commit; a batch that lost a race is applied anew, as the worker does."""
        worker = data.draw(st.sampled_from(sorted(self.in_hand)))
        batch = self.in_hand[worker]
        if self.laboratory.run(self._write(batch)):
            self.laboratory.run(batch.transaction.commit())
            self.laboratory.run(self._release(self.in_hand.pop(worker)))
        else:
            self._abandon(worker)
            self.laboratory.run(self.laboratory.persist(batch.events))
        self.committed += batch.deliveries

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        """Die with everything written and nothing committed."""
        worker = data.draw(st.sampled_from(sorted(self.in_hand)))
        self.laboratory.run(self._write(self.in_hand[worker]))
        self._abandon(worker)

    async def _write(self, batch: Batch) -> bool:
        """Write; tell whether it went well, and not into a race."""
        try:
            await write(batch.connection, batch.events, batch.changes, batch.known)
        except Exception as race:
            if database_verdict(race) is not Verdict.TRANSIENT:
                raise
            return False
        return True

    def _abandon(self, worker: int) -> None:
        if batch := self.in_hand.pop(worker, None):
            self.laboratory.run(batch.transaction.rollback())
            self.laboratory.run(self._release(batch))

    async def _release(self, batch: Batch) -> None:
        await self.laboratory.connections.release(batch.connection)

    @rule()
    def prune(self) -> None:
        """Take everything out of the ledger that may go."""
        self.laboratory.run(self.laboratory.connections.execute(statement("prune"), *EVERYTHING))

    @invariant()
    def tables_are_what_the_reference_says(self) -> None:
        if not self.in_hand:
            assert self.laboratory.run(self.laboratory.read()) == reference_with_books(self.committed)
            return
        # What is known later is booked again when those in hand have ended: until then a currency may be the old one.
        found, expected = self.laboratory.run(comparable(self.laboratory.connections)), reference(self.committed)
        for row in (*found["certificate"], *expected["certificate"]):
            del row["currency"]
        assert found == expected

    def teardown(self) -> None:
        for worker in range(1, WORKERS + 1):
            self._abandon(worker)


def interleave(laboratory: Laboratory, examples: settings, number: int | None = None) -> None:
    """Run the machine so often; ``number`` is a seed."""

    def machine() -> Interleavings:
        return Interleavings(laboratory)

    factory: Any = machine if number is None else seed(number)(machine)
    run_state_machine_as_test(factory, settings=examples)
