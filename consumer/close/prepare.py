"""Prepare and cut: somebody answers for the month, and the books are cut at it.

Cutting is short: under the closing lock, exclusively, only positions are noted. All else is derived from them.
"""

import json
from collections.abc import Sequence

import asyncpg
from msgspec import Struct

from consumer.close import store
from consumer.close.coverage import read_coverage
from consumer.close.findings import (
    Finding,
    Topics,
    accept,
    blockers,
    not_accepted,
    open_tasks,
    out_of_turn,
    refuse_needless,
    warnings,
)
from consumer.close.month import Period
from consumer.close.store import Accepted, Covered
from consumer.common.errors import Fatal
from consumer.common.names import require_name
from consumer.common.settings import Settings
from consumer.postgres.database import Connection, statement


class Outlook(Struct, frozen=True):
    """What stands against a close, and what was accepted."""

    period: Period
    blockers: list[Finding]
    warnings: list[Finding]
    accepted: list[Accepted]
    coverage: Sequence[Covered] = ()

    @property
    def is_clear(self) -> bool:
        return not self.blockers and not not_accepted(self.warnings, self.accepted)


async def look_at(
    connection: Connection,
    settings: Settings,
    period: Period,
    topics: Topics,
    *,
    rules: Sequence[str] = (),
    because: Sequence[str] = (),
    verified: Sequence[Finding] = (),
) -> Outlook:
    """Look at what stands against a close. Raises Fatal.

    ``verified`` is what comparing the books with the facts has found.
    """
    blocked = [*verified, *await blockers(connection, period, topics)]
    coverage = await read_coverage(connection, period)
    found = await warnings(connection, settings, period, topics, coverage)
    return Outlook(period, blocked, found, accept(found, rules, because), coverage)


async def prepare(connection: Connection, outlooks: Sequence[Outlook], *, by: str, rules: Sequence[str] = ()) -> None:
    """Note who prepared those months against which nothing stands. Raises Fatal where a rule accepts nothing."""
    named = require_name(by)
    refuse_needless((warning for outlook in outlooks for warning in outlook.warnings), rules)
    for outlook in outlooks:
        if outlook.is_clear:
            kept = (json.dumps(rows, ensure_ascii=False) for rows in (outlook.accepted, outlook.coverage))
            await connection.execute(statement("close/prepare"), *outlook.period, named, *kept)


async def cut(
    connection: Connection, settings: Settings, period: Period, topics: Topics, *, by: str, wait_seconds: float
) -> Outlook:
    """Close a month: note where the books stand, and book what comes later into the next. Raises Fatal."""
    named = require_name(by)
    prepared = await store.prepared(connection, period)
    found = await warnings(connection, settings, period, topics, prepared.coverage) if prepared else []
    blocked = await blockers(connection, period, topics)
    outlook = Outlook(period, blocked, found, list(prepared.accepted) if prepared else [])
    if outlook.blockers:
        return outlook
    if prepared is None:
        raise Fatal(f"{period} is not prepared: `giftledger close prepare {period.month:%Y-%m}` looks at it first.")
    if not outlook.is_clear:
        return outlook
    changed = await _cut(connection, period, prepared.id, named, wait_seconds)
    return Outlook(period, changed, found, outlook.accepted)


async def _cut(connection: Connection, period: Period, prepared: int, by: str, wait_seconds: float) -> list[Finding]:
    """Cut under the closing lock; what cannot wait for long is looked at once more. Raises Fatal."""
    async with connection.transaction():
        # Appliers that come after us wait for us: for as long as we wait, they do.
        await connection.execute(f"SET LOCAL lock_timeout = '{int(wait_seconds * 1000)}ms'")
        try:
            await connection.execute(statement("close/lock"))
        except asyncpg.LockNotAvailableError:
            raise Fatal(
                f"Workers have been booking for {wait_seconds:g} s without a pause. Nothing was closed; try again, or "
                "wait longer (--wait)."
            ) from None
        changed = [*await out_of_turn(connection, period), *await open_tasks(connection)]
        if not changed:
            await connection.fetchval(statement("close/cut"), *period, prepared, by)
        return changed
