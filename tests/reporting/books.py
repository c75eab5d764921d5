"""The reports, computed the obvious way: from the webhooks themselves, in `decimal`, one certificate at a time.

Independent of what it checks: it reads no table and shares no code with the decoder, the fold or the SQL. Every
function returns the rows of the view of its name as dicts; a column that it leaves out is not compared.
"""

import calendar
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import cached_property
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from tests.reference import Delivery

Row = dict[str, Any]
# By month, account, currency and column of the roll-forward.
Figures = dict[tuple[date, str, str, str], Decimal]
ZERO = Decimal(0)
UNIT = Decimal("0.00001")
FOR_EVER = datetime.max.replace(tzinfo=UTC)
MOVEMENTS = ("issued", "adjusted_up", "redeemed", "adjusted_down", "voided")
RISES = ("issued", "adjusted_up")
ZONES = available_timezones()


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
    now: datetime

    @property
    def today(self) -> date:
        return self.now.astimezone(ZoneInfo(self.time_zone)).date()

    def zone(self, station: dict[str, Any]) -> str:
        named = station.get("timeZone")
        return named if named in ZONES else self.time_zone


@dataclass(frozen=True)
class Event:
    """One event of a certificate, with what it did to the balance."""

    body: dict[str, Any]
    received_at: datetime
    key: tuple[bool, datetime, datetime, bool, int, str]

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
    def is_purchase(self) -> bool:
        return bool(self.body["event"] == "giftcertificate.created")

    @property
    def left(self) -> Decimal:
        return ZERO if self.data.get("deleted") else Decimal(self.data["balance"]) * UNIT

    @property
    def paid(self) -> int | None:
        transactions = self.data.get("transactionsPaid")
        return None if transactions is None else len(transactions)

    @property
    def currency_of_station(self) -> str | None:
        return self.station.get("primaryCurrencyCode") or None

    @property
    def currency_of_display(self) -> str | None:
        display = self.data.get("displayCurrency") or {}
        return display.get("isocode") if display.get("buy") == display.get("sell") == 1 else None


@dataclass(frozen=True)
class Posting:
    """One event in its certificate's statement."""

    event: Event
    before: Decimal
    after: Decimal
    movement: str
    is_inferred: bool
    local_day: date
    day: date

    @property
    def change(self) -> Decimal:
        return self.after - self.before

    @property
    def column(self) -> str:
        """Where a roll-forward counts it."""
        return "adjusted_up" if self.movement == "opening" else self.movement


