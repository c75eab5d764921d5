"""Text: what every body goes through before anything reads it."""

import re
from itertools import accumulate

# What is nested more deeply is no message, whoever reads it: how deep Python can decode depends on its call stack.
MAX_DEPTH = 512

# An escaped backslash, a whole surrogate pair, or (group 1) an escape that no Postgres text can hold.
_ESCAPE = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2}))"
)
# What stands where a character was that no Postgres text can hold, and how that is escaped.
ALTERED = "\ufffd"
_ESCAPED = r"\ufffd"
_ENCODED = ALTERED.encode()
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_STEPS = {**dict.fromkeys(b"[{", 1), **dict.fromkeys(b"]}", -1)}
_NO_BRACKETS = bytes(set(range(256)) - set(_STEPS))


def storable(body: bytes) -> str | bytes:
    r"""Write U+FFFD for ``\u0000`` and half surrogates, so that no text the sender can make fails an event.

    Raises UnicodeDecodeError, and RecursionError for what is nested more deeply than ``MAX_DEPTH``.
    """
    text = body.decode()
    # A level of objects takes five bytes, and each array has its bracket: most bodies are too short for this.
    if len(body) // 5 + body.count(b"[") >= MAX_DEPTH and _is_too_deep(body):
        raise RecursionError
    # To look for one byte is much faster than for two, and most bodies escape nothing.
    if b"\\" not in body or b"\\u" not in body:
        return body  # which msgspec need not encode again
    return _ESCAPE.sub(lambda escape: _ESCAPED if escape[1] else escape[0], text)


def may_be_altered(text: str | bytes) -> bool:
    """Tell whether a text that ``storable`` gave may not say everywhere what was sent."""
    if isinstance(text, bytes):
        # To look for one byte is much faster than for three, and almost no body has it.
        return _ENCODED[:1] in text and _ENCODED in text
    return ALTERED in text or _ESCAPED in text.lower()


def _is_too_deep(body: bytes) -> bool:
    """Tell whether a body is nested too deeply, whatever else is wrong with it."""
    if body.count(b"{") + body.count(b"[") <= MAX_DEPTH:
        return False
    brackets = _STRING.sub(b"", body).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > MAX_DEPTH
