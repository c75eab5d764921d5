"""The reference model: what the tables must be, computed the obvious way from the webhooks themselves.

Independent of the code under test: it decodes nothing, folds nothing and asks no database. It sorts and walks.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

RANK = {"created": 0, "updated": 1, "deleted": 2}

ZONES = sorted(available_timezones())

Row = dict[str, Any]


class Delivery(NamedTuple):
    """One POST: the webhook's body, and when the ingress got it."""

    body: dict[str, Any]
    received_at: datetime


Currencies = dict[tuple[str, bool], str]


def reference(deliveries: list[Delivery], currencies: Currencies | None = None) -> dict[str, list[Row]]:
    """Say what the tables hold after these deliveries, in whatever order and how often they came.

    ``currencies`` are those of the definitions, where these are not among the deliveries.
    """
    currencies = first_currencies(deliveries) if currencies is None else currencies
    certificates: list[Row] = []
    documents: list[Row] = []
    history: list[Row] = []
    definitions: list[Row] = []
    for (family, _, _), life in lives(deliveries).items():
        if family == "giftcertificate":
            certificates.append(_certificate(life, currencies))
            documents.append(_document(_standing(life)))
            history.extend(_history(delivery) for delivery in life)
        else:
            definitions.append(_definition(life))
    return {
        "certificate": sorted(certificates, key=lambda row: (row["certificate_id"], row["livemode"])),
        "certificate_document": sorted(documents, key=lambda row: (row["certificate_id"], row["livemode"])),
        "certificate_history": sorted(
            history, key=lambda row: (row["certificate_id"], row["livemode"], row["event_id"])
        ),
        "definition": sorted(definitions, key=lambda row: (row["definition_id"], row["livemode"])),
    }


def _distinct_events(deliveries: list[Delivery]) -> list[Delivery]:
    """Keep each event once, with its earliest arrival: that is when we knew."""
    first: dict[tuple[Any, ...], Delivery] = {}
    for delivery in sorted(deliveries, key=lambda delivery: delivery.received_at):
        first.setdefault((*_entity(delivery.body), delivery.body["id"]), delivery)
    return list(first.values())


def _entity(body: dict[str, Any]) -> tuple[str, str, bool]:
    data = body["data"]
    return _family(body), data.get("_id") or data["giftcertificateId"], body["livemode"]


def _family(body: dict[str, Any]) -> str:
    family: str = body["event"].partition(".")[0]
    return family


def _kind(body: dict[str, Any]) -> str:
    kind: str = body["event"].partition(".")[2]
    return kind


def _order(delivery: Delivery) -> tuple[bool, datetime, datetime, int, int, bytes]:
    body = delivery.body
    kind, paid = _kind(body), body["data"].get("transactionsPaid")
    return (
        kind != "created",
        _occurred_at(body),
        _emitted_at(body),
        RANK[kind],
        len(paid) if isinstance(paid, list) else -1,
        body["id"].encode(),
    )


def _standing(life: list[Delivery]) -> Delivery:
    """Give the newest update of a certificate, else its purchase: the first of its created events."""
    return life[-1] if _kind(life[-1].body) != "created" else life[0]


def _emitted_at(body: dict[str, Any]) -> datetime:
    created = body["created"]
    return datetime.fromtimestamp(created / 1000 if created >= 10**11 else created, UTC)


def _occurred_at(body: dict[str, Any]) -> datetime:
    names = ("updatedAt", "createdAt") if _kind(body) == "created" else ("updatedAt",)
    return next(filter(None, (_date(body, name) for name in names)), _emitted_at(body))


def _date(body: dict[str, Any], name: str) -> datetime | None:
    """Read a date that can be true: from 2000 on, and emitted at most an hour before it."""
    said = _said_date(body, name)
    return said if said and said.year >= 2000 and said - _emitted_at(body) <= timedelta(hours=1) else None


def _said_date(body: dict[str, Any], name: str) -> datetime | None:
    date = body["data"].get(name)
    return datetime.fromisoformat(date["value"]) if date and date.get("value") else None


def _doubts(body: dict[str, Any]) -> list[str] | None:
    return [f"field_unreadable {doubt}" for doubt in _unread(body["data"])] + [
        f"date_implausible {name} {said.isoformat()}"
        for name in ("createdAt", "updatedAt")
        if (said := _said_date(body, name)) and said != _date(body, name)
    ] or None