@dataclass
class Certificate:
    """All that is known of a certificate, its events in order."""

    setting: Setting
    definitions: dict[str, dict[str, Any]]
    events: list[Event] = field(default_factory=list)

    @cached_property
    def purchase(self) -> Event | None:
        return next((event for event in self.events if event.is_purchase), None)

    @cached_property
    def story(self) -> list[Event]:
        """Leave out created events behind the first: they change nothing."""
        return [event for event in self.events if not event.is_purchase or event is self.purchase]

    @property
    def newest(self) -> Event:
        return self.story[-1]

    @property
    def moved_at(self) -> datetime:
        """Nothing is paid with before it is there."""
        return max(event.occurred_at for event in (self.newest, self.purchase or self.newest))

    @property
    def id(self) -> str:
        return str(self.newest.data["_id"])

    @property
    def account(self) -> str:
        return str(self.newest.data["accountId"])

    @property
    def definition(self) -> dict[str, Any] | None:
        return self.definitions.get(self.newest.data["certDefId"])

    @cached_property
    def currency(self) -> str:
        first = [self.purchase] if self.purchase else []
        for event in [*first, *self.events]:
            sources = (
                (self.definition or {}).get("currencyCode"),
                event.currency_of_station,
                self.setting.account_currencies.get(self.account),
                event.currency_of_display,
            )
            if named := next(filter(None, sources), None):
                return str(named)
        return "unspecified"

    @property
    def balance(self) -> Decimal:
        return self.newest.left

    @property
    def face_value(self) -> Decimal | None:
        return money(self.purchase.data["balance"]) if self.purchase else None

    @property
    def price(self) -> Decimal | None:
        return money((self.purchase or self.newest).data["price"])

    @property
    def total(self) -> Decimal | None:
        return money((self.purchase or self.newest).data["total"])

    @property
    def issued_at(self) -> datetime:
        return instant(self.newest.data["createdAt"])

    @property
    def issuing_station(self) -> dict[str, Any]:
        return self.purchase.station if self.purchase else {}

    @property
    def issuing_station_id(self) -> str | None:
        return self.issuing_station.get("stationId") or None

    @property
    def issued_on(self) -> date:
        return self.issued_at.astimezone(ZoneInfo(self.setting.zone(self.issuing_station))).date()

    @property
    def purchased_on(self) -> date:
        assert self.purchase is not None
        return self.purchase.occurred_at.astimezone(ZoneInfo(self.setting.zone(self.issuing_station))).date()

    def at_consideration(self, balance: Decimal) -> Decimal:
        if not self.face_value or self.price is None:
            return balance
        with localcontext(prec=60):
            return rounded(balance * self.price / self.face_value)

    @cached_property
    def statement(self) -> list[Posting]:
        postings: list[Posting] = []
        before: Event | None = None
        for event in self.events:
            counts = event in self.story
            local_day = event.occurred_at.astimezone(ZoneInfo(self.setting.zone(event.station))).date()
            movement, is_inferred = _movement(before, event) if counts else ("unchanged", False)
            left = before.left if before else ZERO
            postings.append(
                Posting(
                    event=event,
                    before=left,
                    after=event.left if counts else left,
                    movement=movement,
                    is_inferred=is_inferred,
                    local_day=local_day,
                    day=max(local_day if counts else date.min, postings[-1].day) if postings else local_day,
                )
            )
            before = event if counts else before
        return postings

    def book(self) -> tuple[str, str]:
        return self.account, self.currency

    def station_book(self) -> tuple[str, str, str | None]:
        return self.account, self.currency, self.issuing_station_id


def _movement(before: Event | None, event: Event) -> tuple[str, bool]:
    if before is None:
        return ("issued", False) if event.is_purchase else ("opening", True)
    if event.left == before.left:
        return "unchanged", False
    if event.data.get("deleted"):
        return "voided", False
    if event.left > before.left:
        return "adjusted_up", True
    is_counted = before.paid is not None and event.paid is not None
    return "redeemed", is_counted and event.paid != (before.paid or 0) + 1


