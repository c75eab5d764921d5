"""Lenient reading: ``data`` field by field, where a field has another type than the sender documents.

Nearly all messages are plain, and decoded as such (``schemas.plain``). Any other one is read here: a label that is a
number becomes text, and what cannot be read counts as not given and is told (``Event.doubts``), so that it does not
cost the balance. Identity, event, livemode and balance stay strict, and no amount may be larger than the sender
can say.
"""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import cache, partial
from typing import Any, NamedTuple, TypeAlias, get_args

import msgspec
from msgspec import NODEFAULT, Raw, Struct, ValidationError

from schemas.fields import MAX_IDENTIFIER, Blank, BzDate, CurrencyCode, Identifier, Money, Reference
from schemas.plain import plain
from schemas.text import ALTERED


class Unreadable(Exception):
    """A field that need not be read cannot be."""


# More digits than any integer of ours has, and fewer than cost time.
_DIGITS = 30
_NUMBER = re.compile(rb"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def integer(raw: Raw, path: str) -> int:
    """Read an integer, also where it is written with a fraction of zeros or an exponent. Raises ValidationError."""
    token = bytes(raw)
    if not _NUMBER.fullmatch(token):
        return int(_strict(int, raw, path))  # which says what it is
    number = _decimal(token, path)
    if number.adjusted() > _DIGITS:
        raise ValidationError(f"Number out of range - at `{path}`")
    if number != number.to_integral_value():
        raise ValidationError(f"Expected `int`, got `float` - at `{path}`")
    return int(number)


def _decimal(token: bytes, path: str) -> Decimal:
    try:
        return Decimal(token.decode())
    except InvalidOperation:  # its exponent has twenty digits
        raise ValidationError(f"Number out of range - at `{path}`") from None


def read_data(text: str | bytes, kind: Any) -> tuple[Any, tuple[str, ...]]:
    """Read the ``data`` of a message: it, and the doubts about it. Raises ValidationError by the field's path."""
    raws = _message_of_raws(kind).decode(text).data
    doubts: list[str] = []
    return _struct(kind, raws, "$.data.", doubts), tuple(doubts)


def _struct(kind: Any, raws: Any, path: str, doubts: list[str]) -> Any:
    values = {}
    for field in _fields(kind):
        raw = getattr(raws, field.name)
        if raw is None:
            continue
        try:
            values[field.name] = field.read(raw, f"{path}{field.encode_name}", doubts)
        except Unreadable:
            doubts.append(f"field_unreadable {path.removeprefix('$.data.')}{field.encode_name}: {_type_of(raw)}")
    return plain(kind)(**values)


# Gives a field's value, from what it holds, its path, and where doubts are noted. Raises Unreadable or ValidationError.
Reader: TypeAlias = Callable[[Raw, str, list[str]], Any]


class _Field(NamedTuple):
    name: str
    encode_name: str
    read: Reader


@cache
def _fields(kind: Any) -> tuple[_Field, ...]:
    return tuple(_Field(field.name, field.encode_name, _reader(field.type)) for field in msgspec.structs.fields(kind))


@cache
def _of_raws(kind: Any) -> type:
    """Make the struct that has the fields of another one, unread."""
    fields = msgspec.structs.fields(kind)
    return msgspec.defstruct(
        kind.__name__,
        [(field.name, Raw) if field.default is NODEFAULT else (field.name, Raw, None) for field in fields],
        rename={field.name: field.encode_name for field in fields},
    )


@cache
def _message_of_raws(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(msgspec.defstruct("Message", [("data", _of_raws(kind))]))


def _strict(kind: Any, raw: Raw, path: str, _: object = None) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except ValidationError as error:
        raise ValidationError(f"{error} - at `{path}`") from None


def _amount(raw: Raw, path: str, _: object) -> int:
    number = integer(raw, path)
    try:
        return msgspec.convert(number, Money)
    except ValidationError as error:
        raise ValidationError(f"{error} - at `{path}`") from None


def _amount_if_given(raw: Raw, path: str, doubts: list[str]) -> int | None:
    if _is_blank(raw):
        return None
    if not _NUMBER.fullmatch(token := bytes(raw)):
        raise Unreadable
    number = _decimal(token, path)
    if number.adjusted() <= _DIGITS and number != number.to_integral_value():
        raise Unreadable
    return _amount(raw, path, doubts)


def _label(raw: Raw, *_: object) -> str | None:
    """Read a text; a number is the text that was sent."""
    token = bytes(raw)
    return token.decode() if _NUMBER.fullmatch(token) else _typed(str | None, raw)


def _reference(raw: Raw, *_: object) -> str | None:
    """Read an id that reports group by, as it was sent and of a length that a key may have."""
    text = _label(raw)
    if text is not None and (len(text) > MAX_IDENTIFIER or ALTERED in text):
        raise Unreadable
    return text


def _flag(raw: Raw, *_: object) -> bool | None:
    token = bytes(raw).strip(b'"').lower()
    if token in _FLAGS:
        return _FLAGS[token]
    raise Unreadable


_FLAGS = {b"true": True, b"1": True, b"false": False, b"0": False, b"": None, b"null": None}


def _date(raw: Raw, *_: object) -> BzDate | None:
    """Read a date, also one that stands without its object."""
    sent = _typed(BzDate | str | int | float | None, raw)
    try:
        return sent if isinstance(sent, BzDate) else BzDate(sent)
    except ValueError:
        raise Unreadable from None


def _object(kind: Any, raw: Raw, path: str, doubts: list[str]) -> Any:
    if _is_blank(raw):
        return None
    return _struct(kind, _typed(_of_raws(kind), raw), f"{path}.", doubts)


def _typed(kind: Any, raw: Raw, *_: object) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.DecodeError:
        raise Unreadable from None


def _is_blank(raw: Raw) -> bool:
    return bytes(raw) in {b"null", b'""'}


def _type_of(raw: Raw) -> str:
    """Name a value's type: the value itself may be anybody's."""
    return {"{": "object", "[": "array", '"': "text", "t": "boolean", "f": "boolean"}.get(chr(bytes(raw)[0]), "number")


_READERS: dict[Any, Reader] = {
    Identifier: partial(_strict, Identifier),
    Money: _amount,
    Money | Blank: _amount_if_given,
    str | None: _label,
    Reference: _reference,
    CurrencyCode: partial(_typed, CurrencyCode),
    bool | Blank: _flag,
    BzDate | Blank: _date,
}


def _reader(kind: Any) -> Reader:
    if kind in _READERS:
        return _READERS[kind]
    structs = [member for member in get_args(kind) if isinstance(member, type) and issubclass(member, Struct)]
    return partial(_object, structs[0]) if structs else partial(_typed, kind)
