"""Triage: what `giftledger dead-letters` prints."""

from collections import Counter
from collections.abc import Set as AbstractSet

from rich.console import Console
from rich.table import Table

from consumer.common.errors import Fatal
from consumer.common.progress import progress
from consumer.common.settings import Settings
from consumer.operate.replay import replay
from consumer.worker.letters import Filter, Letter, dead_letters
from consumer.worker.open_letters import settled_letters
from schemas.registry import FAMILIES


async def show_list(settings: Settings, wanted: Filter, *, only_open: bool) -> None:
    """Print the letters that match, whether each is open, and their number by topic and reason. Raises Fatal."""
    _refuse_other_topics(settings, wanted)
    settled = await settled_letters(settings)
    letters = Table("place", "died at (UTC)", "state", "topic", "event", "reason", box=None, header_style="bold")
    matching, still_open = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    async for letter in dead_letters(settings, wanted):
        state = settled.get(letter.place, "open")
        if only_open and state != "open":
            continue
        died_at = f"{letter.died_at:%Y-%m-%d %H:%M:%S}"
        letters.add_row(letter.place, died_at, state, letter.topic, letter.headers.get("event", ""), letter.reason)
        kind = (letter.topic, letter.kind_of_reason)
        matching[kind] += 1
        still_open[kind] += state == "open"
    counts = Table("letters", "open", "topic", "reason", box=None, header_style="bold")
    for (topic, reason), count in matching.most_common():
        counts.add_row(str(count), str(still_open[topic, reason]), topic, reason)
    # Rows are lines, and nothing is cut to make them fit: a terminal that is narrower wraps them.
    console = Console(markup=False, width=240, soft_wrap=True)
    if matching:
        console.print(letters)
        console.print()
        console.print(counts)
    console.print(f"{_dead_letters(matching.total())}, {still_open.total()} open")


async def show_one(settings: Settings, place: str) -> None:
    """Print a letter whole. Raises Fatal when there is none at that place."""
    letters = [letter async for letter in dead_letters(settings, Filter(places=frozenset({place})))]
    _require({place}, {letter.place for letter in letters})
    _print(letters[0])


def _print(letter: Letter) -> None:
    # A line is as long as it is: it may be copied.
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"{letter.place} of {letter.topic}, died at {letter.died_at:%Y-%m-%d %H:%M:%S} UTC")
    console.print(f"reason: {letter.reason}\n")
    for name, value in letter.headers.items():
        console.print(f"{name}: {value}")
    body = letter.record.value
    console.print("\n(no value)" if body is None else f"\n{body.decode(errors='backslashreplace')}")


async def replay_open(settings: Settings, wanted: Filter, *, dry_run: bool) -> None:
    """Replay the letters that match and are open, in their order, and say how many.

    Raises Fatal when a named one is not there.
    """
    _refuse_other_topics(settings, wanted)
    settled = await settled_letters(settings)
    matching: dict[str, str] = {}
    async for letter in dead_letters(settings, wanted):
        matching[letter.place] = f"{letter.topic}: {letter.reason}"
    _require(wanted.places, matching.keys())
    chosen = [place for place in matching if place not in settled]
    for place in sorted(wanted.places & settled.keys()):
        print(f"{place} is settled ({settled[place]})")  # noqa: T201 - the command's output, as all below
    if dry_run:
        for place in chosen:
            print(f"{place} → {matching[place]}")  # noqa: T201
    else:
        with progress("replaying", len(chosen)) as advance:
            await replay(settings, chosen, advance)
    passed_over = len(matching) - len(chosen)
    print(  # noqa: T201
        f"{_dead_letters(len(chosen))} {'would be ' if dry_run else ''}replayed"
        + (f", {passed_over} passed over as settled" if passed_over else "")
    )


def _refuse_other_topics(settings: Settings, wanted: Filter) -> None:
    """Refuse a topic that no letter can come from: that none was found would read as if all were well."""
    topics = sorted(settings.topic(family.topic) for family in FAMILIES)
    if wanted.topic is not None and wanted.topic not in topics:
        raise Fatal(f"No dead letter comes from {wanted.topic}: --topic is one of {', '.join(topics)}.")


def _require(places: AbstractSet[str], found: AbstractSet[str]) -> None:
    """Make sure that the letters that are named by their places are there."""
    if missing := places - found:
        raise Fatal(f"No dead letter at {', '.join(sorted(missing))}. `giftledger dead-letters list` shows the places.")


def _dead_letters(count: int) -> str:
    return f"{count} dead letter{'s' * (count != 1)}"
