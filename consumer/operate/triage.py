"""Triage: what `giftledger dead-letters` prints."""

import sys
from collections import Counter

from rich.console import Console
from rich.table import Table

from consumer.common.errors import Fatal
from consumer.common.progress import progress
from consumer.common.settings import Settings
from consumer.operate.replay import Filter, Letter, dead_letters, replay


async def show_list(settings: Settings, wanted: Filter) -> None:
    """Print the letters that match and their number by topic and reason."""
    letters = Table("place", "died at (UTC)", "topic", "event", "reason", box=None, header_style="bold")
    reasons: Counter[tuple[str, str]] = Counter()
    async for letter in dead_letters(settings, wanted):
        event = letter.headers.get("event", "")
        letters.add_row(letter.place, f"{letter.died_at:%Y-%m-%d %H:%M:%S}", letter.topic, event, letter.reason)
        reasons[letter.topic, letter.kind_of_reason] += 1
    counts = Table("letters", "topic", "reason", box=None, header_style="bold")
    for (topic, reason), count in reasons.most_common():
        counts.add_row(str(count), topic, reason)
    # Rows are lines, also where no terminal says how wide it is.
    console = Console(markup=False, width=None if sys.stdout.isatty() else 240)
    if reasons:
        console.print(letters)
        console.print()
        console.print(counts)
    console.print(_dead_letters(reasons.total()))


async def show_one(settings: Settings, place: str) -> None:
    """Print a letter whole. Raises Fatal when there is none at that place."""
    (letter,) = await _chosen(settings, Filter(places=frozenset({place})))
    _print(letter)


def _print(letter: Letter) -> None:
    # A line is as long as it is: it may be copied.
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"{letter.place} of {letter.topic}, died at {letter.died_at:%Y-%m-%d %H:%M:%S} UTC")
    console.print(f"reason: {letter.reason}\n")
    for name, value in letter.headers.items():
        console.print(f"{name}: {value}")
    body = letter.record.value
    console.print("\n(no value)" if body is None else f"\n{body.decode(errors='backslashreplace')}")


async def replay_chosen(settings: Settings, wanted: Filter, *, dry_run: bool) -> None:
    """Replay the letters that match, in their order, and say how many. Raises Fatal when a named one is not there."""
    chosen = await _chosen(settings, wanted)
    if dry_run:
        for letter in chosen:
            print(f"{letter.place} → {letter.topic}: {letter.reason}")  # noqa: T201 - the command's output
    else:
        with progress("replaying", len(chosen)) as advance:
            await replay(settings, chosen, advance)
    print(f"{_dead_letters(len(chosen))} {'would be ' if dry_run else ''}replayed")  # noqa: T201


async def _chosen(settings: Settings, wanted: Filter) -> list[Letter]:
    """Read the letters that match, and make sure that those named by their places are there."""
    letters = [letter async for letter in dead_letters(settings, wanted)]
    if missing := wanted.places - {letter.place for letter in letters}:
        places = ", ".join(sorted(missing))
        raise Fatal(f"No dead letter at {places}. `giftledger dead-letters list` shows the places.")
    return letters


def _dead_letters(count: int) -> str:
    return f"{count} dead letter{'s' * (count != 1)}"
