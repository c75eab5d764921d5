"""Trace: the W3C trace context that a record's header names, where its request had one."""

import re
from collections.abc import Iterable

TRACEPARENT = "traceparent"
# Version ff and ids of zeros are invalid (W3C Trace Context, 3.2.2).
_VALID = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def valid_traceparent(text: str) -> str | None:
    """Give it back if it is one; None if it is anything else, or longer than version 00 says."""
    return text if _VALID.fullmatch(text) else None


def traceparent_of(headers: Iterable[tuple[str, bytes]]) -> str | None:
    """Read a record's trace; whoever wrote the record, None where it is no valid one."""
    for name, value in headers:
        if name == TRACEPARENT:
            return valid_traceparent((value or b"").decode(errors="replace"))
    return None
