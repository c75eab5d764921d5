"""Drawings of a pack, as SVG that stands in the page: no script, no font and no file from elsewhere."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from consumer.close.signed.canonical import units
from consumer.close.signed.rows import FALLS, MOVEMENTS

_WIDTH, _HEIGHT, _TOP, _BOTTOM, _LEFT = 760, 240, 24, 40, 12
_WIDEST = 140
# So large may a label be, for each unit of room and each character, before it reaches into its neighbour.
_WIDTH_OF_DIGIT = 1.6
_UP, _DOWN, _STANDS = "#2a7f62", "#b3492f", "#33475b"


class Step(NamedTuple):
    """A bar of a bridge: where it begins and ends, in 1/100000."""

    name: str
    begins: int
    ends: int
    stands: bool


def bridge(currency: str, figures: dict[str, str]) -> str:
    """Draw how a currency came from opening to closing."""
    steps, so_far = [Step("opening", 0, units(figures["opening"]), stands=True)], units(figures["opening"])
    for name in MOVEMENTS:
        then = so_far + (-1 if name in FALLS else 1) * units(figures[name])
        steps.append(Step(name, so_far, then, stands=False))
        so_far = then
    steps.append(Step("closing", 0, units(figures["closing"]), stands=True))
    labels = [figures[step.name] for step in steps]
    return _bars(f"From opening to closing, {currency}", steps, labels)


def bars(title: str, named: Sequence[tuple[str, str]]) -> str:
    """Draw amounts beside one another."""
    steps = [Step(name, 0, units(text), stands=True) for name, text in named]
    return _bars(title, steps, [text for _, text in named])


def _bars(title: str, steps: Sequence[Step], labels: Sequence[str]) -> str:
    ends = [0, *(step.begins for step in steps), *(step.ends for step in steps)]
    low, high = min(ends), max(ends)
    span = high - low or 1
    room = _HEIGHT - _TOP - _BOTTOM
    slot = min((_WIDTH - 2 * _LEFT) / max(len(steps), 1), _WIDEST)

    def height(value: int) -> float:
        return _TOP + room * (high - value) / span

    drawn = [f'<line x1="0" x2="{_WIDTH}" y1="{height(0):.1f}" y2="{height(0):.1f}" stroke="#999"/>']
    for number, (step, label) in enumerate(zip(steps, labels, strict=True)):
        left, top = _LEFT + number * slot, height(max(step.begins, step.ends))
        tall = max(abs(height(step.begins) - height(step.ends)), 1)
        colour = _STANDS if step.stands else _UP if step.ends >= step.begins else _DOWN
        middle = left + slot / 2
        drawn += [
            _rectangle(left + slot * 0.14, top, slot * 0.72, tall, colour),
            _text(middle, max(top - 5, 11), min(10, _WIDTH_OF_DIGIT * slot / len(_short(label))), _short(label)),
            _text(middle, _HEIGHT - 16, 11, step.name.replace("_", " ")),
        ]
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(drawn)}</svg></figure>'
    )


def _rectangle(x: float, y: float, width: float, height: float, fill: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"/>'


def _text(x: float, y: float, size: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" font-size="{size:.3g}">{escape(text)}</text>'


def _short(text: str) -> str:
    """Write an amount with two places, for the eye: the tables have all five."""
    whole, _, places = text.partition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}.{places[:2]}"
