"""The reports, computed the obvious way: from the webhooks themselves, in `decimal`, one certificate at a time.

Independent of what it checks: it reads no table and shares no code with the decoder, the fold, the lines or the SQL.
Every function returns the rows of the view of its name as dicts; a column that it leaves out is not compared.
"""

import calendar
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from tests.reference import Delivery

Row = dict[str, Any]
# By month, account, currency and column of the roll-forward.
Figures = dict[tuple[date, str | None, str, str], Decimal]
ZERO = Decimal(0)
UNIT = Decimal("0.00001")
RISES = ("issued", "first_seen", "adjusted_up")
FALLS = ("redeemed", "adjusted_down", "voided")
MOVEMENTS = (*RISES, *FALLS)
ZONES = {name.casefold(): name for name in available_timezones()}


def money(units: int | None) -> Decimal | None:
    return None if units is None else Decimal(units) * UNIT


def rounded(value: Decimal, places: Decimal = UNIT) -> Decimal:
    return value.quantize(places, ROUND_HALF_UP)


@dataclass(frozen=True)
class Setting:
    """What the reports know beside the webhooks."""

    livemode: bool
    account_currencies: dict[str, str]
    time_zone: str
    today: Mapping[str, date]  # by time zone, as Postgres counts them: its rules may be newer than ours

    def zone(self, station: dict[str, Any]) -> str:
        return ZONES.get((station.get("timeZone") or "").strip().casefold(), self.time_zone)


@dataclass(frozen=True)
class Event:
    """One event of a certificate."""

    body: dict[str, Any]
    received_at: datetime
    key: tuple[bool, datetime, datetime, bool, int, str]

    @property
    def id(self) -> str:
        return str(self.body["id"])

    @property
    def occurred_at(self) -> datetime:
        return self.key[1]

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.body["data"]
        return data

    @property
    def station(self) -> dict[str, Any]:
        return self.data.get("shiftLocation") or {}

    @property
    def station_id(self) -> str | None:
        return self.station.get("stationId") or None

    @property
    def is_purchase(self) -> bool:
        return bool(self.body["event"] == "giftcertificate.created")

    @property
    def sent(self) -> Decimal:
        return Decimal(self.data["balance"]) * UNIT

    @property
    def is_deleted(self) -> bool:
        return bool(self.data.get("deleted"))

    @property
    def left(self) -> Decimal:
        return ZERO if self.is_deleted else self.sent

    @property
    def paid(self) -> int | None:
        transactions = self.data.get("transactionsPaid")
        return None if transactions is None else len(transactions)


class Line(NamedTuple):
    """What stands in the journal. ``entry`` is not here: these all count once."""

    certificate_id: str
    event_id: str
    movement: str
    is_inferred: bool
    change: Decimal
    change_at_consideration: Decimal
    balance_after: Decimal
    effective_at: datetime
    local_day: date
    posting_day: date
    purchase_day: date | None
    account_id: str | None
    definition_id: str | None
    currency: str
    issuing_station_id: str | None
    station_id: str | None

    @property
    def before(self) -> Decimal:
        return self.balance_after - self.change

    @property
    def size(self) -> Decimal:
        """How it counts in the column of its movement."""
        return self.change if self.movement in RISES else -self.change

    @property
    def certificates(self) -> int:
        return (self.balance_after > 0) - (self.before > 0)

    @property
    def negative(self) -> Decimal:
        return min(self.balance_after, ZERO) - min(self.before, ZERO)

    def book(self) -> tuple[str | None, str]:
        return self.account_id, self.currency

    def station_book(self) -> tuple[str | None, str, str | None]:
        return self.account_id, self.currency, self.issuing_station_id