def instant(date_: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(date_["value"])


class Books:
    """The books of one kind of traffic, as they were known at a time."""

    def __init__(self, deliveries: Iterable[Delivery], setting: Setting, *, known_at: datetime = FOR_EVER) -> None:
        self.setting = setting
        self.deliveries = [delivery for delivery in deliveries if delivery.body["livemode"] is setting.livemode]
        self.definitions = _definitions(self.deliveries)
        self.certificates = self._certificates(known_at)

    def _certificates(self, known_at: datetime) -> list[Certificate]:
        first: dict[tuple[str, str], Delivery] = {}
        for delivery in sorted(self.deliveries, key=lambda delivery: delivery.received_at):
            if delivery.body["event"].startswith("giftcertificate."):
                first.setdefault((delivery.body["data"]["_id"], delivery.body["id"]), delivery)
        stories: defaultdict[str, list[Event]] = defaultdict(list)
        for (id_, _), delivery in first.items():
            if delivery.received_at <= known_at:
                body = delivery.body
                emitted_at = datetime.fromtimestamp(body["created"], UTC)
                is_update = body["event"].endswith("updated")
                paid = body["data"].get("transactionsPaid")
                paid = -1 if paid is None else len(paid)
                key = (is_update, instant(body["data"]["updatedAt"]), emitted_at, is_update, paid, body["id"])
                stories[id_].append(Event(body, delivery.received_at, key))
        return [
            Certificate(self.setting, self.definitions, sorted(events, key=lambda event: event.key))
            for _, events in sorted(stories.items())
        ]

    def as_known(self, known_at: datetime) -> "Books":
        return Books(self.deliveries, self.setting, known_at=known_at)

    # The views.

    def certificate_current(self) -> list[Row]:
        return [
            {
                "certificate_id": certificate.id,
                "account_id": certificate.account,
                "definition_id": certificate.newest.data["certDefId"],
                "status": certificate.newest.data["status"],
                "currency": certificate.currency,
                "balance": certificate.balance,
                "face_value": certificate.face_value,
                "price": certificate.price,
                "total": certificate.total,
                "balance_at_consideration": certificate.at_consideration(certificate.balance),
                "balance_as_sent": money(certificate.newest.data["balance"]),
                "issued_at": certificate.issued_at,
                "updated_at": certificate.moved_at,
                "transactions_paid": certificate.newest.paid,
                "is_voided": bool(certificate.newest.data.get("deleted")),
                "is_purchase_known": certificate.purchase is not None,
                "issuing_station_id": certificate.issuing_station_id,
            }
            for certificate in self.certificates
        ]

    def certificate_activity(self) -> list[Row]:
        return [
            {
                "certificate_id": certificate.id,
                "position": position,
                "movement": posting.movement,
                "account_id": certificate.account,
                "currency": certificate.currency,
                "change": posting.change,
                "balance_before": posting.before,
                "balance_after": posting.after,
                "is_inferred": posting.is_inferred,
                "occurred_at": posting.event.occurred_at,
                "local_day": posting.local_day,
                "posting_day": posting.day,
                "received_at": posting.event.received_at,
                "event_id": posting.event.body["id"],
            }
            for certificate in self.certificates
            for position, posting in enumerate(certificate.statement, 1)
        ]

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
                "discount_rate": rounded(Decimal(definition["value"] - definition["price"]) / definition["value"]),
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
                    member.purchase is None and member.balance != 0 for member in members
                ),
                "updated_at": max(member.moved_at for member in members),
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
        """Give the rows for these books' knowledge: see as_known()."""
        standing: list[tuple[Certificate, Decimal]] = []
        for certificate in self.certificates:
            until_then = [event for event in certificate.story if event.occurred_at <= as_of]
            bought_later = certificate.purchase is not None and certificate.purchase.occurred_at > as_of
            if until_then and not bought_later:
                standing.append((certificate, until_then[-1].left))
        groups = _grouped(standing, lambda pair: pair[0].book())
        return [
            {
                "account_id": account,
                "currency": currency,
                "outstanding": sum((left for _, left in members), ZERO),
                "outstanding_at_consideration": sum(
                    (certificate.at_consideration(left) for certificate, left in members), ZERO
                ),
                "certificates": sum(left != 0 for _, left in members),
            }
            for (account, currency), members in groups.items()
        ]

    def liability_rollforward_daily(self) -> list[Row]:
        return [{"day": row.pop("period"), **row} for row in self._rollforward(lambda day: day, _days)]

    def liability_rollforward_monthly(self) -> list[Row]:
        return [{"month": row.pop("period"), **row} for row in self._rollforward(_month, _months)]

    def liability_daily(self) -> list[Row]:
        """From balances at the end of each day, not from movements."""
        rows: defaultdict[tuple[date, str, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO, ZERO])
        first_days: dict[tuple[str, str], date] = {}
        for certificate in self.certificates:
            book, first = certificate.book(), certificate.statement[0].day
            first_days[book] = min(first_days.get(book, first), first)
            for posting, following in pairwise([*certificate.statement, None]):
                assert posting is not None
                end = following.day if following else self.setting.today + timedelta(days=1)
                for day in _days(posting.day, end - timedelta(days=1)):
                    row = rows[day, *book]
                    row[0] += posting.after
                    row[1] += certificate.at_consideration(posting.after)
                    row[2] += posting.after != 0
        return [
            {
                "day": day,
                "account_id": book[0],
                "currency": book[1],
                "outstanding": rows[day, *book][0],
                "outstanding_at_consideration": rows[day, *book][1],
                "certificates": int(rows[day, *book][2]),
            }
            for book, first in first_days.items()
            for day in _days(first, self.setting.today)
        ]

    def rollforward_restatements(self) -> list[Row]:
        current = self.figures()
        return [
            row
            for month in _months(date(2024, 1, 1), self.setting.today)
            if (reported_at := _ended_everywhere(month)) < self.setting.now
            for row in self._restated(month, reported_at, current, self.as_known(reported_at).figures())
        ]

    def _restated(self, month: date, reported_at: datetime, current: Figures, reported: Figures) -> Iterator[Row]:
        for key in current.keys() | reported.keys():
            change = current.get(key, ZERO) - reported.get(key, ZERO)
            if key[0] == month and change:
                yield {
                    **dict(zip(("month", "account_id", "currency", "figure"), key, strict=True)),
                    "change": change,
                    "late_events": self._late_events(reported_at, *key[:3]),
                    "reported_at": reported_at,
                }

    def _late_events(self, reported_at: datetime, month: date, account: str, currency: str) -> int:
        return sum(
            posting.event.received_at > reported_at and _month(posting.day) <= month
            for certificate in self.certificates
            if certificate.book() == (account, currency)
            for posting in certificate.statement
            if posting.event in certificate.story
        )

    def figures(self) -> Figures:
        """Every month's figures by account and currency, months without a certificate left out."""
        figures: defaultdict[tuple[date, str, str, str], Decimal] = defaultdict(Decimal)
        for certificate in self.certificates:
            for posting in certificate.statement:
                month, book = _month(posting.day), certificate.book()
                if posting.movement != "unchanged":
                    size = posting.change if posting.column in RISES else -posting.change
                    figures[month, *book, posting.column] += size
                for later in _months(month, self.setting.today):
                    figures[later, *book, "closing"] += posting.change
                    if later > month:
                        figures[later, *book, "opening"] += posting.change
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
            days = (self.setting.today - certificate.issued_on).days
            return next(name for limit, name in limits if days <= limit)

        holdings = self._holdings(
            ("account_id", "currency", "age"), lambda certificate: (*certificate.book(), age(certificate))
        )
        return [row for row, _ in holdings if row["certificates"]]

    def dormant_certificates(self) -> list[Row]:
        zone = ZoneInfo(self.setting.time_zone)
        return [
            {
                "certificate_id": certificate.id,
                "currency": certificate.currency,
                "balance": certificate.balance,
                "balance_at_consideration": certificate.at_consideration(certificate.balance),
                "days_dormant": days,
            }
            for certificate in self.certificates
            for days in [(self.setting.today - certificate.moved_at.astimezone(zone).date()).days]
            if certificate.balance and days >= 180
        ]

    def sales_daily(self) -> list[Row]:
        names = ("day", "account_id", "currency", "station_id", "agency_id")
        groups = _grouped(
            self._sold(),
            lambda certificate: (
                certificate.purchased_on,
                *certificate.station_book(),
                (certificate.purchase and certificate.purchase.data["agencyId"]) or None,
            ),
        )
        return [
            {**dict(zip(names, key, strict=True)), **_sales(members), "total": _sum(members, "total")}
            | {"taxes_and_fees": _sum(members, "total") - _sum(members, "price")}
            for key, members in groups.items()
        ]

    def definition_performance(self) -> list[Row]:
        rows = []
        for (account, definition_id, currency), members in _grouped(
            self.certificates,
            lambda certificate: (certificate.account, certificate.newest.data["certDefId"], certificate.currency),
        ).items():
            sales = _sales([member for member in members if member.purchase])
            redeemed = [_redeemed(member) for member in members]
            known = sum((_redeemed(member) for member in members if member.purchase), ZERO)
            rows.append(
                {
                    "account_id": account,
                    "definition_id": definition_id,
                    "currency": currency,
                    **sales,
                    "redeemed": sum(redeemed, ZERO),
                    "outstanding": sum((member.balance for member in members), ZERO),
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
            for number, month in enumerate(_months(cohort, self.setting.today)):
                redeemed = sum(
                    (_redeemed(member, lambda posting: _month(posting.day), month) for member in members), ZERO
                )
                so_far += redeemed
                rows.append(
                    {
                        "cohort_month": cohort,
                        "account_id": account,
                        "currency": currency,
                        "month": month,
                        "months_since_purchase": number,
                        "certificates_issued": len(members),
                        "face_value": face_value,
                        "redeemed": redeemed,
                        "redeemed_so_far": so_far,
                        "redemption_rate": rounded(so_far / face_value),
                    }
                )
        return rows

    def interlocation_settlement(self) -> list[Row]:
        redeemed: defaultdict[tuple[Any, ...], list[Decimal]] = defaultdict(list)
        for certificate in self.certificates:
            for posting in certificate.statement:
                there = posting.event.station.get("stationId") or None
                if posting.movement == "redeemed" and there != certificate.issuing_station_id:
                    known = certificate.purchase is not None
                    key = (_month(posting.local_day), *certificate.station_book(), there, known)
                    redeemed[key].append(-posting.change)
        names = ("month", "account_id", "currency", "issuing_station_id", "redeeming_station_id", "is_purchase_known")
        return [
            {**dict(zip(names, key, strict=True)), "redeemed": sum(amounts, ZERO), "redemptions": len(amounts)}
            for key, amounts in redeemed.items()
        ]

    # What they have in common.

    def _sold(self) -> list[Certificate]:
        return [certificate for certificate in self.certificates if certificate.purchase]

    def _holdings(
        self, names: tuple[str, ...], key: Callable[[Certificate], tuple[Any, ...]]
    ) -> Iterator[tuple[Row, list[Certificate]]]:
        for values, members in _grouped(self.certificates, key).items():
            left = [member for member in members if member.balance]
            yield (
                {
                    **dict(zip(names, values, strict=True)),
                    "outstanding": sum((member.balance for member in left), ZERO),
                    "outstanding_at_consideration": sum(
                        (member.at_consideration(member.balance) for member in left), ZERO
                    ),
                    "certificates": len(left),
                },
                members,
            )

    def _rollforward(
        self, period_of: Callable[[date], date], periods: Callable[[date, date], Iterator[date]]
    ) -> list[Row]:
        rows = []
        for book, members in _grouped(self.certificates, Certificate.station_book).items():
            postings = [posting for member in members for posting in member.statement]
            by_period = _grouped(postings, lambda posting: period_of(posting.day))
            balance = ZERO
            for period in periods(min(by_period), period_of(self.setting.today)):
                within = by_period.get(period, [])
                row: Row = {
                    "period": period,
                    **dict(zip(("account_id", "currency", "issuing_station_id"), book, strict=True)),
                    "opening": balance,
                    **{column: _size(within, column) for column in MOVEMENTS},
                    "difference": ZERO,
                    "of_which_first_seen": sum(
                        (posting.change for posting in within if posting.movement == "opening"), ZERO
                    ),
                }
                balance += sum((posting.change for posting in within), ZERO)
                rows.append({**row, "closing": balance})
        return rows


def _size(postings: list[Posting], column: str) -> Decimal:
    change = sum((posting.change for posting in postings if posting.column == column), ZERO)
    return change if column in RISES else -change


def _redeemed(
    certificate: Certificate, period: Callable[[Posting], date] | None = None, wanted: date | None = None
) -> Decimal:
    return -sum(
        (
            posting.change
            for posting in certificate.statement
            if posting.movement == "redeemed" and (period is None or period(posting) == wanted)
        ),
        ZERO,
    )


def _sales(members: list[Certificate]) -> Row:
    given = [member for member in members if member.price == 0 and (member.face_value or 0) > 0]
    sold = [member for member in members if member not in given]
    return {
        "sold": len(sold),
        "given_away": len(given),
        "price": _sum(members, "price"),
        "face_value": _sum(members, "face_value"),
        "face_value_given_away": _sum(given, "face_value"),
        "discount": _sum(sold, "face_value") - _sum(sold, "price"),
    }


def _sum(members: list[Certificate], name: str) -> Decimal:
    return sum((getattr(member, name) for member in members), ZERO)


def _grouped(members: Iterable[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    groups: defaultdict[Any, list[Any]] = defaultdict(list)
    for member in members:
        groups[key(member)].append(member)
    return groups


def _definitions(deliveries: list[Delivery]) -> dict[str, dict[str, Any]]:
    definitions: dict[str, dict[str, Any]] = {}
    for delivery in deliveries:
        data = delivery.body["data"]
        if delivery.body["event"] == "giftcertificates.created":
            definitions.setdefault(data["_id"], {**data, "deleted_at": None})
    for delivery in deliveries:
        if delivery.body["event"] == "giftcertificates.deleted":
            deleted_at = datetime.fromtimestamp(delivery.body["created"], UTC)
            definitions[delivery.body["data"]["giftcertificateId"]]["deleted_at"] = deleted_at
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
