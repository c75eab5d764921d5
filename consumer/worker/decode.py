"""Decode: a Kafka record becomes an event, or the reason why it cannot."""

from datetime import datetime, timedelta

from consumer.kafka.record import Record
from schemas.events import Entity, Event
from schemas.fields import EPOCH, instant_from_text
from schemas.registry import Malformed, read


def decode(record: Record) -> Event:
    """Read a record's body; where its headers say something else, the body wins. Raises Malformed."""
    if record.value is None:
        raise Malformed("The record has no value")
    message, family, data = read(record.value)
    return Event(
        name=message.event_name,
        attempt_id=message.attempt_id,
        entity=Entity(family, message.data.id, message.livemode),
        order=message.order,
        snapshot=message.snapshot,
        deleted_at=message.deleted_at,
        data=data,
        received_at=_received_at(record),
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
    )


def _received_at(record: Record) -> datetime:
    """Read the ingress' time; a record that another producer wrote without one was known when Kafka took it."""
    for name, value in record.headers:
        if name == "received-at" and value:
            try:
                return instant_from_text(value.decode())
            except ValueError:
                break
    try:
        return EPOCH + timedelta(milliseconds=max(record.timestamp, 0))
    except OverflowError:
        return EPOCH