@dataclass
class Certificate:
    """All that is known of a certificate, its events in order."""

    setting: Setting
    definitions: dict[str, dict[str, Any]]
    events: list[Event] = field(default_factory=list)

    @cached_property
    def story(self) -> list[Event]:
        """Leave out created events behind the first: they change nothing."""
        return [event for event in self.events if not event.is_purchase or event is self.purchase]

    @cached_property
    def purchase(self) -> Event | None:
        return self.events[0] if self.events[0].is_purchase else None

    @property
    def newest(self) -> Event:
        return self.story[-1]

    @property
    def moved_at(self) -> datetime:
        return max(event.occurred_at for event in self.story)

    @property
    def id(self) -> str:
        return str(self.newest.data["_id"])

    @cached_property
    def account(self) -> str | None:
        return self._first("accountId")

    @cached_property
    def definition_id(self) -> str | None:
        return self._first("certDefId")

    def _first(self, name: str) -> str | None:
        return next((event.data[name] for event in self.events if event.data.get(name)), None)

    @property
    def definition(self) -> dict[str, Any]:
        return self.definitions.get(self.definition_id or "", {})

    @cached_property
    def currency(self) -> str:
        display = (self.purchase and self.purchase.data.get("displayCurrency")) or {}
        sources = (
            self.definition.get("first_currency"),
            self.issuing_station.get("primaryCurrencyCode"),
            self.setting.account_currencies.get(self.account or ""),
            display.get("isocode") if display.get("buy") == display.get("sell") == 1 else None,
        )
        return next(filter(None, sources), "unspecified")

    @property
    def balance(self) -> Decimal:
        return self.newest.left

    @property
    def consideration(self) -> Decimal:
        return self.at_consideration(self.balance)

    @property
    def face_value(self) -> Decimal | None:
        return self.purchase.sent if self.purchase else None

    @property
    def price(self) -> Decimal | None:
        """What the purchase says was paid; where it does not, or is not known, the newest event."""
        price = self.purchase.data["price"] if self.purchase else None
        return money(self.newest.data["price"] if price is None else price)

    @property
    def purchase_price(self) -> Decimal | None:
        return money(self.purchase.data["price"]) if self.purchase else None

    @property
    def total(self) -> Decimal | None:
        total = self.purchase.data["total"] if self.purchase else None
        return money(self.newest.data["total"] if total is None else total)

    @property
    def purchase_total(self) -> Decimal | None:
        return money(self.purchase.data["total"]) if self.purchase else None

    @property
    def is_given_away(self) -> bool:
        return self.purchase_price == 0

    @property
    def issued_at(self) -> datetime | None:
        created_at = instant(self.newest.data["createdAt"])
        # Nothing is emitted more than an hour before it happens, by clocks that disagree.
        if created_at <= self.newest.key[2] + timedelta(hours=1):
            return created_at
        return self.purchase.occurred_at if self.purchase else None

    @property
    def issuing_station(self) -> dict[str, Any]:
        return self.purchase.station if self.purchase else {}

    @property
    def issuing_station_id(self) -> str | None:
        return self.purchase.station_id if self.purchase else None

    @property
    def age(self) -> int | None:
        if self.issued_at is None:
            return None
        zone = self.setting.zone(self.issuing_station)
        return (self.setting.today[zone] - self.issued_at.astimezone(ZoneInfo(zone)).date()).days

    @property
    def rest(self) -> int:
        zone = self.setting.zone(self.newest.station)
        return (self.setting.today[zone] - self.moved_at.astimezone(ZoneInfo(zone)).date()).days

    @property
    def purchased_on(self) -> date:
        assert self.purchase is not None
        return self.local_day(self.purchase)

    def local_day(self, event: Event) -> date:
        return event.occurred_at.astimezone(ZoneInfo(self.setting.zone(event.station))).date()

    def at_consideration(self, balance: Decimal) -> Decimal:
        face_value, price = self.face_value, self.purchase_price
        if face_value is None or face_value <= 0 or price is None or balance < 0:
            return balance
        if balance > face_value:
            return price + (balance - face_value)
        with localcontext(prec=60):
            return rounded(balance * price / face_value)

    @cached_property
    def lines(self) -> list[Line]:
        lines: list[Line] = []
        effective_at, day = self.story[0].occurred_at, self.local_day(self.story[0])
        for before, event in pairwise([None, *self.story]):
            assert event is not None
            effective_at, day = max(effective_at, event.occurred_at), max(day, self.local_day(event))
            left = before.left if before else ZERO
            for movement, is_inferred, after in _movements(before, event):
                if after != left:
                    lines.append(
                        Line(
                            self.id,
                            event.id,
                            movement,
                            is_inferred,
                            after - left,
                            self.at_consideration(after) - self.at_consideration(left),
                            after,
                            effective_at,
                            self.local_day(event),
                            day,
                            self.purchased_on if self.purchase else None,
                            self.account,
                            self.definition_id,
                            self.currency,
                            self.issuing_station_id,
                            event.station_id,
                        )
                    )
                left = after
        return lines

    @property
    def redemptions(self) -> list[Line]:
        return [line for line in self.lines if line.movement == "redeemed"]

    @property
    def redeemed(self) -> Decimal:
        return sum((line.size for line in self.redemptions), ZERO)

    def book(self) -> tuple[str | None, str]:
        return self.account, self.currency


