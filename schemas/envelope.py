"""The envelope around every webhook: as the ingress peeks at it, and as the base of the typed messages."""

from datetime import datetime
from typing import Annotated, ClassVar

from msgspec import Meta, Raw, Struct

from schemas.events import Kind, OrderKey
from schemas.fields import MAX_IDENTIFIER, Identifier, instant_from_epoch


class Envelope(Struct, rename="camel", gc=False):
    """What every event has, whatever it is about; ``data`` stays unread."""

    id: Identifier
    attempt_id: Identifier
    livemode: bool
    created: int
    event: Annotated[str, Meta(min_length=1, max_length=MAX_IDENTIFIER)]
    data: Raw

    def __post_init__(self) -> None:
        instant_from_epoch(self.created)


class EnvelopeData(Struct):
    """The envelope's ``data`` as it came."""

    data: Raw


class Message(Struct, tag_field="event", rename="camel"):
    """An envelope whose ``data`` is typed: each event name is a subclass, and the tag of the union."""

    id: Identifier
    attempt_id: Identifier
    livemode: bool
    created: int

    kind: ClassVar[Kind]

    def __post_init__(self) -> None:
        instant_from_epoch(self.created)

    @property
    def event_name(self) -> str:
        return str(self.__struct_config__.tag)

    @property
    def dated(self) -> datetime | None:
        """The date that ``data`` itself gives: ``updatedAt``, else ``createdAt``, else None."""
        return None

    @property
    def order(self) -> OrderKey:
        emitted_at = instant_from_epoch(self.created)
        return OrderKey(self.dated or emitted_at, emitted_at, self.kind, self.id)
