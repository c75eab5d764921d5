"""Drawings: a bridge leads to its closing, whatever moved, and no label reaches into its neighbour."""

import re

import pytest

from consumer.close.pack.drawings import bars, bridge
from consumer.close.signed.rows import FALLS, MOVEMENTS

RECTANGLE = re.compile(r'<rect x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"')
LABEL = re.compile(r'font-size="([\d.]+)">([\d,]+\.\d\d)<')


@pytest.mark.parametrize("moved", MOVEMENTS)
def test_a_bridge_leads_from_opening_to_closing_by_every_movement(moved: str) -> None:
    """The bar of the movement begins at the opening's top and ends at the closing's."""
    falls = moved in FALLS
    figures = dict.fromkeys(MOVEMENTS, "0.00000") | {"opening": "60.00000", moved: "40.00000"}
    drawn = bridge("CAD", figures | {"closing": "20.00000" if falls else "100.00000"})

    tops = [(float(top), float(height)) for top, height in RECTANGLE.findall(drawn)]
    (opening, _), *movements, (closing, _) = tops
    top, height = movements[MOVEMENTS.index(moved)]
    assert len(movements) == len(MOVEMENTS)
    assert (top, top + height) == pytest.approx((opening, closing) if falls else (closing, opening), abs=0.2)


def test_labels_of_any_length_stay_in_their_place() -> None:
    drawn = bars("Outstanding", [(f"2026-{month:02}", f"9{month:013}.00000") for month in range(1, 13)])

    room = 760 / 12
    sizes = [(float(size), len(label)) for size, label in LABEL.findall(drawn)]
    assert len(sizes) == 12
    # A digit of a usual font is no wider than six tenths of its size.
    assert all(0.6 * size * length <= room for size, length in sizes)
