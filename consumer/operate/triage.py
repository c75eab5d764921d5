"""Triage: what `giftledger dead-letters` prints."""

from collections import Counter
from collections.abc import Set as AbstractSet

from consumer.common.errors import Fatal
from consumer.common.progress import progress
from consumer.common.saying import escaped, say
from consumer.common.settings import Settings
from consumer.common.tables import say_rows
from consumer.letters.letters import Filter, Letter, dead_letters
from consumer.letters.open_letters import settled_letters
from consumer.operate.replay import replay
from schemas.registry import FAMILIES


async def show_list(settings: Settings, wanted: Filter, *, only_open: bool) -> None:
    """Print the letters that match, whether each is open, and their number by topic and reason. Raises Fatal."""
    _refuse_other_topics(settings, wanted)
    settled = await settled_letters(settings)
    letters: list[tuple[str, ...]] = []
    matching, still_open = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    async for letter in dead_letters(settings, wanted):
        state = settled.get(letter.place, "open")
        if only_open and state != "open":
            continue
        died_at = f"{letter.died_at:%Y-%m-%d %H:%M:%S}"
        letters.append((letter.place, died_at, state, letter.topic, letter.headers.get("event", ""), letter.reason))
        kind = (letter.topic, letter.kind_of_reason)
        matching[kind] += 1
        still_open[kind] += state == "open"
    if matching:
        say_rows(("place", "died at (UTC)", "state", "topic", "event", "reason"), letters)
        say("")
        counts = ((count, still_open[kind], *kind) for kind, count in matching.most_common())
        say_rows(("letters", "open", "topic", "reason"), counts)
    say(f"{_dead_letters(matching.total())}, {still_open.total()} open")


async def show_one(settings: Settings, place: str) -> None:
    """Print a letter whole. Raises Fatal when there is none at that place."""
    letters = [letter async for letter in dead_letters(settings, Filter(places=frozenset({place})))]
    _require({place}, {letter.place for letter in letters})
    _say_whole(letters[0])


def _say_whole(letter: Letter) -> None:
    say(f"{letter.place} of {letter.topic}, died at {letter.died_at:%Y-%m-%d %H:%M:%S} UTC")
    say(f"reason: {letter.reason}")
    say("")
    for name, value in letter.headers.items():
        say(f"{name}: {value}")
    say("")
    body = letter.record.value
    for line in ["(no value)"] if body is None else escaped(body.decode(errors="backslashreplace")).split("\n"):
        say(line)


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
        say(f"{place} is settled ({settled[place]})")
    if dry_run:
        for place in chosen:
            say(f"{place} → {matching[place]}")
    else:
        with progress("replaying", len(chosen)) as advance:
            await replay(settings, chosen, advance)
    passed_over = len(matching) - len(chosen)
    say(
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
