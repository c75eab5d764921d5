"""Trace: what a batch's log event says of the requests that its records came from."""

from collections.abc import Iterable

from consumer.kafka.record import Record
from consumer.kafka.trace import TRACEPARENT

# A batch may hold thousands of requests; a log event must not.
MOST = 20


def traced(records: Iterable[Record]) -> dict[str, list[str]]:
    """Give the log event's field ``traceparents``: the first 20 of the records that have one; else nothing."""
    found = {
        value.decode(errors="replace"): None
        for record in records
        for name, value in record.headers
        if name == TRACEPARENT and value
    }
    return {"traceparents": list(found)[:MOST]} if found else {}
