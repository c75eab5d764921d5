"""Open letters: which dead letters still wait for their repair, and what became of the others.

A letter is settled when the ledger knows its attempt or its event, or when a replay of it died again: then the newest
letter of that lineage stands for it. To replay the older ones as well would double the letters with each replay.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from consumer.letters.letters import Filter, Letter, dead_letters
from consumer.postgres.database import Connection, connect, statement
from consumer.postgres.requirements import unmet_schema
from schemas.registry import Malformed, route

# Letters that the ledger is asked for at once.
AT_ONCE = 1000


class Identity(NamedTuple):
    """By what the ledger would know a letter's event; None where the letter does not say."""

    attempt_id: str | None
    livemode: bool | None
    entity_id: str | None
    event_id: str | None


class Death(NamedTuple):
    """When a letter died, and the letter whose replay it was."""

    died_at: datetime
    replayed_from: str | None


async def settled_letters(settings: Settings) -> dict[str, str]:
    """Say what became of each letter that is settled: its place → ``applied``, or where its replay died again."""
    deaths: dict[str, Death] = {}
    applied: set[str] = set()
    asked: dict[str, Identity] = {}
    connection = await connect(settings)
    try:
        if missing := await unmet_schema(connection):
            raise Fatal(f"Postgres: {missing}")

        async def ask() -> None:
            applied.update(await applied_since(connection, asked))
            asked.clear()

        async for letter in dead_letters(settings, Filter()):
            deaths[letter.place] = Death(letter.died_at, letter.replayed_from)
            asked[letter.place] = identity(letter)
            if len(asked) == AT_ONCE:
                await ask()
        await ask()
    finally:
        await connection.close()
    return died_again(deaths) | dict.fromkeys(applied, "applied")


async def applied_since(connection: Connection, letters: Mapping[str, Identity]) -> set[str]:
    """Give the places of the letters that the ledger knows."""
    places = list(letters)
    rows = await connection.fetch(statement("dead_letters/applied"), *_columns(list(letters.values())))
    return {places[row["number"] - 1] for row in rows}


def identity(letter: Letter) -> Identity:
    """Read whose letter it is as a worker would: where headers and body differ, the body wins."""
    try:
        routed = route(letter.record.value or b"")
    except Malformed:
        livemode = {"true": True, "false": False}.get(letter.headers.get("livemode", ""))
        attempt_id = _storable(letter.headers.get("attempt-id"))
        return Identity(attempt_id, livemode, None, None)
    envelope = routed.envelope
    return Identity(envelope.attempt_id, envelope.livemode, routed.key, envelope.id)


def _storable(text: str | None) -> str | None:
    """Give a header's text, unless no text of Postgres can be the same."""
    return None if text is None or "\0" in text else text


def _columns(identities: Sequence[Identity]) -> tuple[list[object], ...]:
    return tuple([one[column] for one in identities] for column in range(len(Identity._fields)))


def died_again(deaths: Mapping[str, Death]) -> dict[str, str]:
    """Say of all letters but the newest of each lineage where it died again."""
    lineages: dict[str, list[tuple[int, datetime, str]]] = {}
    for place, death in deaths.items():
        root, generation = _ancestor(deaths, place)
        lineages.setdefault(root, []).append((generation, death.died_at, place))
    found: dict[str, str] = {}
    for members in lineages.values():
        *_, newest = max(members)
        found |= {place: f"died again: {newest}" for *_, place in members if place != newest}
    return found


def _ancestor(deaths: Mapping[str, Death], place: str) -> tuple[str, int]:
    """Follow the replays back to the first letter, which retention may have taken, and count them."""
    seen = {place}
    while (death := deaths.get(place)) and death.replayed_from and death.replayed_from not in seen:
        place = death.replayed_from
        seen.add(place)
    return place, len(seen)