def _unread(data: dict[str, Any]) -> list[str]:
    """Name what is not as the sender documents it, in the order of the fields."""
    station, display = data.get("shiftLocation") or {}, data.get("displayCurrency") or {}
    is_unread = {
        "currencyCode: text": _is_no_currency(data.get("currencyCode")),
        "accountId: text": _is_no_reference(data.get("accountId")),
        "shiftLocation: array": data.get("shiftLocation") == [],
        "shiftLocation.stationId: text": _is_no_reference(station.get("stationId")),
        "shiftLocation.primaryCurrencyCode: text": _is_no_currency(station.get("primaryCurrencyCode")),
        "displayCurrency.isocode: text": _is_no_currency(display.get("isocode")),
    }
    return [doubt for doubt, is_true in is_unread.items() if is_true]


def _is_no_currency(code: str | None) -> bool:
    return bool((code or "").strip()) and _currency(code) is None


def _is_no_reference(said: str | None) -> bool:
    return bool(said) and _reference(said) is None


def _currency(code: str | None) -> str | None:
    said = (code or "").strip()
    return said.upper() if len(said) == 3 and said.isascii() and said.isalpha() else None


def _reference(said: str | None) -> str | None:
    return said if said and len(said) <= 256 else None


def _said(value: Any) -> Any:
    return None if value in ("", None) and value is not False else value


def _label(value: Any) -> Any:
    return str(value) if isinstance(value, int) else _said(value)


def _order_columns(delivery: Delivery) -> Row:
    body = delivery.body
    return {
        "livemode": body["livemode"],
        "occurred_at": _occurred_at(body),
        "emitted_at": _emitted_at(body),
        "kind": _kind(body),
        "event_id": body["id"],
    }


def _event(delivery: Delivery) -> Row:
    """Say what an event tells of its certificate, in the words of state and history alike."""
    data = delivery.body["data"]
    station = data.get("shiftLocation") or {}
    paid = data.get("transactionsPaid")
    return _order_columns(delivery) | {
        "certificate_id": data["_id"],
        "balance": data["balance"],
        "price": _said(data.get("price")),
        "total": _said(data.get("total")),
        "transactions_paid": len(paid) if isinstance(paid, list) else None,
        "deleted": data.get("deleted") or False,
        "status": _label(data.get("status")),
        "transaction_id": data.get("transactionId") or data.get("trxId") or None,
        "agency_id": _said(data.get("agencyId")),
        "station_id": _reference(station.get("stationId")),
        "station_name": station.get("name") or None,
    }


def _history(delivery: Delivery) -> Row:
    data = delivery.body["data"]
    station = data.get("shiftLocation") or {}
    display = data.get("displayCurrency") or {}
    at_par = display.get("buy") == 1 and display.get("sell") == 1
    return _event(delivery) | {
        "account_id": _reference(data.get("accountId")),
        "definition_id": _said(data.get("certDefId")),
        "user_id": _said(data.get("userId")),
        "shift_id": _said(data.get("shiftId")),
        "station_time_zone": station.get("timeZone") or None,
        "station_currency_code": _currency(station.get("primaryCurrencyCode")),
        "display_currency_code": _currency(display.get("isocode")) if at_par else None,
        "received_at": delivery.received_at,
        "doubts": _doubts(delivery.body),
    }


def _document(newest: Delivery) -> Row:
    data = newest.body["data"]
    return {"certificate_id": data["_id"], "livemode": newest.body["livemode"], "data": data}


def _certificate(life: list[Delivery], first_currencies: Currencies) -> Row:
    newest = _standing(life)
    data = newest.body["data"]
    moving = [delivery for delivery in life if delivery is life[0] or _kind(delivery.body) != "created"]
    known = _purchase(life[0])
    return (
        _event(newest)
        | known
        | _terms(life, first_currencies)
        | {
            "consideration": consideration(0 if data.get("deleted") else data["balance"], known),
            "created_at": _date(newest.body, "createdAt"),
            "customer_number": _said(data.get("customerNumber")),
            "agency_name": _said(data.get("agencyName")),
            "time_zone": zone(newest.body),
            "first_seen": None if _kind(life[0].body) == "created" else life[0].body["data"]["balance"],
            "began_at": _occurred_at(life[0].body),
            "effective_at": max(_occurred_at(delivery.body) for delivery in moving),
            "posting_day": max(local_day(delivery.body) for delivery in moving),
            "has_been_deleted": any(delivery.body["data"].get("deleted") for delivery in moving),
            "events": len(life),
        }
    )


