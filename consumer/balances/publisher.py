"""Publisher: what has changed goes to the topics, round after round, by one process at a time.

One transaction of Kafka's is: read a page of the outbox, send the states, commit; then take out of the outbox what has
not changed again. No lock is held meanwhile, and nothing that was read outlives its transaction: a state that a
producer read before it was fenced is never sent by the next one. So the last record of a certificate is never an older
state, whatever was frozen, killed or cut off; and until it says what the table says, the outbox names the certificate.

Rounds go through the outbox by its key: what changes all the time has its turn once a round, as everything has.
"""

import asyncio
import time
from collections.abc import Sequence
from itertools import compress

from consumer.balances.lead import Lead, Superseded
from consumer.balances.limits import Limits
from consumer.balances.outbox import changed_behind, put_in, take_out
from consumer.balances.record import record_of
from consumer.books.journal import Key
from consumer.books.rebooking import FIRST
from consumer.common.bounds import pause
from consumer.common.settings import Settings
from consumer.kafka.transactions import Transactions
from consumer.postgres.database import Connection, Pool
from schemas.balances import Changed

# Certificates a transaction.
PAGE = 2000
# How long a round takes at least: what changes often is published so often, at most.
PACE_SECONDS = 0.25


class Publisher:
    """Publishes what has changed, while it leads."""

    def __init__(
        self, settings: Settings, connections: Pool, transactions: Transactions, lead: Lead, limits: Limits
    ) -> None:
        self._settings = settings
        self._connections = connections
        self._transactions = transactions
        self._lead = lead
        self._limits = limits
        # Of this round, so far.
        self._held = 0

    async def run(self, stop: asyncio.Event, seconds: float) -> None:
        """Make rounds for so long, or until ``stop`` is set.

        Raises Superseded, BatchTooLarge, and what Kafka and Postgres raise.
        """
        ends = time.monotonic() + seconds
        while not stop.is_set() and (began := time.monotonic()) < ends:
            if not await self.round(stop):
                return
            self._limits.end_round(self._held)
            await self._lead.go_on(published_for=None if self._held else time.monotonic() - began)
            await pause(PACE_SECONDS - (time.monotonic() - began), stop)

    async def round(self, stop: asyncio.Event) -> bool:
        """Publish all that has changed by now; False where it was asked to stop on the way."""
        after, self._held = FIRST, 0
        while True:
            changed = await self._page(after)
            if len(changed) < PAGE:
                return True
            if stop.is_set():
                return False
            after = changed[-1].certificate_id, changed[-1].livemode
            await self._lead.go_on()

    async def _page(self, after: Key) -> list[Changed]:
        async with self._connections.acquire() as connection:
            async with self._transactions.transaction():
                changed = await changed_behind(connection, after, PAGE)
                records = [record_of(self._settings, one) for one in changed]
                fitting = self._limits.fitting(records)
                await self._transactions.send(compress(records, fitting), self._limits.one_by_one)
            sent = list(compress(changed, fitting))
            if not self._transactions.fences:
                await self._look_back(connection, sent)
            await take_out(connection, sent)
        self._held += len(changed) - len(sent)
        return changed

    async def _look_back(self, connection: Connection, sent: Sequence[Changed]) -> None:
        """Publish once more what was sent when another one led already: it may be an older state than his.

        Only where the broker fences nobody. Who dies before he looks back leaves it there until the next change.
        """
        try:
            await self._lead.renew()
        except Superseded:
            await put_in(connection, [(one.certificate_id, one.livemode) for one in sent])
            raise
