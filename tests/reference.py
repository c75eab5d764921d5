"""The reference model: what the tables must be, computed the obvious way from the webhooks themselves.

Independent of the code under test: it decodes nothing, folds nothing and asks no database. It sorts and walks.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

RANK = {"created": 0, "updated": 1, "deleted": 2}

Row = dict[str, Any]


class Delivery(NamedTuple):
    """One POST: the webhook's body, and when the ingress got it."""

    body: dict[str, Any]
    received_at: datetime


def reference(deliveries: list[Delivery]) -> dict[str, list[Row]]:
    """Say what the tables hold after these deliveries, in whatever order and how often they came."""
    events = _distinct_events(_distinct_attempts(deliveries))
    lives: dict[tuple[str, str, bool], list[Delivery]] = {}
    for delivery in sorted(events, key=_order):
        lives.setdefault(_entity(delivery.body), []).append(delivery)

    certificates: list[Row] = []
    history: list[Row] = []
    definitions: list[Row] = []
    for (family, _, _), life in lives.items():
        if family == "giftcertificate":
            certificates.append(_certificate(_standing(life)))
            history.extend(_history(delivery) for delivery in life)
        else:
            definitions.append(_definition(life))
    return {
        "certificate": sorted(certificates, key=lambda row: (row["certificate_id"], row["livemode"])),
        "certificate_history": sorted(
            history, key=lambda row: (row["certificate_id"], row["livemode"], row["event_id"])
        ),
        "definition": sorted(definitions, key=lambda row: (row["definition_id"], row["livemode"])),
    }


def _distinct_attempts(deliveries: list[Delivery]) -> list[Delivery]:
    first: dict[tuple[str, bool], Delivery] = {}
    for delivery in deliveries:
        first.setdefault((delivery.body["attemptId"], delivery.body["livemode"]), delivery)
    return list(first.values())


def _distinct_events(attempts: list[Delivery]) -> list[Delivery]:
    """Keep each event once, with the earliest arrival of its attempts: that is when we knew."""
    first: dict[tuple[Any, ...], Delivery] = {}
    for delivery in sorted(attempts, key=lambda attempt: attempt.received_at):
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
    unread = ["field_unreadable shiftLocation: array"] if body["data"].get("shiftLocation") == [] else []
    return (
        unread
        + [
            f"date_implausible {name} {said.isoformat()}"
            for name in ("createdAt", "updatedAt")
            if (said := _said_date(body, name)) and said != _date(body, name)
        ]
        or None
    )


def _currency(code: str | None) -> str | None:
    return (code or "").strip().upper() or None


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


def _state(delivery: Delivery) -> Row:
    data = delivery.body["data"]
    station = data.get("shiftLocation") or {}
    display = data.get("displayCurrency") or {}
    at_par = display.get("buy") == 1 and display.get("sell") == 1
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
        "user_id": _said(data.get("userId")),
        "agency_id": _said(data.get("agencyId")),
        "shift_id": _said(data.get("shiftId")),
        "station_id": station.get("stationId") or None,
        "station_name": station.get("name") or None,
        "station_time_zone": station.get("timeZone") or None,
        "station_currency_code": _currency(station.get("primaryCurrencyCode")),
        "display_currency_code": _currency(display.get("isocode")) if at_par else None,
    }


def _history(delivery: Delivery) -> Row:
    return _state(delivery) | {"received_at": delivery.received_at, "doubts": _doubts(delivery.body)}


def _certificate(newest: Delivery) -> Row:
    data = newest.body["data"]
    return _state(newest) | {
        "created_at": _date(newest.body, "createdAt"),
        "definition_id": _said(data.get("certDefId")),
        "account_id": _said(data.get("accountId")),
        "customer_number": _said(data.get("customerNumber")),
        "agency_name": _said(data.get("agencyName")),
        "data": data,
    }


def _definition(life: list[Delivery]) -> Row:
    """Describe by the newest description; deleted for good by the earliest event that says so."""
    described = [delivery for delivery in life if _kind(delivery.body) != "deleted"]
    deletes = [
        _occurred_at(delivery.body)
        for delivery in life
        if _kind(delivery.body) == "deleted" or delivery.body["data"].get("deleted")
    ]
    _, definition_id, livemode = _entity(life[0].body)
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
    }
