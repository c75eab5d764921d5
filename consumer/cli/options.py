"""Options: what an operator can say on the command line of more than one command."""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from consumer.operate.rules import RULES

# A hundred years: nothing is older, and every calendar holds it.
MOST_DAYS = 36_500
_CALENDAR_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])")


class Between(click.FloatRange):
    """A number in a range. Neither of the range's bounds would refuse a NaN."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the number, or say that it is none."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


class Rate(Between):
    """Times a second, from one in a quarter of an hour on."""

    name = "rate"

    def __init__(self) -> None:
        super().__init__(min=0.001, max=1_000_000)


class Instant(click.ParamType[datetime]):
    """A time as ISO 8601, in UTC unless it says otherwise."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read the time, or say that it is none."""
        try:
            # A week's day, or digits without dashes, would be read as a date, too.
            given = datetime.fromisoformat(value if _CALENDAR_DATE.match(value) else "")
        except ValueError:
            self.fail(f"{value!r} is not a time such as 2026-06-01T12:00", param, ctx)
        return given if given.tzinfo else given.replace(tzinfo=UTC)


class Rule(click.Choice[str]):
    """The name of an exception's rule: one that is none would find nothing, and read as if all were well."""

    def __init__(self, *others: str) -> None:
        super().__init__((*RULES, *others))

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002 - as click asks
        """Leave the names out of the usage; the error lists them."""
        return "RULE"


class Place(click.ParamType[str]):
    """A dead letter's place in its topic."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read the place, or say that it is none."""
        if not re.fullmatch("[0-9]+:[0-9]+", value):
            self.fail(f"{value!r} is not a place such as 3:1042", param, ctx)
        return str(value)


def letter_filter(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which dead letters are meant."""
    options = [
        click.option("--topic", help="Only letters of this original topic, for example giftcert.certificates."),
        click.option("--reason", help="Only letters whose reason contains this text."),
        click.option("--since", type=Instant(), help="Only letters that died at or after this time (ISO 8601, UTC)."),
        click.option("--until", type=Instant(), help="Only letters that died before this time."),
    ]
    for option in reversed(options):
        command = option(command)
    return command
