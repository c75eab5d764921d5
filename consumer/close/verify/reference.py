"""The reference path: from the sender's bytes to lines of the books, the obvious way, one certificate at a time.

It shares no code with what applies webhooks: neither its decoder nor its order, neither its rules of movement nor its
SQL. Where both come to the same figures, a mistake must have been made twice. Live traffic only; amounts in 1/100000.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LONGEST_ID = 256
_RANK = {"created": 0, "updated": 1, "deleted": 2}

# An event's place among those of its entity.
Place = tuple[bool, datetime, datetime, int, int, str]


class Number(str):
    """A number of JSON, as it was written."""

    __slots__ = ()


class Said(NamedTuple):
    """What an event says of a certificate, as far as figures depend on it."""

    certificate_id: str
    event_id: str
    place: Place
    balance: int
    price: int | None
    is_deleted: bool
    account_id: str | None
    definition_id: str | None
    station_id: str | None
    station_zone: str | None
    station_currency: str | None
    display_currency: str | None

    @property
    def is_created(self) -> bool:
        return not self.place[0]

    @property
    def occurred_at(self) -> datetime:
        return self.place[1]


class Named(NamedTuple):
    """The currency that an event of a definition names."""

    definition_id: str
    event_id: str
    place: Place
    currency: str


class Line(NamedTuple):
    """A movement."""

    posting_day: date
    event_id: str
    movement: str
    change: int
    change_at_consideration: int


class Book(NamedTuple):
    """What a certificate is booked under, and its lines in their order."""

    account_id: str | None
    currency: str
    issuing_station_id: str | None
    lines: Sequence[Line]


class Settings(NamedTuple):
    """The settings that decide figures."""

    time_zone: str
    account_currencies: Mapping[str, str]


def read(body: bytes) -> Said | Named | None:
    """Read a webhook that was applied; None where no figure depends on it. Raises ValueError where it is no webhook."""
    envelope = json.loads(body.decode(), parse_int=Number, parse_float=Number)
    try:
        family, _, kind = envelope["event"].partition(".")
        if envelope["livemode"] is not True:
            return None
        data, event_id = envelope["data"], _text(envelope["id"])
        emitted_at = _from_epoch(_whole(envelope["created"]))
        if family == "giftcertificate":
            paid = data.get("transactionsPaid")
            place = _place(kind, data, emitted_at, len(paid) if isinstance(paid, list) else -1, event_id)
            return _said(event_id, place, data)
        currency = _code(data.get("currencyCode")) if kind != "deleted" else None
        if currency is None:
            return None
        return Named(_text(data["_id"]), event_id, _place(kind, data, emitted_at, -1, event_id), currency)
    except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"no webhook of ours: {type(error).__name__}") from None


def _said(event_id: str, place: Place, data: Mapping[str, Any]) -> Said:
    station = data.get("shiftLocation")
    station = station if isinstance(station, dict) else {}
    display = data.get("displayCurrency")
    display = display if isinstance(display, dict) else {}
    at_par = _is_one(display.get("buy")) and _is_one(display.get("sell"))
    return Said(
        _text(data["_id"]),
        event_id,
        place,
        _whole(data["balance"]),
        _price(data.get("price")),
        str(data.get("deleted")).lower() in {"true", "1"},
        _id(data.get("accountId")),
        _id(data.get("certDefId")),
        _id(station.get("stationId")),
        _label(station.get("timeZone")),
        _code(station.get("primaryCurrencyCode")),
        _code(display.get("isocode")) if at_par else None,
    )


def _place(kind: str, data: Mapping[str, Any], emitted_at: datetime, paid: int, event_id: str) -> Place:
    """Say where an event stands: created first, then by when it happened, by when it was emitted, and so on."""
    names = ("updatedAt", "createdAt") if kind == "created" else ("updatedAt",)
    dates = (_date(data.get(name), emitted_at) for name in names)
    occurred_at = next((instant for instant in dates if instant is not None), emitted_at)
    return kind != "created", occurred_at, emitted_at, _RANK[kind], paid, event_id


def _text(value: Any) -> str:
    """Give a text without what no table can hold."""
    if not isinstance(value, str):
        raise TypeError
    return re.sub("[\x00\ud800-\udfff]", "\ufffd", value)


def _label(value: Any) -> str | None:
    """Give a text, or a number as it was written; anything else is not given."""
    return _text(value) or None if isinstance(value, str) else None


def _id(value: Any) -> str | None:
    """Give an id that keys are made of; one that is too long, or not as it was sent, is not given."""
    text = _label(value)
    return None if text is None or len(text) > _LONGEST_ID or "\ufffd" in text else text


def _code(value: Any) -> str | None:
    text = "" if isinstance(value, Number) else (_label(value) or "").strip()
    return text.upper() if re.fullmatch("[A-Za-z]{3}", text) else None


def _whole(value: Any) -> int:
    if not isinstance(value, Number) or Decimal(value) != Decimal(value).to_integral_value():
        raise TypeError
    return int(Decimal(value))


def _price(value: Any) -> int | None:
    try:
        return _whole(value)
    except TypeError:
        return None


def _is_one(value: Any) -> bool:
    return isinstance(value, Number) and float(value) == 1


def _from_epoch(timestamp: float) -> datetime:
    unit = timedelta(milliseconds=1) if abs(timestamp) >= 10**11 else timedelta(seconds=1)
    return _EPOCH + timestamp * unit


def _date(value: Any, emitted_at: datetime) -> datetime | None:
    """Give a date that can be true of an event that was emitted then."""
    try:
        instant = _instant(value.get("value") if isinstance(value, dict) else value)
    except (ValueError, OverflowError):
        return None
    if instant is None or instant < _EARLIEST or instant - emitted_at > timedelta(hours=1):
        return None
    return instant


def _instant(value: Any) -> datetime | None:
    if isinstance(value, Number):
        number = int(value) if re.fullmatch("-?[0-9]+", value) else float(value)
        return _from_epoch(number) if number else None
    text = value.strip() if isinstance(value, str) else ""
    if text in {"", "0", "0.0"}:
        return None
    if re.fullmatch("[0-9]{11,16}", text, re.ASCII):
        return _from_epoch(int(text))
    parsed = datetime.fromisoformat(text.upper())
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def first_currencies(named: Iterable[Named]) -> dict[str, str]:
    """Give the first currency that each definition ever named, in the order of its events."""
    first: dict[str, Named] = {}
    for one in named:
        if one.definition_id not in first or one.place < first[one.definition_id].place:
            first[one.definition_id] = one
    return {definition_id: one.currency for definition_id, one in first.items()}


def book_of(events: Iterable[Said], currencies: Mapping[str, str], settings: Settings) -> Book:
    """Give what the events of a certificate come to; there is at least one."""
    ordered = sorted(events, key=lambda event: event.place)
    purchase = ordered[0] if ordered[0].is_created else None
    account_id = next((event.account_id for event in ordered if event.account_id), None)
    definition_id = next((event.definition_id for event in ordered if event.definition_id), None)
    sources = (
        currencies.get(definition_id or ""),
        purchase and purchase.station_currency,
        settings.account_currencies.get(account_id or ""),
        purchase and purchase.display_currency,
    )
    return Book(
        account_id,
        next((source for source in sources if source), "unspecified"),
        purchase.station_id if purchase else None,
        _lines(ordered, purchase, settings),
    )


def _lines(ordered: Sequence[Said], purchase: Said | None, settings: Settings) -> list[Line]:
    lines: list[Line] = []
    left = 0
    day = date.min
    for number, event in enumerate(ordered):
        if number and event.is_created:
            continue  # bought again: nothing but an exception
        day = max(day, _local_day(event, settings))
        for movement, then in _movements(event, left, is_first=number == 0):
            if then != left:
                paid = _paid_for(then, purchase) - _paid_for(left, purchase)
                lines.append(Line(day, event.event_id, movement, then - left, paid))
                left = then
    return lines


def _movements(event: Said, left: int, *, is_first: bool) -> list[tuple[str, int]]:
    """Give what an event did, step by step, each with what was left then."""
    then = 0 if event.is_deleted else event.balance
    if is_first and event.is_created:
        return [("issued", event.balance), ("voided", then)]
    if is_first:
        return [("first_seen", then)]
    if event.is_deleted:
        return [("voided", then)]
    return [("adjusted_up" if then > left else "redeemed", then)]


def _paid_for(balance: int, purchase: Said | None) -> int:
    """Give what was paid for a balance."""
    if purchase is None or purchase.price is None or purchase.balance <= 0 or balance < 0:
        return balance
    if balance > purchase.balance:
        return purchase.price + (balance - purchase.balance)
    with localcontext(prec=80):
        share = Decimal(purchase.price) * balance / purchase.balance
        return int(share.quantize(Decimal(1), ROUND_HALF_UP))


def _local_day(event: Said, settings: Settings) -> date:
    zone = _zone(event.station_zone) or _zone(settings.time_zone) or "UTC"
    return event.occurred_at.astimezone(ZoneInfo(zone)).date()


def _zone(name: str | None) -> str | None:
    return _zones().get(name.strip().casefold()) if name and len(name) <= 64 else None  # noqa: PLR2004 - none is longer


@cache
def _zones() -> dict[str, str]:
    return {name.casefold(): name for name in sorted(available_timezones())}
