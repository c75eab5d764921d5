"""Days: on which day of its station an instant fell, and which month comes next."""

from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

# No time zone has a longer name; what the sender writes there may have any length, and need not be remembered.
LONGEST = 64
_LAST_MONTH = date.max.replace(day=1)


def zone_named(sent: str | None) -> str | None:
    """Give the time zone that a text names, whatever its case and the blanks around it; None where it names none."""
    return _zone_named(sent) if sent and len(sent) <= LONGEST else None


@lru_cache(maxsize=4096)
def _zone_named(sent: str) -> str | None:
    return _zones().get(sent.strip().casefold())


def local_day(instant: datetime, zone: str) -> date:
    """Give the day of an instant on the clock of a time zone that exists."""
    try:
        return instant.astimezone(_zone(zone)).date()
    except OverflowError:  # at the ends of the calendar, which earlier versions let in
        return instant.date()


def month_after(month: date) -> date:
    """Give the first day of the next month; of the calendar's last, that one."""
    return _LAST_MONTH if month >= _LAST_MONTH else (month + timedelta(days=31)).replace(day=1)


@cache
def _zones() -> dict[str, str]:
    return {name.casefold(): name for name in sorted(available_timezones())}


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