def _purchase(first: Delivery) -> Row:
    said: Row = {"event_id": None, "occurred_at": None, "balance": None, "price": None, "total": None}
    said |= dict.fromkeys(("transactions_paid", "deleted", "station_id", "station_name", "agency_id"))
    is_known = _kind(first.body) == "created"
    if is_known:
        said = _event(first)
    return {
        "purchase_event_id": said["event_id"],
        "purchased_at": said["occurred_at"],
        "purchase_day": local_day(first.body) if is_known else None,
        "face_value": said["balance"],
        "purchase_price": said["price"],
        "purchase_total": said["total"],
        "purchase_transactions_paid": said["transactions_paid"],
        "purchase_deleted": said["deleted"],
        "issuing_station_id": said["station_id"],
        "issuing_station_name": said["station_name"],
        "issuing_time_zone": zone(first.body) if is_known else None,
        "issuing_agency_id": said["agency_id"],
        "issuing_agency_name": _said(first.body["data"].get("agencyName")) if is_known else None,
    }


def _terms(life: list[Delivery], first_currencies: Currencies) -> Row:
    """Say what all is booked under; no setting of the tests' names a currency."""

    def first(name: str) -> Any:
        return next((said for delivery in life if (said := _reference(delivery.body["data"].get(name)))), None)

    definition_id, livemode = first("certDefId"), life[0].body["livemode"]
    purchase = _history(life[0]) if _kind(life[0].body) == "created" else {}
    return {
        "account_id": first("accountId"),
        "definition_id": definition_id,
        "currency": first_currencies.get((definition_id, livemode))
        or purchase.get("station_currency_code")
        or purchase.get("display_currency_code")
        or "unspecified",
    }


def zone(body: dict[str, Any]) -> str:
    """Give the time zone of an event: its station's, whatever its case and the blanks around it, else UTC."""
    said = ((body["data"].get("shiftLocation") or {}).get("timeZone") or "").strip().lower()
    return next((name for name in ZONES if name.lower() == said), "UTC")


def local_day(body: dict[str, Any]) -> date:
    return _occurred_at(body).astimezone(ZoneInfo(zone(body))).date()


def _definition(life: list[Delivery]) -> Row:
    """Describe by the newest description; deleted for good by the earliest event that says so."""
    described = [delivery for delivery in life if _kind(delivery.body) != "deleted"]
    deletes = [
        _occurred_at(delivery.body)
        for delivery in life
        if _kind(delivery.body) == "deleted" or delivery.body["data"].get("deleted")
    ]
    _, definition_id, livemode = _entity(life[0].body)
    first = _first_currency(life)
    named = _order_columns(first) if first else dict.fromkeys(_order_columns(life[0]))
    order = _order_columns(described[-1]) if described else dict.fromkeys(_order_columns(life[0]))
    data = described[-1].body["data"] if described else {}
    return order | {
        "definition_id": definition_id,
        "livemode": livemode,
        "deleted_at": min(deletes, default=None),
        "created_at": _date(described[-1].body, "createdAt") if described else None,
        "doubts": _doubts(described[-1].body) if described else None,
        "price": _said(data.get("price")),
        "value": _said(data.get("value")),
        "name": _said(data.get("name")),
        "description": _said(data.get("description")),
        "currency_code": _currency(data.get("currencyCode")),
        "account_id": _said(data.get("accountId")),
        "disabled": _said(data.get("disabled")),
        "taxable": _said(data.get("taxable")),
        "data": data or None,
        "first_currency_code": _currency(first.body["data"].get("currencyCode")) if first else None,
        "first_currency_event_id": named["event_id"],
        "first_currency_occurred_at": named["occurred_at"],
        "first_currency_emitted_at": named["emitted_at"],
        "first_currency_kind": named["kind"],
    }


def _first_currency(life: list[Delivery]) -> Delivery | None:
    """Give the first event of a definition that names a currency."""
    return next((delivery for delivery in life if _currency(delivery.body["data"].get("currencyCode"))), None)


def lives(deliveries: list[Delivery]) -> dict[tuple[str, str, bool], list[Delivery]]:
    """Give the events of each entity, each once, in their order; an entity is its family, id and livemode."""
    events = _distinct_events(deliveries)
    found: dict[tuple[str, str, bool], list[Delivery]] = {}
    for delivery in sorted(events, key=_order):
        found.setdefault(_entity(delivery.body), []).append(delivery)
    return found


def first_currencies(deliveries: list[Delivery]) -> Currencies:
    """Give the first currency that each definition ever named."""
    return {
        (definition_id, livemode): str(_currency(first.body["data"]["currencyCode"]))
        for (family, definition_id, livemode), life in lives(deliveries).items()
        if family == "giftcertificates" and (first := _first_currency(life))
    }


def consideration(balance: int, state: Row) -> int:
    """Give what was paid for a balance."""
    face, price = state["face_value"], state["purchase_price"]
    if not face or face < 0 or price is None or balance < 0:
        return balance
    if balance > face:
        return int(price + (balance - face))
    return int((Decimal(price) * balance / face).quantize(Decimal(1), ROUND_HALF_UP))
