"""Answers: what the sender's API says, read field by field. Pure.

Of an item nothing is relied on but its ``_id``: what else it lacks, or says in another type, is unknown and no error.
The answer as a whole must be what is documented, or nothing can be concluded from it.
"""

from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct, field

from schemas.fields import EARLIEST, MAX_AMOUNT, BzDate, Identifier, instant_from_epoch
from schemas.lenient import integer
from schemas.registry import Malformed
from schemas.text import storable


class Item(NamedTuple):
    """A certificate or definition as the sender lists it; amounts in 1/100000, None where none can be read.

    ``amount`` is what can be spent (of a definition: its value), 0 once it is deleted.
    """

    id: str
    amount: int | None
    price: int | None
    account_id: str | None


class Page(NamedTuple):
    """One page of a list; ``unreadable`` items have no id that could be kept. ``total`` is said of all pages."""

    items: list[Item]
    unreadable: int
    total: int | None


class Undelivered(NamedTuple):
    """A webhook that the sender could not deliver, as far as it can be read."""

    id: str
    event: str
    entity_id: str
    created_at: datetime | None


class _Page(Struct):
    gift_certificates: list[Raw] = field(name="giftCertificates")
    count: Raw = Raw(b"null")


class _One(Struct):
    giftcertificate: Raw


class _Item(Struct, rename="camel"):
    id: Identifier = field(name="_id")
    balance: Raw = Raw()
    value: Raw = Raw()
    price: Raw = Raw()
    deleted: Raw = Raw()
    account_id: Raw = Raw()


_page = msgspec.json.Decoder(_Page)
_one = msgspec.json.Decoder(_One)
_item = msgspec.json.Decoder(_Item)
_anything = msgspec.json.Decoder(Raw)
_object: msgspec.json.Decoder[dict[str, Raw]] = msgspec.json.Decoder(dict[str, Raw])
_array = msgspec.json.Decoder(list[Raw])
_text = msgspec.json.Decoder(str)
_identifier = msgspec.json.Decoder(Identifier)

_NOTHING = Raw()
_UNREADABLE = (UnicodeDecodeError, RecursionError, msgspec.DecodeError)
# Counts are compared with lists; beyond this they are none.
_MOST = 10**9


def read_page(body: bytes) -> Page:
    """Read one page of a list of certificates or definitions. Raises Malformed."""
    page = _decoded(_page, body)
    read = [_read_item(raw) for raw in page.gift_certificates]
    items = [item for item in read if item is not None]
    count = _whole(page.count)
    return Page(items, len(read) - len(items), count if count is not None and 0 <= count <= _MOST else None)


def read_one(body: bytes) -> Item:
    """Read one definition. Raises Malformed."""
    item = _read_item(_decoded(_one, body).giftcertificate)
    if item is None:
        raise Malformed("the definition has no id")
    return item


def read_undelivered(body: bytes) -> list[Undelivered]:
    """Read the list of undelivered webhooks, whatever it is called: its form is not documented. Raises Malformed."""
    found = _decoded(_anything, body)
    if bytes(found)[:1] == b"{":
        lists = [raw for raw in _decoded(_object, found).values() if bytes(raw)[:1] == b"["]
        if len(lists) != 1:
            raise Malformed("no list, or several")
        found = lists[0]
    return [webhook for raw in _decoded(_array, found) if (webhook := _read_undelivered(raw))]


def _decoded(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        return decoder.decode(storable(bytes(body)))
    except msgspec.ValidationError as error:
        raise Malformed(str(error)) from None
    except _UNREADABLE:
        raise Malformed("no JSON that can be read") from None


def _read_item(raw: Raw) -> Item | None:
    try:
        item = _item.decode(raw)
    except msgspec.DecodeError:
        return None
    deleted = bytes(item.deleted) == b"true"
    amount = item.balance if bytes(item.balance) else item.value
    return Item(item.id, 0 if deleted else _amount(amount), _amount(item.price), _label(item.account_id))


def _read_undelivered(raw: Raw) -> Undelivered | None:
    fields = _try(_object, raw) or {}
    webhook_id = _label(fields.get("_id", _NOTHING)) or _label(fields.get("id", _NOTHING))
    if webhook_id is None:
        return None
    data = _try(_object, fields.get("data", _NOTHING)) or {}
    entity = _label(data.get("_id", _NOTHING)) or _label(data.get("giftcertificateId", _NOTHING))
    created = _instant(fields.get("createdAt", _NOTHING)) or _instant(fields.get("created", _NOTHING))
    return Undelivered(webhook_id, _label(fields.get("event", _NOTHING)) or "?", entity or "?", created)


def _try(decoder: msgspec.json.Decoder[Any], raw: Raw) -> Any:
    try:
        return decoder.decode(raw)
    except msgspec.DecodeError:
        return None


def _label(raw: Raw) -> str | None:
    """Read a text that can stand in a table: an identifier of ours, or none."""
    text: str | None = _try(_identifier, raw)
    return text


def _whole(raw: Raw) -> int | None:
    try:
        return integer(raw, "$")
    except msgspec.DecodeError:
        return None


def _amount(raw: Raw) -> int | None:
    number = _whole(raw)
    return number if number is not None and -MAX_AMOUNT <= number <= MAX_AMOUNT else None


def _instant(raw: Raw) -> datetime | None:
    try:
        date: BzDate | int | float = msgspec.json.decode(raw, type=BzDate | int | float)
        instant = date.instant() if isinstance(date, BzDate) else instant_from_epoch(date)
    except (msgspec.DecodeError, ValueError, OverflowError):
        return None
    return instant if instant is not None and instant >= EARLIEST else None
