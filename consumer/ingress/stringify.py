r"""Stringify: write JSON again as ``JSON.stringify(JSON.parse(text))`` of JavaScript does (ECMA-262, 2019 and later).

The sender signs what its own ``JSON.stringify`` wrote; where something on the way wrote the same values in another
form, this finds the form that was signed. Numbers, the order of keys and escapes are JavaScript's:

- A number is a double, written with the fewest digits that give it back: ``1.0`` is ``1``, ``1e21`` is ``1e+21``,
  ``9007199254740993`` is ``9007199254740992``, ``-0`` is ``0``; what is too large for a double is ``null``.
- Keys that are array indices come first, by their number; all others as they came. Of a key given twice, the first
  place and the last value count. ``__proto__`` is a key like any other.
- Only ``"``, ``\``, control characters and half surrogates are escaped.

Not tried: text that is not UTF-8, that nests so deeply that Python gives up (some 400 levels), or that holds more than
MOST_VALUES values. Anybody can make us try, without a key, and it is the dearest thing that an ingress does.
"""

import json
import re
from json.encoder import encode_basestring
from typing import Any

MOST_VALUES = 5_000
# The largest array index is 2^32 - 2 (ECMA-262, 6.1.7).
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_LARGEST_INDEX = 2**32 - 2
# Integers of so many digits are doubles, each of them.
_EXACT_DIGITS = 15
# From here on, and below, JavaScript writes an exponent (ECMA-262, 6.1.6.1.20).
_LARGEST_PLAIN, _SMALLEST_PLAIN = 21, -6


def stringify(body: bytes) -> bytes | None:
    """Write ``body`` as JavaScript would; None where it is no JSON, or more than we try."""
    if sum(map(body.count, (b",", b"{", b"["))) > MOST_VALUES:
        return None
    try:
        return _write(_decoder.decode(body.decode())).encode("utf-8", "backslashreplace")
    except (ValueError, RecursionError):
        return None


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= _EXACT_DIGITS else float(text)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _ordered(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    indices = sorted((int(key), key) for key in keys if _is_index(key))
    return {key: keys[key] for _, key in indices} | keys if indices else keys


def _is_index(key: str) -> bool:
    return _INDEX.fullmatch(key) is not None and int(key) <= _LARGEST_INDEX


_decoder = json.JSONDecoder(object_pairs_hook=_ordered, parse_int=_integer, parse_float=float, parse_constant=_refuse)


def _write(value: Any) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, dict):
        return "{" + ",".join([f"{encode_basestring(key)}:{_write(one)}" for key, one in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([_write(one) for one in value]) + "]"
    if isinstance(value, float):
        return _number(value)
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    return str(value)


_WORDS = {None: "null", True: "true", False: "false"}


def _number(value: float) -> str:
    """Write a double as Number::toString does (ECMA-262, 6.1.6.1.20)."""
    if value - value != 0:  # infinite
        return "null"
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The value is 0.<digits> times ten to the power of `point`.
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if not digits:
        return "0"
    sign = "-" if value < 0 else ""
    if 0 < point <= _LARGEST_PLAIN:
        padded = digits.ljust(point, "0")
        return f"{sign}{padded[:point]}.{padded[point:]}".rstrip(".")
    if _SMALLEST_PLAIN < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    return f"{sign}{digits[0]}.{digits[1:]}".rstrip(".") + f"e{point - 1:+d}"
