"""Certificates: the events ``giftcertificate.created`` (purchased) and ``giftcertificate.updated`` (paid with).

``data`` is a full snapshot after the change. Fields that no projection uses are not typed: they are kept as
they came and cannot make an event fail.
"""

from datetime import datetime
from typing import Any

from msgspec import Raw, Struct, field
from msgspec.structs import astuple

from schemas.envelope import Dates, Message
from schemas.events import KIND_NAMES, KINDS, Family, Kind, OrderKey
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

    def said(self, order: OrderKey, received_at: datetime, doubts: tuple[str, ...], data: str) -> "Fact":
        """Give what the event says. An empty text is not given; 0 is an amount."""
        certificate = self.data
        station = certificate.shift_location or _NO_STATION
        display = certificate.display_currency or None
        _, occurred_at, emitted_at, kind, paid, event_id = order
        return Fact(
            certificate.id,
            self.livemode,
            event_id,
            occurred_at,
            emitted_at,
            KIND_NAMES[kind],
            certificate.balance,
            given(certificate.price),
            given(certificate.total),
            None if paid < 0 else paid,
            certificate.deleted or False,
            certificate.status or None,
            certificate.transaction_id or certificate.trx_id or None,
            certificate.agency_id or None,
            station.station_id or None,
            station.name or None,
            received_at,
            certificate.account_id or None,
            certificate.cert_def_id or None,
            certificate.user_id or None,
            certificate.shift_id or None,
            station.time_zone or None,
            currency_code(station.primary_currency_code),
            display.base_isocode if display else None,
            list(doubts) or None,
            plausible(certificate.created_at, emitted_at),
            certificate.customer_number or None,
            certificate.agency_name or None,
            data,
        )

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


class Fact(Struct, frozen=True, gc=False):
    """What one event says of its certificate; amounts in 1/100000."""

    certificate_id: str
    livemode: bool
    # What history and current state keep.
    event_id: str
    occurred_at: datetime
    emitted_at: datetime
    kind: str
    balance: int
    price: int | None
    total: int | None
    transactions_paid: int | None
    deleted: bool
    status: str | None
    transaction_id: str | None
    agency_id: str | None
    station_id: str | None
    station_name: str | None
    # What only the history keeps.
    received_at: datetime
    account_id: str | None
    definition_id: str | None
    user_id: str | None
    shift_id: str | None
    station_time_zone: str | None
    station_currency_code: str | None
    display_currency_code: str | None
    doubts: list[str] | None
    # What only the current state keeps (and of its purchase the agency's name), and the data as they came.
    created_at: datetime | None = None
    customer_number: str | None = None
    agency_name: str | None = None
    data: str | None = None

    @property
    def is_created(self) -> bool:
        return self.kind == _CREATED

    def place(self) -> tuple[bool, datetime, datetime, Kind, int, str]:
        """Give the event's place among those of its certificate: the same values as its ``OrderKey``."""
        paid = -1 if self.transactions_paid is None else self.transactions_paid
        return self.kind != _CREATED, self.occurred_at, self.emitted_at, KINDS[self.kind], paid, self.event_id

    def history(self) -> tuple[Any, ...]:
        """Give the values of ``HISTORY``."""
        return astuple(self)[_HISTORY]

    def state(self) -> tuple[Any, ...]:
        """Give the values of ``STATE``."""
        return astuple(self)[_STATE]

    def description(self) -> tuple[Any, ...]:
        """Give the values of ``DESCRIPTION``."""
        return self.created_at, self.customer_number, self.agency_name


_CREATED = KIND_NAMES[Kind.CREATED]
_FIELDS = Fact.__struct_fields__
_HISTORY = slice(_FIELDS.index("created_at"))
_STATE = slice(_FIELDS.index("event_id"), _FIELDS.index("received_at"))
# The columns of certificate_history and of certificate that hold an event's fields.
HISTORY, STATE, DESCRIPTION = _FIELDS[_HISTORY], _FIELDS[_STATE], ("created_at", "customer_number", "agency_name")


CERTIFICATES = Family(name="certificate", topic="certificates", is_created_once=True)
