"""Record: what a consumer fetches, as every reader of topics passes it on."""

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

Record: TypeAlias = "ConsumerRecord[bytes | None, bytes | None]"
