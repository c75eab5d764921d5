"""Walk: asks the sender for one list after another, and writes what comes of each in one transaction.

Whoever is killed has asked for one list in vain; the next run goes on with those that are still due. Nothing here
writes a balance: the tables are reconcile's own.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

import structlog

from consumer.postgres.conflicts import until_undisturbed
from consumer.postgres.database import Connection, statement
from consumer.sender.answers import Item, Page, read_one, read_page
from consumer.sender.client import NoAnswer, NotThere, SenderApi, is_plain
from consumer.sender.listing import Listing, read_listing
from consumer.sender.verdicts import DIFFERENCES, Before, Look, Ours, Verdict, compare

log = structlog.get_logger()

CERTIFICATES, DEFINITIONS = "certificate", "definition"
# Where a list is, and by what name it is asked for.
_PATHS = {
    CERTIFICATES: ("operations/gift-certificates", "customer"),
    DEFINITIONS: ("inventory/gift-certificate-definitions", "providerId"),
}
# A list that differs is looked at every day, whatever the age that is allowed.
AGAIN_SECONDS = 86_400.0


class Due(NamedTuple):
    """A list to ask for: its key (customer number or account id), and what we know to be in it."""

    entity: str
    key: str
    known: list[str]


class Walker:
    """Looks at lists, for one run. ``settle``: how long a webhook may take."""

    def __init__(
        self, connection: Connection, api: SenderApi, run_id: int, *, livemode: bool, settle: timedelta
    ) -> None:
        self._connection = connection
        self._api = api
        self._run_id = run_id
        self._livemode = livemode
        self._settle = settle

    async def look_at(self, due: Due) -> list[Look]:
        """Ask for a list, compare, and write it down. Raises NoAnswer, which is written down, too."""
        try:
            listing = await self._list(due)
        except NoAnswer as error:
            log.warning("a list was not had", entity=due.entity, reason=str(error))
            await self._connection.execute(
                statement("sender/failed"), due.entity, self._livemode, due.key, str(error)[:500]
            )
            await self._count(lists=0, items=0, failures=1)
            raise
        looks = await self._compared(due, listing)
        await self._write(due, looks)
        return looks

    async def _list(self, due: Due) -> Listing:
        path, name = _PATHS[due.entity]

        async def page(number: int) -> Page:
            # Always with a page: without one the sender does not say that there are more.
            return await self._api.get(path, read_page, **{name: due.key, "page": str(number)})

        listing = await read_listing(page)
        if due.entity == DEFINITIONS:
            listing = Listing({**listing.items, **await self._singly(due, listing)}, listing.is_whole)
        return listing

    async def _singly(self, due: Due, listing: Listing) -> Mapping[str, Item]:
        """Ask for each definition that is on sale here and not in the list: only a 404 says that it is gone."""
        ours = await self._ours(due, [])
        missing = [entity_id for entity_id, one in ours.items() if one.amount and entity_id not in listing.items]
        found = {}
        for entity_id in filter(is_plain, missing):
            try:
                found[entity_id] = await self._api.get(f"{_PATHS[due.entity][0]}/{entity_id}", read_one)
            except NotThere:
                continue
        return found

    async def _compared(self, due: Due, listing: Listing) -> list[Look]:
        ids = list({*due.known, *listing.items})
        before = await self._before(due, ids)
        # A customer may have become another one: what the sender lists under another number is not missing here.
        elsewhere = {
            entity_id
            for entity_id, look in before.items()
            if entity_id not in listing.items and look.list_key != due.key and look.there is not None
        }
        # Ours is read after theirs: what was read first may only be the older.
        ours = await self._ours(due, list({*ids, *before}))
        return compare(
            {entity_id: one for entity_id, one in ours.items() if entity_id not in elsewhere},
            listing.items,
            {entity_id: look for entity_id, look in before.items() if entity_id not in elsewhere},
            now=await self._connection.fetchval("SELECT clock_timestamp()"),
            settle=self._settle,
            is_whole=listing.is_whole,
        )

    async def _before(self, due: Due, ids: list[str]) -> dict[str, Before]:
        rows = await self._connection.fetch(statement("sender/before"), self._livemode, due.entity, ids, due.key)
        return {row[0]: Before(*row[1:]) for row in rows}

    async def _ours(self, due: Due, ids: list[str]) -> dict[str, Ours]:
        if due.entity == CERTIFICATES:
            rows = await self._connection.fetch(statement("sender/our_certificates"), self._livemode, ids)
        else:
            rows = await self._connection.fetch(statement("sender/our_definitions"), self._livemode, due.key, ids)
        return {row[0]: Ours(*row[1:]) for row in rows}

    async def _write(self, due: Due, looks: list[Look]) -> None:
        columns = [list(column) for column in zip(*looks, strict=True)] or [[] for _ in Look._fields]
        again = again_after(looks, self._settle)

        async def once() -> None:
            async with self._connection.transaction():
                await self._connection.execute(
                    statement("sender/write_items"), self._livemode, due.entity, self._run_id, due.key, *columns
                )
                await self._connection.execute(statement("sender/asked"), due.entity, self._livemode, due.key, again)
                await self._count(lists=1, items=len(looks), failures=0)

        await until_undisturbed(once)

    async def _count(self, *, lists: int, items: int, failures: int) -> None:
        await self._connection.execute(statement("sender/count_run"), self._run_id, lists, items, failures)


def again_after(looks: list[Look], settle: timedelta) -> float | None:
    """Say after how many seconds a list is to be asked for again; None where its turn will come."""
    verdicts = {look.verdict for look in looks}
    if Verdict.IN_FLIGHT in verdicts:
        return settle.total_seconds()
    return AGAIN_SECONDS if verdicts & DIFFERENCES else None