def _movements(before: Event | None, event: Event) -> list[tuple[str, bool, Decimal]]:
    """Give what an event did, step by step, each with what was left then."""
    if before is None and event.is_purchase:
        sold = ("issued", False, event.sent)
        return [sold, ("voided", False, ZERO)] if event.is_deleted else [sold]
    if before is None:
        return [("first_seen", True, event.left)]
    if event.is_deleted:
        return [("voided", False, event.left)]
    if event.left > before.left:
        return [("adjusted_up", True, event.left)]
    is_counted = before.paid is not None and event.paid is not None
    return [("redeemed", is_counted and event.paid != (before.paid or 0) + 1, event.left)]


def instant(date_: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(date_["value"])


class Books:
    """What one kind of traffic comes to, from what has arrived."""

    def __init__(self, deliveries: Iterable[Delivery], setting: Setting) -> None:
        self.setting = setting
        self.deliveries = [delivery for delivery in deliveries if delivery.body["livemode"] is setting.livemode]
        self.definitions = _definitions(self.deliveries)
        self.certificates = self._certificates()

    def _certificates(self) -> list[Certificate]:
        first: dict[tuple[str, str], Delivery] = {}
        for delivery in sorted(self.deliveries, key=lambda delivery: delivery.received_at):
            if delivery.body["event"].startswith("giftcertificate."):
                first.setdefault((delivery.body["data"]["_id"], delivery.body["id"]), delivery)
        stories: defaultdict[str, list[Event]] = defaultdict(list)
        for (id_, _), delivery in first.items():
            stories[id_].append(Event(delivery.body, delivery.received_at, _key(delivery.body)))
        return [
            Certificate(self.setting, self.definitions, sorted(events, key=lambda event: event.key))
            for _, events in sorted(stories.items())
        ]

    @cached_property
    def lines(self) -> list[Line]:
        return [line for certificate in self.certificates for line in certificate.lines]

    @cached_property
    def latest(self) -> date:
        return max(line.posting_day for line in self.lines)

    @cached_property
    def years(self) -> set[int]:
        return {line.posting_day.year for line in self.lines}

    # The views.

    def certificate_current(self) -> list[Row]:
        return [
            {
                "certificate_id": certificate.id,
                "account_id": certificate.account,
                "definition_id": certificate.definition_id,
                "status": certificate.newest.data["status"],
                "currency": certificate.currency,
                "balance": certificate.balance,
                "face_value": certificate.face_value,
                "price": certificate.price,
                "total": certificate.total,
                "balance_at_consideration": certificate.consideration,
                "balance_as_sent": certificate.newest.sent,
                "issued_at": certificate.issued_at,
                "updated_at": certificate.moved_at,
                "transactions_paid": certificate.newest.paid,
                "is_voided": certificate.newest.is_deleted,
                "is_purchase_known": certificate.purchase is not None,
                "issuing_station_id": certificate.issuing_station_id,
            }
            for certificate in self.certificates
        ]

    def certificate_activity(self) -> list[Row]:
        """Give the lines that stand, and the events that none stands for."""
        rows = []
        for certificate in self.certificates:
            lines = _grouped(certificate.lines, lambda line: line.event_id)
            balance = ZERO
            for position, event in enumerate(certificate.events, 1):
                for line in lines.get(event.id, [None]):
                    balance = line.balance_after if line else balance
                    rows.append(
                        {
                            "certificate_id": certificate.id,
                            "position": position,
                            "movement": line.movement if line else "unchanged",
                            "account_id": certificate.account,
                            "definition_id": certificate.definition_id,
                            "currency": certificate.currency,
                            "change": line.change if line else ZERO,
                            "balance_before": line.before if line else balance,
                            "balance_after": balance,
                            "is_inferred": line.is_inferred if line else False,
                            "occurred_at": event.occurred_at,
                            "local_day": line.local_day if line else None,
                            "posting_day": line.posting_day if line else None,
                            "received_at": event.received_at,
                            "event_id": event.id,
                        }
                    )
        return rows

    def journal(self) -> list[Row]:
        """Give the lines that stand."""
        return [line._asdict() for line in self.lines]

    def definition_current(self) -> list[Row]:
        return [
            {
                "definition_id": id_,
                "definition_name": definition["name"],
                "currency": definition["currencyCode"]
                or self.setting.account_currencies.get(definition["accountId"])
                or "unspecified",
                "price": money(definition["price"]),
                "face_value": money(definition["value"]),
                "discount": money(definition["value"] - definition["price"]),
                "discount_rate": rounded(Decimal(definition["value"] - definition["price"]) / definition["value"])
                if definition["value"]
                else None,
                "is_disabled": definition["disabled"],
                "is_deleted": definition["deleted_at"] is not None,
                "deleted_at": definition["deleted_at"],
            }
            for id_, definition in self.definitions.items()
        ]

    def liability_current(self) -> list[Row]:
        return [
            {
                **row,
                "certificates_known": len(members),
                "certificates_without_purchase": sum(
                    member.purchase is None and member.balance > 0 for member in members
                ),
                "updated_at": max(member.moved_at for member in members),
                "difference": ZERO,
            }
            for row, members in self._holdings(("account_id", "currency"), Certificate.book)
        ]

    def customer_holdings(self) -> list[Row]:
        return [
            {**row, "certificates_known": len(members)}
            for row, members in self._holdings(
                ("customer_number", "account_id", "currency"),
                lambda certificate: (certificate.newest.data["customerNumber"] or None, *certificate.book()),
            )
        ]

    def liability_as_of(self, as_of: datetime) -> list[Row]:
        """From the balance that each certificate had when an instant began."""
        standing: list[tuple[Certificate, Decimal]] = []
        for certificate in self.certificates:
            until_then = [line for line in certificate.lines if line.effective_at < as_of]
            if until_then:
                standing.append((certificate, until_then[-1].balance_after))
        return list(_outstanding(standing))

    def liability_on(self, day: date) -> list[Row]:
        """From the balance that each certificate had when a day ended."""
        standing: list[tuple[Certificate, Decimal]] = []
        for certificate in self.certificates:
            until_then = [line for line in certificate.lines if line.posting_day <= day]
            if until_then:
                standing.append((certificate, until_then[-1].balance_after))
        return list(_outstanding(standing))

    def liability_daily(self) -> list[Row]:
        firsts: dict[tuple[str | None, str], date] = {}
        for line in self.lines:
            firsts[line.book()] = min(firsts.get(line.book(), line.posting_day), line.posting_day)
        rows: dict[tuple[date, str | None, str], Row] = {
            (day, *book): {
                **dict(zip(("day", "account_id", "currency"), (day, *book), strict=True)),
                **dict.fromkeys(("outstanding", "outstanding_at_consideration", "negative"), ZERO),
                "certificates": 0,
            }
            for book, first in firsts.items()
            for day in self._days(first, self.latest)
        }
        for certificate in self.certificates:
            for posted, following in pairwise([*certificate.lines, None]):
                assert posted is not None
                end = following.posting_day - timedelta(days=1) if following else self.latest
                for day in self._days(posted.posting_day, end):
                    row = rows[day, *posted.book()]
                    row["outstanding"] += posted.balance_after
                    row["outstanding_at_consideration"] += certificate.at_consideration(posted.balance_after)
                    row["negative"] += min(posted.balance_after, ZERO)
                    row["certificates"] += posted.balance_after > 0
        return list(rows.values())

    def liability_rollforward(self, first_day: date, last_day: date) -> list[Row]:
        rows = []
        for book, lines in _grouped(self.lines, Line.station_book).items():
            before = [line for line in lines if line.posting_day < first_day]
            within = [line for line in lines if first_day <= line.posting_day <= last_day]
            if before or within:
                opening = sum((line.change for line in before), ZERO)
                rows.append(
                    {
                        **dict(zip(("account_id", "currency", "issuing_station_id"), book, strict=True)),
                        "opening": opening,
                        **_by_movement(within),
                        "closing": opening + sum((line.change for line in within), ZERO),
                        "difference": ZERO,
                    }
                )
        return rows

    def liability_rollforward_daily(self) -> list[Row]:
        return [{"day": row.pop("period"), **row} for row in self._rollforward(lambda day: day, self._days)]

    def liability_rollforward_monthly(self) -> list[Row]:
        return [{"month": row.pop("period"), **row} for row in self._rollforward(_month, _months)]

    def figures(self, last: date) -> Figures:
        """Every month's figures by account and currency, to the month of a day."""
        figures: defaultdict[tuple[date, str | None, str, str], Decimal] = defaultdict(Decimal)
        for row in self._rollforward(_month, _months, last):
            for column in ("opening", *MOVEMENTS, "closing"):
                figures[row["period"], row["account_id"], row["currency"], column] += row[column]
        return figures

    def liability_aging(self) -> list[Row]:
        limits = (
            (30, "0-30 days"),
            (90, "31-90 days"),
            (180, "91-180 days"),
            (365, "181-365 days"),
            (730, "1-2 years"),
            (1095, "2-3 years"),
            (10**9, "over 3 years"),
        )

        def age(certificate: Certificate) -> str:
            days = certificate.age
            return "unknown" if days is None else next(name for limit, name in limits if days <= limit)

        holdings = self._holdings(
            ("account_id", "currency", "age"), lambda certificate: (*certificate.book(), age(certificate))
        )
        return [row for row, members in holdings if any(member.balance for member in members)]

    def dormant_certificates(self) -> list[Row]:
        return [
            {
                "certificate_id": certificate.id,
                "currency": certificate.currency,
                "balance": certificate.balance,
                "balance_at_consideration": certificate.consideration,
                "days_dormant": certificate.rest,
            }
            for certificate in self.certificates
            if certificate.balance > 0 and certificate.rest >= 180
        ]

    def sales_daily(self) -> list[Row]:
        names = ("day", "account_id", "currency", "station_id", "agency_id", "definition_id")
        groups = _grouped(
            self._sold(),
            lambda certificate: (
                certificate.purchased_on,
                *certificate.book(),
                certificate.issuing_station_id,
                (certificate.purchase and certificate.purchase.data["agencyId"]) or None,
                certificate.definition_id,
            ),
        )
        return [
            {**dict(zip(names, key, strict=True)), **_sales(members), "total": _sum(members, "purchase_total")}
            | {"taxes_and_fees": _sum(members, "purchase_total") - _sum(members, "purchase_price")}
            for key, members in groups.items()
        ]

    def definition_performance(self) -> list[Row]:
        rows = []
        for (account, definition_id, currency), members in _grouped(
            self.certificates,
            lambda certificate: (certificate.account, certificate.definition_id, certificate.currency),
        ).items():
            sales = _sales([member for member in members if member.purchase])
            known = sum((member.redeemed for member in members if member.purchase), ZERO)
            rows.append(
                {
                    "account_id": account,
                    "definition_id": definition_id,
                    "definition_name": self.definitions.get(definition_id or "", {}).get("name"),
                    "currency": currency,
                    **sales,
                    "redeemed": sum((member.redeemed for member in members), ZERO),
                    "outstanding": sum((member.balance for member in members), ZERO),
                    "negative": sum((min(member.balance, ZERO) for member in members), ZERO),
                    "redemption_rate": rounded(known / sales["face_value"]) if sales["face_value"] else None,
                }
            )
        return rows

    def cohort_redemption(self) -> list[Row]:
        rows = []
        for (cohort, account, currency), members in _grouped(
            self._sold(), lambda certificate: (_month(certificate.purchased_on), *certificate.book())
        ).items():
            face_value, so_far = _sum(members, "face_value"), ZERO
            redeemed: defaultdict[date, Decimal] = defaultdict(Decimal)
            for member in members:
                for line in member.redemptions:
                    redeemed[_month(line.posting_day)] += line.size
            for number, month in enumerate(_months(cohort, self.latest)):
                so_far += redeemed[month]
                rows.append(
                    {
                        "cohort_month": cohort,
                        "account_id": account,
                        "currency": currency,
                        "month": month,
                        "months_since_purchase": number,
                        "certificates_issued": len(members),
                        "face_value": face_value,
                        "redeemed": redeemed[month],
                        "redeemed_so_far": so_far,
                        "redemption_rate": rounded(so_far / face_value) if face_value else None,
                    }
                )
        return rows

    def interlocation_settlement(self) -> list[Row]:
        cells: defaultdict[tuple[Any, ...], list[Line]] = defaultdict(list)
        for certificate in self.certificates:
            for line in certificate.redemptions:
                known = certificate.purchase is not None
                cells[_month(line.posting_day), *line.station_book(), line.station_id, known].append(line)
        names = ("month", "account_id", "currency", "issuing_station_id", "redeeming_station_id", "is_purchase_known")
        return [
            {
                **dict(zip(names, key, strict=True)),
                "redeemed": sum((line.size for line in lines), ZERO),
                "redemptions": len(lines),
                "certificates_redeemed": len({line.certificate_id for line in lines}),
            }
            for key, lines in cells.items()
        ]

    # What they have in common.

    def _days(self, first: date, last: date) -> Iterator[date]:
        """Give the days that reports show: those of years in which something was posted."""
        return (day for day in _days(first, last) if day.year in self.years)

    def _sold(self) -> list[Certificate]:
        return [certificate for certificate in self.certificates if certificate.purchase]

    def _holdings(
        self, names: tuple[str, ...], key: Callable[[Certificate], tuple[Any, ...]]
    ) -> Iterator[tuple[Row, list[Certificate]]]:
        for values, members in _grouped(self.certificates, key).items():
            yield (
                {
                    **dict(zip(names, values, strict=True)),
                    "outstanding": sum((member.balance for member in members), ZERO),
                    "outstanding_at_consideration": sum((member.consideration for member in members), ZERO),
                    "negative": sum((min(member.balance, ZERO) for member in members), ZERO),
                    "certificates": sum(member.balance > 0 for member in members),
                },
                members,
            )

    def _rollforward(
        self,
        period_of: Callable[[date], date],
        periods: Callable[[date, date], Iterator[date]],
        last: date | None = None,
    ) -> list[Row]:
        rows = []
        for book, lines in _grouped(self.lines, Line.station_book).items():
            by_period = _grouped(lines, lambda line: period_of(line.posting_day))
            balance = ZERO
            for period in periods(min(by_period), period_of(last or self.latest)):
                within = by_period.get(period, [])
                opening, balance = balance, balance + sum((line.change for line in within), ZERO)
                rows.append(
                    {
                        "period": period,
                        **dict(zip(("account_id", "currency", "issuing_station_id"), book, strict=True)),
                        "opening": opening,
                        **_by_movement(within),
                        "closing": balance,
                        "difference": ZERO,
                    }
                )
        return rows


@dataclass
class History:
    """What the books said from time to time: each state beside when it was booked, and what was closed by then."""

    setting: Setting
    states: list[tuple[datetime, Books]] = field(default_factory=list)
    booked: list[tuple[date, Line, int]] = field(default_factory=list)

    def book(self, booked_at: datetime, books: Books, closed: dict[str | None, date]) -> None:
        """Add a state: what differs from the one before is taken back, and booked into an open month."""
        before = Counter(self.states[-1][1].lines if self.states else ())
        after = Counter(books.lines)
        self.states.append((booked_at, books))
        for entry, lines in ((-1, before - after), (1, after - before)):
            for line in lines.elements():
                closed_month = closed.get(line.account_id) if self.setting.livemode else None
                first_open = _next_month(closed_month) if closed_month else date.min
                self.booked.append((max(_month(line.posting_day), first_open), line, entry))

    def known_at(self, time: datetime) -> Books:
        return next((books for at, books in reversed(self.states) if at <= time), Books([], self.setting))

    def rollforward_restatements(self) -> list[Row]:
        current = self.known_at(self.states[-1][0])
        figures = current.figures(current.latest)
        return [
            row
            for month in _months(min(line.posting_day for line in current.lines), current.latest)
            if (reported_at := _ended_everywhere(month)) < self.states[-1][0]
            for row in _restated(month, reported_at, figures, self.known_at(reported_at).figures(current.latest))
        ]

    def books_monthly(self) -> list[Row]:
        rows = []
        # What was taken back in its own month was never there.
        cells = _grouped(
            self.booked,
            lambda entry: (
                entry[0],
                entry[1].station_book(),
                entry[1].movement,
                _month(entry[1].posting_day) < entry[0],
            ),
        )
        left = [
            booked
            for cell in cells.values()
            if sum(entry for _, _, entry in cell) or _sum_of_entries(cell)
            for booked in cell
        ]
        for book, booked in _grouped(left, lambda entry: entry[1].station_book()).items():
            by_month = _grouped(booked, lambda entry: entry[0])
            balance = ZERO
            for month in _months(min(by_month), max(period for period, _, _ in left)):
                within = by_month.get(month, [])
                earlier = [entry for entry in within if _month(entry[1].posting_day) < month]
                opening, balance = balance, balance + _sum_of_entries(within)
                rows.append(
                    {
                        "month": month,
                        **dict(zip(("account_id", "currency", "issuing_station_id"), book, strict=True)),
                        "opening": opening,
                        **_by_movement_booked(within),
                        **{f"{name}_for_earlier_months": size for name, size in _by_movement_booked(earlier).items()},
                        "of_which_for_earlier_months": _sum_of_entries(earlier),
                        "closing": balance,
                    }
                )
        return rows


def _restated(month: date, reported_at: datetime, current: Figures, reported: Figures) -> Iterator[Row]:
    for key in current.keys() | reported.keys():
        change = current.get(key, ZERO) - reported.get(key, ZERO)
        if key[0] == month and change:
            yield {
                **dict(zip(("month", "account_id", "currency", "figure"), key, strict=True)),
                "change": change,
                "reported_at": reported_at,
            }


def _outstanding(standing: Iterable[tuple[Certificate, Decimal]]) -> Iterator[Row]:
    for (account, currency), members in _grouped(standing, lambda pair: pair[0].book()).items():
        yield {
            "account_id": account,
            "currency": currency,
            "outstanding": sum((left for _, left in members), ZERO),
            "outstanding_at_consideration": sum(
                (certificate.at_consideration(left) for certificate, left in members), ZERO
            ),
            "negative": sum((min(left, ZERO) for _, left in members), ZERO),
            "certificates": sum(left > 0 for _, left in members),
        }


def _by_movement(lines: Iterable[Line]) -> dict[str, Decimal]:
    return _by_movement_booked((date.min, line, 1) for line in lines)


def _by_movement_booked(booked: Iterable[tuple[date, Line, int]]) -> dict[str, Decimal]:
    sizes = dict.fromkeys(MOVEMENTS, ZERO)
    for _, line, entry in booked:
        sizes[line.movement] += entry * line.size
    return sizes


def _sum_of_entries(booked: Iterable[tuple[date, Line, int]]) -> Decimal:
    return sum((entry * line.change for _, line, entry in booked), ZERO)


def _sales(members: list[Certificate]) -> Row:
    given = [member for member in members if member.is_given_away]
    priced = [member for member in members if not member.is_given_away and member.purchase_price is not None]
    return {
        "sold": len(members) - len(given),
        "given_away": len(given),
        "price": _sum(members, "purchase_price"),
        "face_value": _sum(members, "face_value"),
        "face_value_given_away": _sum(given, "face_value"),
        "discount": _sum(priced, "face_value") - _sum(priced, "purchase_price"),
    }


def _sum(members: list[Certificate], name: str) -> Decimal:
    return sum((getattr(member, name) or ZERO for member in members), ZERO)


def _grouped(members: Iterable[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    groups: defaultdict[Any, list[Any]] = defaultdict(list)
    for member in members:
        groups[key(member)].append(member)
    return groups


def _key(body: dict[str, Any]) -> tuple[bool, datetime, datetime, bool, int, str]:
    is_update = not body["event"].endswith("created")
    paid = body["data"].get("transactionsPaid")
    emitted_at = datetime.fromtimestamp(body["created"], UTC)
    return (
        is_update,
        instant(body["data"]["updatedAt"]),
        emitted_at,
        is_update,
        -1 if paid is None else len(paid),
        body["id"],
    )


def _definitions(deliveries: list[Delivery]) -> dict[str, dict[str, Any]]:
    """Give the newest description of each definition, and the first currency that it ever gave."""
    described = [
        delivery.body
        for delivery in deliveries
        if delivery.body["event"] in {"giftcertificates.created", "giftcertificates.updated"}
    ]
    definitions: dict[str, dict[str, Any]] = {}
    for body in sorted(described, key=_key):
        data = body["data"]
        known = definitions.get(data["_id"], {"first_currency": None})
        first_currency = known["first_currency"] or data["currencyCode"] or None
        definitions[data["_id"]] = {**data, "first_currency": first_currency, "deleted_at": None}
    for delivery in deliveries:
        if delivery.body["event"] == "giftcertificates.deleted":
            deleted_at = datetime.fromtimestamp(delivery.body["created"], UTC)
            if (id_ := delivery.body["data"]["giftcertificateId"]) in definitions:
                definitions[id_]["deleted_at"] = deleted_at
    return definitions


def _month(day: date) -> date:
    return day.replace(day=1)


def _next_month(month: date) -> date:
    return month + timedelta(days=calendar.monthrange(month.year, month.month)[1])


def _ended_everywhere(month: date) -> datetime:
    """No clock is later than twelve hours behind UTC."""
    return datetime(*_next_month(month).timetuple()[:3], 12, tzinfo=UTC)


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _months(first: date, last: date) -> Iterator[date]:
    month = _month(first)
    while month <= last:
        yield month
        month = _next_month(month)
