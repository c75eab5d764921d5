"""Months: what is closed is a month of an account, and a month is over when it is over everywhere."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import click

from consumer.books.days import month_after

# West of all others: there a month ends last.
_LAST_CLOCK = timedelta(hours=12)


class Period(NamedTuple):
    """A month of an account (None is one); ``month`` is its first day."""

    month: date
    account_id: str | None

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} of {'no account' if self.account_id is None else f'account {self.account_id}'}"


def month_before(month: date) -> date:
    """Give the first day of the month before."""
    return (month - timedelta(days=1)).replace(day=1)


def over_at(month: date) -> datetime:
    """Say when a month is over in every time zone."""
    after = month_after(month)
    return datetime(after.year, after.month, after.day, tzinfo=UTC) + _LAST_CLOCK


def newest_over(now: datetime) -> date:
    """Give the first day of the newest month that is over in every time zone."""
    return month_before((now - _LAST_CLOCK).date().replace(day=1))


class Month(click.ParamType[date]):
    """A month, such as 2026-10."""

    name = "month"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read the month, or say that it is none."""
        if isinstance(value, date):
            return value
        if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", value, re.ASCII):
            self.fail(f"{value!r} is not a month such as 2026-10, of the years 2000 to 2099", param, ctx)
        return date.fromisoformat(f"{value}-01")
