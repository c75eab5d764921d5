"""The sender's field types: identifiers, money, dates with their null form, and its three ways to say nothing.

Only fields that a projection uses are typed. An optional field may be missing, ``null`` or ``""``; all three
mean "not given" and become ``None``. What is to be made of a value of another type says ``schemas.lenient``.

What is made of every message holds no cycles, and the collector need not follow it (``gc=False``): it took a tenth of
a worker's time.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Literal, TypeVar

from msgspec import Meta, Struct

T = TypeVar("T")

# Longest identifier in characters: at four bytes each it still fits a Postgres index entry (2,704 bytes) twice.
MAX_IDENTIFIER = 256
# U+FFFD is what decoding puts where Postgres cannot hold the original character: no identifier may be altered.
# `$` alone would let a line feed at the end pass.
_STORABLE = "^[^\\x00-\\x1f\\x7f\\ufffd]+$(?!\\n)"
Identifier = Annotated[str, Meta(min_length=1, max_length=MAX_IDENTIFIER, pattern=_STORABLE)]

# Money: an integer in 1/100000 of the currency unit (5000000 is 50.00), stored as Postgres bigint. JavaScript, which
# the sender is written in, says integers exactly up to 2^53 - 1; what is larger is not what was meant.
MAX_AMOUNT = 2**53 - 1
Money = Annotated[int, Meta(ge=-MAX_AMOUNT, le=MAX_AMOUNT)]

Blank = Literal[""] | None

# What reports group by, and keys are made of: an id as short as an identifier, or nothing. ``schemas.lenient`` refuses
# what is not, and where decoding had to alter it: two different accounts must not become one.
Reference = Annotated[str, Meta(max_length=MAX_IDENTIFIER)] | None
# A currency is named by its ISO 4217 code. What is none would be a currency of a report, and a group of its own.
CurrencyCode = Annotated[str, Meta(pattern=r"^\s*([A-Za-z]{3}\s*)?$")] | None

# From this magnitude on a Unix time is milliseconds: 10^11 s is the year 5138, 10^11 ms is March 1973. Inferred.
MILLISECONDS_FROM = 10**11
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Before this nothing of ours happened: an earlier date is a clock or a field that was never set.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
# Nothing is emitted before it happens; the clocks of those who stamp dates and events disagree by less than this.
CLOCKS_DISAGREE = timedelta(hours=1)


def given(value: T | Literal[""] | None) -> T | None:
    """Read the sender's three ways to say nothing (missing, ``null``, ``""``) as ``None``; 0 is a value."""
    return None if value is None or value == "" else value


def currency_code(value: str | None) -> str | None:
    """Read the code of a currency in capitals, without the blanks around it; ``None`` where nothing else is left."""
    return value.strip().upper() or None if value else None


def seconds_from_epoch(timestamp: float) -> float:
    """Unix seconds, from a timestamp in seconds or (from 10^11 on) in milliseconds."""
    return timestamp / 1000 if abs(timestamp) >= MILLISECONDS_FROM else timestamp


@lru_cache(maxsize=1024)
def instant_from_epoch(timestamp: float) -> datetime:
    """Read ``created``: seconds or milliseconds by magnitude. Raises ValueError when no calendar holds it."""
    unit = timedelta(milliseconds=1) if abs(timestamp) >= MILLISECONDS_FROM else timedelta(seconds=1)
    try:
        return EPOCH + timestamp * unit
    except OverflowError:
        raise ValueError("`created` is not a time between the years 1 and 9999") from None


def instant_from_text(text: str) -> datetime:
    """Read an ISO 8601 instant, in small letters too (RFC 3339), in UTC unless it says otherwise. Raises ValueError."""
    try:
        parsed = datetime.fromisoformat(text.upper())
        if parsed.tzinfo is UTC:
            return parsed
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError("`value` is not an ISO 8601 instant") from None


# What a date's text may say besides an instant: that there is none, or the instant in milliseconds.
_NO_DATE = {"", "0", "0.0"}
_MILLISECONDS = re.compile("[0-9]{11,16}")
# As JavaScript writes an instant, and nearly all are written: it says nothing of the above.
_AS_SENT = len("2026-01-01T00:00:00.000Z")


def _instant(text: str) -> datetime | None:
    if len(text) == _AS_SENT and text[10] == "T" and text[-1] == "Z":
        return instant_from_text(text)
    text = text.strip()
    if text in _NO_DATE:
        return None
    return instant_from_epoch(int(text)) if _MILLISECONDS.fullmatch(text) else instant_from_text(text)


class BzDate(Struct, gc=False):
    """The sender's date: ``value`` is an ISO 8601 instant in UTC, ``offset`` (minutes) is only presentation.

    The sender's null date is ``{"value": 0, "offset": 0}``; ``{}``, ``null`` and ``""`` say the same. A number is the
    time since 1970, as in the envelope's ``created``.
    """

    # As sent; once it is read, the instant, or None for the null date.
    value: str | int | float | None = None

    def __post_init__(self) -> None:
        sent = self.value
        self.value = (_instant(sent) if isinstance(sent, str) else instant_from_epoch(sent)) if sent else None  # type: ignore[assignment]

    def instant(self) -> datetime | None:
        """Give the instant, or None for the null date."""
        return self.value  # type: ignore[return-value]


def instant_of(date: BzDate | Blank) -> datetime | None:
    """Give the instant of a date; None where it is missing, blank or null."""
    return date.instant() if isinstance(date, BzDate) else None


def is_plausible(instant: datetime, emitted_at: datetime) -> bool:
    """Tell whether a date of an event that was emitted then can be true."""
    return EARLIEST <= instant <= emitted_at or (instant >= EARLIEST and instant - CLOCKS_DISAGREE <= emitted_at)


def plausible(date: BzDate | Blank, emitted_at: datetime) -> datetime | None:
    """Give the instant of a date that can be true of an event that was emitted then; any other is no date."""
    instant = instant_of(date)
    return instant if instant is not None and is_plausible(instant, emitted_at) else None
