"""Plain: a decoder that looks for no patterns while it decodes, for each costs as much as five other fields.

What it takes is what nearly all messages hold: identifiers, of which ``is_plain`` is asked afterwards, and codes of
currencies in capitals. Whatever it refuses may be good all the same: ``schemas.lenient`` reads it.
"""

from functools import cache
from itertools import product
from string import ascii_uppercase
from typing import Annotated, Any, Literal, Union, get_args

import msgspec
from msgspec import Meta, Struct

from schemas.fields import MAX_IDENTIFIER, CurrencyCode, Identifier

_PLAIN_IDENTIFIER = Annotated[str, Meta(min_length=1, max_length=MAX_IDENTIFIER)]


@cache
def _codes() -> Any:
    """Give all 17,576 of three capitals. They take a tenth of a process' start, and an ingress decodes none."""
    codes = tuple(map("".join, product(ascii_uppercase, repeat=3)))
    return Literal[codes] | None


def is_plain(identifier: str) -> bool:
    """Tell whether a text needs no closer look to be an identifier; nearly all are so."""
    return identifier.isascii() and identifier.isprintable()


@cache
def plain(kind: type[Struct]) -> type[Struct]:
    """Make a struct's kind whose fields hold no patterns; it decodes to what is a ``kind``."""
    fields = [
        (field.name, made, msgspec.field(default=field.default, name=field.encode_name))
        for field in msgspec.structs.fields(kind)
        if (made := _plain_type(field.type)) is not field.type
    ]
    return msgspec.defstruct(kind.__name__, fields, bases=(kind,), gc=False) if fields else kind


def _plain_type(declared: Any) -> Any:
    if declared == Identifier:
        return _PLAIN_IDENTIFIER
    if declared == CurrencyCode:
        return _codes()
    members = get_args(declared)
    made = tuple(plain(member) if _is_struct(member) else member for member in members)
    return declared if made == members else Union[made]  # noqa: UP007 - of what is known only now


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)
