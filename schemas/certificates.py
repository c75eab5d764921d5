"""Certificates: the events ``giftcertificate.created`` (purchased) and ``giftcertificate.updated`` (paid with).

``data`` is a full snapshot after the change. Fields that no projection uses are not typed: they are kept as
they came and cannot make an event fail.
"""

from datetime import datetime
from typing import NamedTuple

from msgspec import Raw, Struct, field

from schemas.envelope import Dates, Message
from schemas.events import KIND_NAMES, Event, Family, Kind
from schemas.fields import (
    Blank,
    BzDate,
    CurrencyCode,
    Identifier,
    Money,
    Reference,
    currency_code,
    given,
    instant_of,
    plausible,
)


class ShiftLocation(Struct, rename="camel", gc=False):
    """The station where the agent had an open shift; all of it may be missing (bought online, older accounts)."""

    station_id: Reference = None
    name: str | None = None
    time_zone: str | None = None
    primary_currency_code: CurrencyCode = None


_NO_STATION = ShiftLocation()


class DisplayCurrency(Struct, gc=False):
    """The currency of the ``display*`` amounts and its rates to the account's base currency."""

    buy: float | str | None = None
    sell: float | str | None = None
    isocode: CurrencyCode = None

    @property
    def base_isocode(self) -> str | None:
        """The code, where both rates are 1: only then does it name the base currency (inferred)."""
        return currency_code(self.isocode) if self.buy == 1 and self.sell == 1 else None


class Certificate(Struct, rename="camel", gc=False):
    """A certificate after an event; amounts in 1/100000 of the account's base currency."""

    id: Identifier = field(name="_id")
    balance: Money
    price: Money | Blank = None
    total: Money | Blank = None
    status: str | None = None
    deleted: bool | Blank = None
    account_id: Reference = None
    cert_def_id: Reference = None
    transaction_id: str | None = None
    trx_id: str | None = None
    # How many they are is all that is asked of them.
    transactions_paid: list[Raw] | Blank = None
    customer_number: Reference = None
    user_id: str | None = None
    agency_id: Reference = None
    agency_name: str | None = None
    shift_id: str | None = None
    shift_location: ShiftLocation | Blank = None
    display_currency: DisplayCurrency | Blank = None
    created_at: BzDate | Blank = None
    updated_at: BzDate | Blank = None


class CertificateMessage(Message):
    """An event of a certificate."""

    data: Certificate

    @property
    def dates(self) -> Dates:
        return instant_of(self.data.updated_at), instant_of(self.data.created_at)

    @property
    def transactions_paid(self) -> int:
        paid = given(self.data.transactions_paid)
        return -1 if paid is None else len(paid)

    @property
    def snapshot(self) -> Certificate:
        return self.data

    @property
    def deleted_at(self) -> None:
        """Never: ``deleted`` is a state of a certificate's snapshot, not the end of its story."""
        return


class CertificateCreated(CertificateMessage, tag="giftcertificate.created", gc=False):
    """A certificate was purchased: ``balance`` is its face value."""

    kind = Kind.CREATED


class CertificateUpdated(CertificateMessage, tag="giftcertificate.updated", gc=False):
    """Someone paid with a certificate: ``balance`` is what is left."""

    kind = Kind.UPDATED


class Fact(NamedTuple):
    """What one event says of a certificate, as ``certificate_history`` keeps it; amounts in 1/100000."""

    certificate_id: str
    livemode: bool
    event_id: str
    occurred_at: datetime
    emitted_at: datetime
    received_at: datetime
    kind: str
    balance: int
    price: int | None
    total: int | None
    transactions_paid: int | None
    deleted: bool
    status: str | None
    transaction_id: str | None
    account_id: str | None
    definition_id: str | None
    user_id: str | None
    agency_id: str | None
    shift_id: str | None
    station_id: str | None
    station_name: str | None
    station_time_zone: str | None
    station_currency_code: str | None
    display_currency_code: str | None
    doubts: list[str] | None

    @property
    def is_created(self) -> bool:
        return self.kind == KIND_NAMES[Kind.CREATED]

    def place(self) -> tuple[bool, datetime, datetime, str, int, str]:
        """Give the event's place among those of its certificate: that of its ``OrderKey``."""
        paid = -1 if self.transactions_paid is None else self.transactions_paid
        # Of the kinds that come second there is only one.
        return not self.is_created, self.occurred_at, self.emitted_at, self.kind, paid, self.event_id


class Description(NamedTuple):
    """What only the current state keeps of an event, and its purchase (the agency's name)."""

    created_at: datetime | None
    customer_number: str | None
    agency_name: str | None


def fact_of(event: Event) -> Fact:
    """Give what an event says of its certificate."""
    certificate: Certificate = event.snapshot
    station = given(certificate.shift_location) or _NO_STATION
    display = given(certificate.display_currency)
    order = event.order
    return Fact(
        event.entity.id,
        event.entity.livemode,
        order.event_id,
        order.occurred_at,
        order.emitted_at,
        event.received_at,
        KIND_NAMES[order.kind],
        certificate.balance,
        given(certificate.price),
        given(certificate.total),
        None if order.transactions_paid < 0 else order.transactions_paid,
        given(certificate.deleted) or False,
        given(certificate.status),
        given(certificate.transaction_id) or given(certificate.trx_id),
        given(certificate.account_id),
        given(certificate.cert_def_id),
        given(certificate.user_id),
        given(certificate.agency_id),
        given(certificate.shift_id),
        given(station.station_id),
        given(station.name),
        given(station.time_zone),
        currency_code(station.primary_currency_code),
        display.base_isocode if display else None,
        list(event.doubts) or None,
    )


def description_of(event: Event) -> Description:
    """Give what only the current state keeps of an event."""
    certificate: Certificate = event.snapshot
    return Description(
        plausible(certificate.created_at, event.order.emitted_at),
        given(certificate.customer_number),
        given(certificate.agency_name),
    )


CERTIFICATES = Family(name="certificate", topic="certificates", is_created_once=True)
