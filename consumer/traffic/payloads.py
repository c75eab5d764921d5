"""From the sender's state to the bytes it posts: every field that the documents name, and no other."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any

import msgspec
from msgspec import Struct

from consumer.traffic.world import Account, Agency, Location, Person

# An entity's changes lie at least this many seconds apart: `created`, in whole seconds, orders them too.
STEP = 2.0
NULL_DATE = {"value": 0, "offset": 0}
PAR = 100  # percent: the rate of a currency to itself
CHANNELS = {"websales": True, "backoffice": True, "agency-websales": False, "agency-backoffice": True}


class Dating(Enum):
    """Which dates a certificate's payload carries: some accounts leave the sender's null date."""

    FULL = auto()
    CREATED_ONLY = auto()
    NONE = auto()


class Definition(Struct):
    """The state of a definition. Money in 1/100000, times in Unix seconds."""

    definition_id: str
    livemode: bool
    account: Account
    name: str
    description: str
    price: int
    value: int
    user_id: str
    created_at: float
    changed_at: float
    disabled: bool = False
    currency_code: str = ""


class Certificate(Struct):
    """The state of a certificate. Money in 1/100000, times in Unix seconds."""

    certificate_id: str
    livemode: bool
    account: Account
    definition_id: str
    description: str
    price: int
    face_value: int
    balance: int
    transaction_id: str
    buyer: Person
    customer_number: str
    agency: Agency
    created_at: float
    changed_at: float
    display_currency: tuple[str, str, int]  # ISO code, symbol, rate in percent
    dating: Dating
    omitted: tuple[str, ...]  # optional fields that this certificate's payloads lack
    transactions_paid: list[str]
    place: int = 0  # among the open certificates

    @property
    def is_shown_in_its_currency(self) -> bool:
        return self.display_currency[2] == PAR


class Shift(Struct, frozen=True):
    """Where and by whom a certificate is bought or used; online there is no shift and no number."""

    location: Location
    user_id: str
    shift_id: str
    shift_number: str


class Event(Struct, frozen=True):
    """An event before it is posted; ``created`` in Unix seconds."""

    event_id: str
    event: str
    livemode: bool
    created: float
    data: Mapping[str, Any]


def body(event: Event, attempt_id: str) -> bytes:
    """Write a POST's body as JSON.stringify does: compact, non-ASCII as it is; keys as in the documents."""
    created = int(event.created)
    if event.event.startswith("giftcertificates."):
        ordered = {
            "attemptId": attempt_id,
            "created": created,
            "data": event.data,
            "event": event.event,
            "id": event.event_id,
            "livemode": event.livemode,
        }
    else:
        ordered = {
            "id": event.event_id,
            "attemptId": attempt_id,
            "livemode": event.livemode,
            "created": created,
            "event": event.event,
            "data": event.data,
        }
    return msgspec.json.encode(ordered)


def bz_date(at: float, offset: int) -> dict[str, Any]:
    """Write the sender's date: an instant in UTC, to the millisecond."""
    instant = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return {"value": instant.removesuffix("+00:00") + "Z", "offset": offset}


def definition_data(definition: Definition) -> dict[str, Any]:
    """Write ``data`` of ``giftcertificates.created`` and ``.updated``, by alphabet as in the documents."""
    return {
        "_id": definition.definition_id,
        "accountId": definition.account.account_id,
        "availableChannels": CHANNELS,
        "createdAt": bz_date(definition.created_at, 0),
        "createdBy": definition.user_id,
        "currencyCode": definition.currency_code,
        "deleted": False,
        "description": definition.description,
        "disabled": definition.disabled,
        "image": "",
        "marketingImage": "",
        "marketingText": "",
        "name": definition.name,
        "price": definition.price,
        # Whole percents, in 1/1000 of a percent: 301000 for 401000 is documented as 33000.
        "savings": (definition.value - definition.price) * 100 // definition.price * 1000,
        "taxable": True,
        "updatedAt": bz_date(definition.changed_at, 0),
        "updatedBy": definition.user_id,
        "userId": definition.user_id,
        "value": definition.value,
    }


def certificate_data(certificate: Certificate, shift: Shift) -> dict[str, Any]:
    """Write ``data`` of ``giftcertificate.*``: a snapshot after the change, in the documents' order."""
    account, (*_, rate) = certificate.account, certificate.display_currency
    tax = certificate.price * account.tax_rate // 100_000
    total = certificate.price + tax
    data: dict[str, Any] = {
        "_id": certificate.certificate_id,
        "userId": shift.user_id,
        "trxId": certificate.transaction_id,
        "transactionsPaid": certificate.transactions_paid.copy(),
        "transactionId": certificate.transaction_id,
        "total": total,
        "displayTotal": total * rate // 100,
        "taxes": [{"value": account.tax_rate, "name": account.tax_name, "calculated": tax}],
        "taxable": True,
        "status": "paid",
        "shiftNumber": shift.shift_number,
        "shiftLocation": shift.location.payload,
        "shiftId": shift.shift_id,
        "rounding": {"policy": "none", "decimals": "2"},
        "price": certificate.price,
        "displayPrice": certificate.price * rate // 100,
        "lastName": certificate.buyer.last_name,
        "firstName": certificate.buyer.first_name,
        "fees": [],
        "email": certificate.buyer.email,
        "description": certificate.description,
        "customerNumber": certificate.customer_number,
        "certDefId": certificate.definition_id,
        "balance": certificate.balance,
        "agencyName": certificate.agency.name,
        "agencyId": certificate.agency.agency_id,
        "accountId": account.account_id,
        "deleted": False,
        **_dates(certificate, shift.location.offset),
        "displayCurrency": _display_currency(certificate),
    }
    return {field: value for field, value in data.items() if field not in certificate.omitted}


def _dates(certificate: Certificate, offset: int) -> dict[str, Any]:
    created, changed = bz_date(certificate.created_at, offset), bz_date(certificate.changed_at, offset)
    return {
        "createdAt": NULL_DATE if certificate.dating is Dating.NONE else created,
        "updatedAt": changed if certificate.dating is Dating.FULL else NULL_DATE,
    }


def _display_currency(certificate: Certificate) -> dict[str, Any]:
    isocode, symbol, rate = certificate.display_currency
    # JSON.stringify writes a float without a fraction as an integer.
    factor = 1 if rate == PAR else rate / 100
    return {"buy": factor, "sell": factor, "isocode": isocode, "symbol": symbol}
