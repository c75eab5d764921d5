"""Options of the commands at their extremes: each is taken, or refused as usage (exit 2) by its name."""

from datetime import UTC, datetime

import click
import pytest
from click.testing import CliRunner

from consumer.cli.commands import main
from consumer.cli.options import MOST_DAYS, Instant, Rate

HUGE = ("99999999", str(2**31), str(2**63), "1" + "0" * 30, "1" + "0" * 5000)
NO_NUMBERS = ("", " ", "many", "1.5", "0x10", "nan", "inf", "1e3", "٣", "-1", "0")
REFUSED = {
    ("prune", "--older-than"): (*HUGE, *(number for number in NO_NUMBERS if number != "٣"), str(MOST_DAYS + 1)),
    ("reconcile", "--customers"): (*HUGE[1:], "", "many", "1.5", "nan", "inf", "-1", "0"),
    ("reconcile", "--max-age"): (*HUGE, "", "many", "1.5", "nan", "inf", "-1", str(MOST_DAYS + 1)),
    ("close cut", "--wait"): ("0", "-1", "61", "nan", "inf", "-inf", "1e400", "long", ""),
    ("simulate", "--count"): (*HUGE, "", "many", "1.5", "nan", "inf", "-1", "0"),
    ("simulate", "--days"): (*HUGE, "", "many", "1.5", "nan", "inf", "-1", "0", "3651"),
    ("simulate", "--concurrency"): (*HUGE, "", "many", "1.5", "nan", "inf", "-1", "0"),
    ("simulate", "--rate"): ("0", "-1", "nan", "inf", "-inf", "1e400", "1e-308", "1e300", "fast", ""),
    ("simulate", "--seed"): ("", "many", "1.5", "nan"),
    ("exceptions list", "--limit"): (*HUGE, "", "many", "1.5", "nan", "inf", "-1", "0"),
    ("dead-letters list", "--since"): ("", "yesterday", "10000-01-01", "2026-13-01", "0000-01-01", "now", "1780315200"),
    ("dead-letters replay", "--until"): ("2026-06-01T25:00", "2026-06-01T12:00+25:00", "-1"),
}
CASES = [(command, option, value) for (command, option), values in REFUSED.items() for value in values]


@pytest.mark.parametrize(("command", "option", "value"), CASES, ids=lambda part: part[:40])
def test_an_extreme_is_refused_as_usage_by_the_option_s_name(command: str, option: str, value: str) -> None:
    done = CliRunner().invoke(main, [*command.split(), option, value])

    assert done.exit_code == 2, done.output
    assert option in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize("place", ["", ":", "1", "1:", ":1", "-1:1", "1:-1", "1:1:1", "٣:1", "1.0:1", "1:1\n"])
def test_what_is_no_place_of_a_dead_letter_is_refused_as_usage(place: str) -> None:
    done = CliRunner().invoke(main, ["dead-letters", "show", "--", place])

    assert done.exit_code == 2, done.output


@pytest.mark.parametrize(
    "text",
    ["0001-01-01", "0001-01-01T00:00+14:00", "9999-12-31T23:59:59.999999-14:00", "2026-06-01T12:00Z", "2026-06-01"],
)
def test_any_time_of_the_calendar_can_be_compared(text: str) -> None:
    given = Instant().convert(text, None, None)

    assert given.tzinfo is not None
    assert (given < datetime(2000, 1, 1, tzinfo=UTC)) == text.startswith("0001")


@pytest.mark.parametrize("text", ["2026-W47-5", "2026W475", "2026-W47-5T12:00", "20261120", "2026-324", "2026-11-200"])
def test_what_is_no_date_of_the_calendar_is_refused_as_usage(text: str) -> None:
    done = CliRunner().invoke(main, ["dead-letters", "list", "--since", text])

    assert done.exit_code == 2, done.output
    assert "2026-06-01T12:00" in done.output


@pytest.mark.parametrize("month", ["9999-12", "1999-12", "2026-W47-5", "2026-13", "2026-1", "2026-10-01", "٢٠٢٦-10"])
def test_what_is_no_month_to_close_is_refused_and_says_which_are(month: str) -> None:
    done = CliRunner().invoke(main, ["close", "prepare", month, "--by", "Ann"])

    assert done.exit_code == 2, done.output
    assert "of the years 2000 to 2099" in " ".join(done.output.split())


@pytest.mark.parametrize(("text", "rate"), [("0.001", 0.001), ("1e6", 1e6), ("25", 25)])
def test_a_rate_is_times_a_second(text: str, rate: float) -> None:
    assert Rate().convert(text, None, None) == rate


def test_every_option_that_is_a_number_or_a_time_is_tried_at_its_extremes() -> None:
    tried = {option for _, option in REFUSED} | {"--until", "--since"}

    assert {name for command in commands(main) for name in measured(command)} <= tried


def commands(group: click.Group) -> list[click.Command]:
    return [
        one
        for command in group.commands.values()
        for one in (commands(command) if isinstance(command, click.Group) else [command])
    ]


def measured(command: click.Command) -> list[str]:
    numbers = (click.IntRange, click.FloatRange, Instant, type(click.INT), type(click.FLOAT))
    return [option.opts[0] for option in command.params if isinstance(option.type, numbers)]
