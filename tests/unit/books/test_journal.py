"""What a line is booked as: into which month, and with which sign."""

from datetime import UTC, date, datetime

import pytest
from msgspec.structs import replace

from consumer.books.days import month_after
from consumer.books.journal import COLUMNS, Entry, Present, row_of
from consumer.books.lines import Line, lines
from consumer.postgres.figure_settings import FigureSettings
from tests.builders import bought, event

SETTINGS = FigureSettings("UTC", {})
NOW = datetime(2026, 7, 5, tzinfo=UTC)
(SOLD,) = lines([event(bought(price=4_000_000, accountId="a")).snapshot], {}, SETTINGS)


def present(closed: dict[str, date]) -> Present:
    return Present(NOW, SETTINGS, closed, {True: {}, False: {}})


def of(month: int, account_id: str | None) -> Line:
    return replace(SOLD, posting_day=date(2026, month, 30), account_id=account_id)


@pytest.mark.parametrize(
    ("closed", "line", "livemode", "period"),
    [
        ({}, of(6, "a"), True, date(2026, 6, 1)),
        ({"a": date(2026, 6, 1)}, of(6, "a"), True, date(2026, 7, 1)),
        ({"a": date(2026, 6, 1)}, of(3, "a"), True, date(2026, 7, 1)),
        ({"a": date(2026, 6, 1)}, of(7, "a"), True, date(2026, 7, 1)),
        ({"a": date(2026, 6, 1)}, of(9, "a"), True, date(2026, 9, 1)),
        ({"a": date(2026, 12, 1)}, of(12, "a"), True, date(2027, 1, 1)),
        ({"a": date(2026, 6, 1)}, of(6, "b"), True, date(2026, 6, 1)),
        ({"": date(2026, 6, 1)}, of(6, None), True, date(2026, 7, 1)),
        ({"": date(2026, 6, 1)}, of(6, "a"), True, date(2026, 6, 1)),
        ({"a": date(2026, 6, 1)}, of(6, "a"), False, date(2026, 6, 1)),
    ],
)
def test_a_line_is_booked_into_its_month_or_the_first_that_its_account_has_open(
    closed: dict[str, date],
    line: Line,
    livemode: bool,  # noqa: FBT001
    period: date,
) -> None:
    assert present(closed).period(line, livemode=livemode) == period


def test_a_line_that_is_taken_back_has_its_amounts_the_other_way_and_all_else_as_it_was() -> None:
    booked, back = (
        dict(zip(COLUMNS, row_of(present({}), ("c", True), Entry(SOLD, entry, "why")), strict=True))
        for entry in (1, -1)
    )

    differing = {name: (booked[name], back[name]) for name in COLUMNS if booked[name] != back[name]}
    assert differing == {
        "entry": (1, -1),
        "change": (5_000_000, -5_000_000),
        "change_at_consideration": (4_000_000, -4_000_000),
    }


def test_no_month_is_too_late_for_the_one_after_it() -> None:
    assert month_after(date(2026, 12, 1)) == date(2027, 1, 1)
    assert month_after(date(9999, 11, 1)) == month_after(date(9999, 12, 1)) == date(9999, 12, 1)
