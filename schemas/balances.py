"""Balances: the newest state of a certificate, as the topics of balances say it. Ours, and nobody's personal data.

It may only grow: a field that was released stays, with its name, its type and its meaning. Whoever reads it passes over
fields that he does not know. A change that is more than that is another ``DATASCHEMA`` on topics of another name.
"""

from datetime import datetime
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

DATASCHEMA = "urn:giftledger:balance:1"

_PLACES = 5
_UNIT = 10**_PLACES

Decimal = Annotated[str, Meta(pattern="^-?[0-9]+\\.[0-9]{5}$")]


def decimal(units: int) -> str:
    """Write an amount in 1/100000 as a decimal, exactly and with all five places."""
    whole, rest = divmod(abs(units), _UNIT)
    return f"{'-' * (units < 0)}{whole}.{rest:0{_PLACES}}"


class Money(Struct, frozen=True, gc=False):
    """An amount in the certificate's currency, said twice: some readers have no exact integers, others no decimals."""

    decimal: Annotated[Decimal, Meta(description="In currency units, with five places: 12.50000.")]
    units: Annotated[int, Meta(description="In 1/100000 of the currency unit: 1250000 is 12.50.")]

    @classmethod
    def of(cls, units: int) -> "Money":
        return cls(decimal(units), units)


class Station(Struct, frozen=True, gc=False):
    """A station of the sender; older accounts give only one of the two."""

    id: Annotated[str | None, Meta(description="Its id.")]
    name: Annotated[str | None, Meta(description="Its name.")]


class Balance(Struct, frozen=True, gc=False, kw_only=True):
    """The newest state of one certificate."""

    certificate_id: Annotated[str, Meta(description="The certificate; the record's key.")]
    livemode: Annotated[bool, Meta(description="false for test traffic, which has a topic of its own.")]
    version: Annotated[
        int,
        Meta(ge=1, description="Rises with each change of the certificate, by any number. The highest is the newest."),
    ]
    event_id: Annotated[str, Meta(description="The newest event of the certificate, by its time and not its arrival.")]
    account_id: Annotated[str | None, Meta(description="The company that it is booked under.")]
    definition_id: Annotated[str | None, Meta(description="The definition that it is booked under.")]
    currency: Annotated[str, Meta(description="The currency that it is booked in; `unspecified` where none is known.")]
    balance: Annotated[Money, Meta(description="What its holder can still spend: 0 once it is voided.")]
    consideration: Annotated[Money, Meta(description="What was paid for the balance: its share of the price.")]
    face_value: Annotated[
        Money | None, Meta(description="The balance at its purchase; null while no purchase is known.")
    ]
    price: Annotated[
        Money | None, Meta(description="What was paid for it before taxes and fees; null where not given.")
    ]
    is_voided: Annotated[bool, Meta(description="Whether it counts no longer.")]
    issuing_station: Annotated[Station | None, Meta(description="Where it was sold; null where that is no station.")]
    last_station: Annotated[Station | None, Meta(description="Where the newest event was; null where at no station.")]
    issued_at: Annotated[datetime | None, Meta(description="When it was bought; null while that is not known.")]
    updated_at: Annotated[datetime, Meta(description="When the latest of its events happened.")]


class Changed(NamedTuple):
    """A certificate that has changed: its version, when that was booked, and its state; None where it is no more.

    ``traceparent`` is that of the event that changed it last, where there is one.
    """

    certificate_id: str
    livemode: bool
    version: int
    changed_at: datetime
    balance: Balance | None
    traceparent: str | None = None
