"""Terms: what all lines of a certificate are booked under, and what was paid for a balance.

Nothing that a later event says changes them: where somebody paid names neither the currency nor the account.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from msgspec import Struct

from consumer.books.days import local_day, zone_named
from consumer.postgres.figure_settings import FigureSettings
from schemas.certificates import Fact

UNSPECIFIED = "unspecified"

# The first currency that a definition ever gave, by its id.
Definitions = Mapping[str, str | None]


def zone_of(fact: Fact, settings: FigureSettings) -> str:
    """Give the time zone of an event's station; where it names none that exists, REPORTING_TIME_ZONE."""
    return zone_named(fact.station_time_zone) or zone_named(settings.time_zone) or "UTC"


class Terms(Struct, frozen=True, gc=False):
    """What a certificate is booked under; face value, price (1/100000) and day of its purchase, if that is known."""

    account_id: str | None
    definition_id: str | None
    currency: str
    issuing_station_id: str | None
    face_value: int | None
    price: int | None
    purchase_day: date | None

    def fit(self, fact: Fact) -> bool:
        """Tell whether a later event leaves the terms as they are."""
        return not (
            (self.account_id is None and fact.account_id is not None)
            or (self.definition_id is None and fact.definition_id is not None)
        )


def purchase_of(history: Sequence[Fact]) -> Fact | None:
    """Give the purchase in a history that is in order: the first created event."""
    return history[0] if history[0].is_created else None


def definition_of(history: Iterable[Fact]) -> str | None:
    """Give the definition of a history that is in order: its purchase's, else the first that is given."""
    return next((fact.definition_id for fact in history if fact.definition_id is not None), None)


def terms_of(history: Sequence[Fact], definitions: Definitions, settings: FigureSettings) -> Terms:
    """Give the terms of a history that is in order."""
    purchase = purchase_of(history)
    definition_id = definition_of(history)
    account_id = next((fact.account_id for fact in history if fact.account_id is not None), None)
    return Terms(
        account_id=account_id,
        definition_id=definition_id,
        currency=_currency(purchase, account_id, definitions.get(definition_id or ""), settings),
        issuing_station_id=purchase.station_id if purchase else None,
        face_value=purchase.balance if purchase else None,
        price=purchase.price if purchase else None,
        purchase_day=local_day(purchase.occurred_at, zone_of(purchase, settings)) if purchase else None,
    )


def _currency(
    purchase: Fact | None, account_id: str | None, of_definition: str | None, settings: FigureSettings
) -> str:
    sources = (
        of_definition,
        purchase and purchase.station_currency_code,
        settings.account_currencies.get(account_id or ""),
        purchase and purchase.display_currency_code,
    )
    return next((source for source in sources if source), UNSPECIFIED)


def consideration(balance: int, terms: Terms) -> int:
    """Give what was paid for a balance: its share of the price, half up, and all of what goes beyond the face value."""
    face_value, price = terms.face_value, terms.price
    if face_value is None or price is None or face_value <= 0 or balance < 0 or price == face_value:
        return balance
    if balance > face_value:
        return price + balance - face_value
    share = (2 * abs(price) * balance + face_value) // (2 * face_value)
    return share if price >= 0 else -share
