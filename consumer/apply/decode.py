"""Decode: a Kafka record becomes an event, or the reason why it cannot."""

from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from consumer.common.errors import CodeError
from consumer.kafka.record import Record
from consumer.kafka.trace import traceparent_of
from schemas.events import Entity, Event, attempt_key
from schemas.fields import EARLIEST, instant_from_text
from schemas.registry import Malformed, read

# An event that says that it was emitted later than this after its arrival was not.
AHEAD_AT_MOST = timedelta(days=1)
# No record of ours is from here on: the time of one that says so is none.
NO_LONGER_OURS = datetime(2100, 1, 1, tzinfo=UTC)


Decoded: TypeAlias = Event | Malformed | CodeError


def decoded(record: Record) -> Decoded:
    """Give a record's event, or why there is none: the record is wrong, or our code is."""
    try:
        return decode(record)
    except Malformed as error:
        return error
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is about this record and must not cost the others
        return CodeError.of(error)


def decode(record: Record) -> Event:
    """Read a record's body; where its headers say something else, the body wins. Raises Malformed."""
    if record.value is None:
        raise Malformed("The record has no value")
    said = read(record.value)
    message = said.message
    received_at, arrived_at = _arrival(record)
    order, doubts = message.place()
    doubts = said.doubts + doubts
    if order.emitted_at > arrived_at + AHEAD_AT_MOST:
        raise Malformed("`created` is more than a day after the event arrived")
    return Event(
        name=said.name,
        attempt_id=message.attempt_id,
        attempt_key=attempt_key(message.attempt_id, livemode=message.livemode),
        entity=Entity(said.family, message.data.id, message.livemode),
        order=order,
        snapshot=message.said(order, received_at, doubts, said.data),
        deleted_at=message.deleted_at,
        doubts=doubts,
        data=said.data,
        received_at=received_at,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        traceparent=traceparent_of(record.headers),
    )


def _arrival(record: Record) -> tuple[datetime, datetime]:
    """Read when the ingress received an event, and by when it had arrived at the latest. Raises Malformed.

    A record that another producer wrote without the ingress' time was received when Kafka took it. A dead letter that
    is sent again keeps the ingress' time and has a later one of Kafka's: that is why the later of both counts.
    """
    received_at, taken_at = _received_at(record), _taken_at(record)
    if taken_at is None:
        if received_at is None:
            raise Malformed("Neither the header `received-at` nor the record's timestamp says when the event arrived")
        return received_at, received_at
    if received_at is None or received_at > taken_at + AHEAD_AT_MOST:
        return taken_at, taken_at
    return received_at, max(received_at, taken_at)


def _received_at(record: Record) -> datetime | None:
    for name, value in record.headers:
        if name == "received-at" and value:
            try:
                received_at = instant_from_text(value.decode())
            except ValueError:
                return None
            return received_at if EARLIEST <= received_at < NO_LONGER_OURS else None
    return None


def _taken_at(record: Record) -> datetime | None:
    if not _FIRST_MS <= record.timestamp < _END_MS:
        return None
    return datetime.fromtimestamp(record.timestamp / 1000, UTC)


_FIRST_MS, _END_MS = (int(bound.timestamp()) * 1000 for bound in (EARLIEST, NO_LONGER_OURS))
