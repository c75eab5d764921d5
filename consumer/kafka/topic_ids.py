"""Topic ids: by them a topic that was deleted and made anew is told from the one before (KIP-516, Kafka 2.8).

aiokafka asks for metadata in an older version, which has no ids.
"""

from collections.abc import Sequence
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

_NONE = bytes(16)


class _Uuid(AbstractType):  # type: ignore[misc]
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: Any) -> bytes:
        read: bytes = data.read(16)
        return read


_TEXT = CompactString("utf-8")
_NUMBERS = CompactArray(Int32)
_BROKER = (("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT), ("tags", TaggedFields))
_PARTITION = (
    *(("error_code", Int16), ("partition", Int32), ("leader", Int32), ("leader_epoch", Int32)),
    *(("replicas", _NUMBERS), ("isr", _NUMBERS), ("offline_replicas", _NUMBERS), ("tags", TaggedFields)),
)
_TOPIC = (
    *(("error_code", Int16), ("name", _TEXT), ("topic_id", _Uuid), ("is_internal", Boolean)),
    *(("partitions", CompactArray(*_PARTITION)), ("authorized_operations", Int32), ("tags", TaggedFields)),
)


class _MetadataResponseV10(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        *(("throttle_time_ms", Int32), ("brokers", CompactArray(*_BROKER)), ("cluster_id", _TEXT)),
        *(("controller_id", Int32), ("topics", CompactArray(*_TOPIC)), ("authorized_operations", Int32)),
        ("tags", TaggedFields),
    )


class _MetadataRequestV10(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 10
    RESPONSE_TYPE = _MetadataResponseV10
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", _TEXT), ("tags", TaggedFields))),
        *(("allow_auto_topic_creation", Boolean), ("include_cluster_authorized_operations", Boolean)),
        *(("include_topic_authorized_operations", Boolean), ("tags", TaggedFields)),
    )


class _MetadataRequest(Request[_MetadataRequestV10]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_MetadataRequestV10]) -> _MetadataRequestV10:
        return request_struct_class([(_NONE, topic, {}) for topic in self._topics], False, False, False, {})  # noqa: FBT003


async def topic_ids(client: AIOKafkaClient, topics: Sequence[str]) -> dict[str, bytes]:
    """Ask for topics' ids; what does not exist is missing, and all where the broker has none. Raises KafkaError."""
    try:
        answer = await client.send(client.get_random_node(), _MetadataRequest(topics))
    except (IncompatibleBrokerVersion, NotImplementedError):
        return {}
    return {name: topic_id for code, name, topic_id, *_ in answer.topics if not code and topic_id != _NONE}
