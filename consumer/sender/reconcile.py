"""Reconcile: asks the sender what our certificates and definitions are by its own books, and says where they differ.

One process at a time walks; a second one waits, and then finds that nothing is due. How far it has come stands in the
database, so that it may end, or be killed, at any moment.
"""

import asyncio
from datetime import datetime, timedelta

import structlog
from msgspec import Struct, field

from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from consumer.postgres.database import Connection, connect, statement
from consumer.postgres.requirements import unmet_schema
from consumer.sender.client import NoAnswer, SenderApi, sender_api
from consumer.sender.undelivered import watch_undelivered
from consumer.sender.verdicts import Verdict
from consumer.sender.walk import CERTIFICATES, DEFINITIONS, Due, Walker

log = structlog.get_logger()

# Customers that are looked up at once: one reading of the table of certificates.
BATCH = 500
# So many lists in a row that cannot be had are no affair of the list's.
MOST_FAILURES = 5
# How long a process that goes on for ever rests when nothing is due, and when the sender does not answer.
REST_SECONDS, SHORTEST_REST, TROUBLE_SECONDS = 60.0, 5.0, 300.0
# Who is paid with all the time is in flight all the time: a single run asks for them again for so many windows.
MOST_WINDOWS = 3


class Wanted(Struct, frozen=True, kw_only=True):
    """What a run is asked for.

    ``customers``: only these; ``most``: at most so many lists; ``everyone``: also customers who hold nothing; ``once``:
    end when nothing is due, instead of never.
    """

    livemode: bool = True
    customers: tuple[str, ...] = ()
    most: int | None = None
    max_age: timedelta = timedelta(days=7)
    everyone: bool = False
    once: bool = True


class Summary(Struct):
    """What came of a run: lists, requests, failures; of a run that ends, the newest verdict of each item."""

    lists: int = 0
    requests: int = 0
    failures: int = 0
    newest: dict[tuple[str, str], Verdict] = field(default_factory=dict)


async def reconcile(settings: Settings, wanted: Wanted) -> Summary:
    """Walk until nothing is due, or for ever; may be cancelled at any time. Raises Fatal where nobody can be asked."""
    connection = await connect(settings)
    try:
        if missing := await unmet_schema(connection):
            raise Fatal(f"Postgres: {missing}")
        async with sender_api(settings, connection) as api:
            await _take_the_walk(connection)
            run = await connection.fetchval(statement("sender/begin_run"), wanted.livemode, settings.sender_accounts)
            settle = timedelta(seconds=settings.reconcile_settle_seconds)
            walker = Walker(connection, api, run, livemode=wanted.livemode, settle=settle)
            return await _Run(settings, wanted, connection, api, walker).walk()
    finally:
        await connection.close()


async def _take_the_walk(connection: Connection) -> None:
    if not await connection.fetchval(statement("sender/walk_try_lock")):
        log.info("another reconcile is at work: waiting until it ends")
        await connection.execute(statement("sender/walk_lock"))


class _Run:
    def __init__(
        self,
        settings: Settings,
        wanted: Wanted,
        connection: Connection,
        api: SenderApi,
        walker: Walker,
    ) -> None:
        self._settings, self._wanted = settings, wanted
        self._connection, self._api, self._walker = connection, api, walker
        self._summary = Summary()
        self._failed_in_a_row = 0
        self._windows = 0

    async def walk(self) -> Summary:
        # Whoever was confirmed since is done; in a run without an end "since" moves on. By one clock: the database's.
        self._began: datetime = await self._connection.fetchval("SELECT clock_timestamp()")
        await self._pass()
        while not self._is_full and await self._rest():
            await self._pass()
        self._summary.requests = self._api.requests
        return self._summary

    async def _pass(self) -> None:
        """Ask for all that is due by now."""
        await watch_undelivered(self._connection, self._api)
        while due := await self._due():
            for one in due:
                if self._is_full:
                    return
                await self._look(one)

    @property
    def _is_full(self) -> bool:
        return self._wanted.most is not None and self._summary.lists >= self._wanted.most

    async def _due(self) -> list[Due]:
        """Give the next lists: those of definitions, which are few, first."""
        wanted, accounts = self._wanted, self._settings.sender_accounts
        since = self._began if wanted.once else await self._connection.fetchval("SELECT clock_timestamp()")
        confirmed = since - wanted.max_age
        definitions = (
            []
            if wanted.customers
            else await self._connection.fetch(statement("sender/due_definitions"), wanted.livemode, confirmed, accounts)
        )
        customers = await self._connection.fetch(
            statement("sender/due"),
            *(wanted.livemode, confirmed, accounts, not wanted.everyone, list(wanted.customers) or None, BATCH),
        )
        return [
            *(Due(DEFINITIONS, row["list_key"], row["known"]) for row in definitions),
            *(Due(CERTIFICATES, row["list_key"], row["known"]) for row in customers),
        ]

    async def _look(self, due: Due) -> None:
        self._summary.lists += 1
        try:
            looks = await self._walker.look_at(due)
        except NoAnswer as error:
            self._summary.failures += 1
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= MOST_FAILURES:
                await self._trouble(error)
            return
        self._failed_in_a_row = 0
        if self._wanted.once:
            self._summary.newest |= {(due.entity, look.entity_id): look.verdict for look in looks}

    async def _trouble(self, error: NoAnswer) -> None:
        """Rest while the sender does not answer; a single run ends. Raises Fatal."""
        if self._wanted.once:
            raise Fatal(
                f"The sender's API could not be asked {MOST_FAILURES} times in a row: {error}. "
                "What was compared before stands; run it again, and it goes on from there."
            )
        log.error("the sender's API cannot be asked", reason=str(error), again_in=TROUBLE_SECONDS)
        self._failed_in_a_row = 0
        await asyncio.sleep(TROUBLE_SECONDS)

    async def _rest(self) -> bool:
        """Wait for what is to be asked for again; tell whether there is anything to go on for."""
        settle = self._settings.reconcile_settle_seconds
        seconds = await self._connection.fetchval(statement("sender/next_look"), self._wanted.livemode, settle)
        if self._wanted.once:
            if seconds is None or self._windows >= MOST_WINDOWS:
                return False
            self._windows += 1
            await asyncio.sleep(max(0.0, seconds))
        else:
            # What is overdue may be nobody's to ask for any more.
            await asyncio.sleep(REST_SECONDS if seconds is None else max(SHORTEST_REST, seconds))
        return True
