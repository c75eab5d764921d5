"""Certificates: the events ``giftcertificate.created`` (purchased) and ``giftcertificate.updated`` (paid with).

``data`` is a full snapshot after the change. Fields that no projection uses are not typed: they are kept as
they came and cannot make an event fail.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Raw, Struct, field

from schemas.envelope import Dates, Message
from schemas.events import Event, Family, Kind, Projection
from schemas.fields import Blank, BzDate, Identifier, Money, currency_code, given, instant_of, plausible


class ShiftLocation(Struct, rename="camel", gc=False):
    """The station where the agent had an open shift; all of it may be missing (bought online, older accounts)."""

    station_id: str | None = None
    name: str | None = None
    time_zone: str | None = None
    primary_currency_code: str | None = None


_NO_STATION = ShiftLocation()


class DisplayCurrency(Struct, gc=False):
    """The currency of the ``display*`` amounts and its rates to the account's base currency."""

    buy: float | str | None = None
    sell: float | str | None = None
    isocode: str | None = None

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
    account_id: str | None = None
    cert_def_id: str | None = None
    transaction_id: str | None = None
    trx_id: str | None = None
    # How many they are is all that is asked of them.
    transactions_paid: list[Raw] | Blank = None
    customer_number: str | None = None
    user_id: str | None = None
    agency_id: str | None = None
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


# What the history says of an event; the last two columns are not in the current state.
_EVENT = (
    *("certificate_id", "livemode", "event_id", "occurred_at", "emitted_at", "kind"),
    *("balance", "price", "total", "transactions_paid", "deleted", "status", "transaction_id"),
    *("user_id", "agency_id", "shift_id", "station_id", "station_name", "station_time_zone"),
    *("station_currency_code", "display_currency_code", "received_at", "doubts"),
)
# What only the current state says.
_DESCRIPTION = ("created_at", "definition_id", "account_id", "customer_number", "agency_name", "data")
_NOT_DESCRIBED = (None,) * len(_DESCRIPTION)


def _rows(entered: Iterable[Event], projections: Iterable[Projection]) -> list[tuple[Any, ...]]:
    """Give a row an event that enters the history; those that become the current state carry their description."""
    newest = {id(projection.newest) for projection in projections}
    return [(*_event(event), *(_description(event) if id(event) in newest else _NOT_DESCRIBED)) for event in entered]


def _event(event: Event) -> tuple[Any, ...]:
    certificate: Certificate = event.snapshot
    station = given(certificate.shift_location) or _NO_STATION
    display = given(certificate.display_currency)
    paid = event.order.transactions_paid
    return (
        event.entity.id,
        event.entity.livemode,
        *event.order.columns(),
        certificate.balance,
        given(certificate.price),
        given(certificate.total),
        None if paid < 0 else paid,
        given(certificate.deleted) or False,
        given(certificate.status),
        given(certificate.transaction_id) or given(certificate.trx_id),
        given(certificate.user_id),
        given(certificate.agency_id),
        given(certificate.shift_id),
        given(station.station_id),
        given(station.name),
        given(station.time_zone),
        currency_code(station.primary_currency_code),
        display.base_isocode if display else None,
        event.received_at,
        event.doubts or None,
    )


def _description(event: Event) -> tuple[Any, ...]:
    certificate: Certificate = event.snapshot
    return (
        plausible(certificate.created_at, event.order.emitted_at),
        given(certificate.cert_def_id),
        given(certificate.account_id),
        given(certificate.customer_number),
        given(certificate.agency_name),
        event.data,
    )


CERTIFICATES = Family(
    name="certificate",
    topic="certificates",
    columns=(*_EVENT, *_DESCRIPTION),
    rows=_rows,
    has_history=True,
    is_created_once=True,
)
