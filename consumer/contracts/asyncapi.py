"""AsyncAPI 3.0 of the topics: what is on them, under which keys and headers, and what a subscriber may rely on."""

from typing import Any

import msgspec

from consumer.common.settings import Settings
from consumer.contracts.balances import (
    BALANCE,
    BALANCE_ERASED,
    READING,
    balance_headers,
    balance_messages,
)
from consumer.contracts.openapi import VERSION
from consumer.contracts.payloads import envelope
from consumer.ingress.signature import HEADER
from consumer.kafka.options import MAX_RECORD_BYTES
from consumer.letters.dead_letters import APPLY, DECODE, PREFIX
from consumer.letters.letters import REPLAYED_FROM
from consumer.traffic.examples import EXAMPLES
from schemas.registry import BALANCES, BALANCES_TEST, DEAD_LETTER, FAMILIES, FAMILY_OF, TOPICS, UNROUTED

Schema = dict[str, Any]

SETTINGS = Settings()
BINDING = "0.5.0"

GUARANTEES = {
    "delivery": "At least once. A record is here before the sender is told so; it may be here more than once.",
    "idempotencyKey": "Header attempt-id, which is the payload's attemptId. One attempt is one effect; the same event "
    "under another attempt (a resend) has the same event-id and no second effect either.",
    "ordering": "Records of one key are in one partition, in the order in which they arrived. That is not the order in "
    "which things happened. Order the events of an entity with created events before all else; then by "
    "data.updatedAt, else (a created event) data.createdAt, else created; then by created; then updated < deleted; "
    "then by how many transactions it has paid; then by id. A date before 2000, or later than created by more than an "
    "hour, is no date.",
    "livemode": "Test traffic is on the same topics: look at the header livemode, and never mix.",
    "content": "The value is the body as it was received, byte for byte. Its sender is proven and its envelope was "
    "read; its business data was not, so that a payload may not match its schema. Workers put those on the "
    "dead-letter topic; a subscriber must pass over them.",
    "retention": "Unlimited unless the operator chose otherwise. Nothing is compacted.",
}

_PURPOSE = {
    "certificates": "Purchases of certificates and payments with them: giftcertificate.*, as they were received.",
    "definitions": "Changes of what is sold: giftcertificates.*, as they were received.",
    UNROUTED: "Authentic webhooks of any other event.",
    DEAD_LETTER: "What a worker could not apply: original key, bytes and headers, and why.",
    BALANCES: f"Live traffic. {READING}",
    BALANCES_TEST: f"Test traffic. {READING}",
}
_SENT_BY = {
    DEAD_LETTER: "By the workers.",
    BALANCES: "By the publisher of balances, in transactions.",
    BALANCES_TEST: "By the publisher of balances, in transactions.",
}
_KEY = {
    "certificates": "The certificate: data._id.",
    "definitions": "The definition: data._id or data.giftcertificateId.",
    UNROUTED: "The event: id.",
    DEAD_LETTER: "The original record's key.",
    BALANCES: "The certificate.",
}
# What all messages have in common that the ingress sends.
_RAW: Schema = {
    "traits": [{"$ref": "#/components/messageTraits/raw"}],
    "headers": {"$ref": "#/components/schemas/RawHeaders"},
}

HEADERS: dict[str, Schema] = {
    "event": {"type": "string", "description": "The payload's event."},
    "event-id": {"type": "string", "description": "The payload's id."},
    "attempt-id": {"type": "string", "description": "The payload's attemptId: the idempotency key."},
    "livemode": {"enum": ["true", "false"], "description": "The payload's livemode."},
    "received-at": {
        "type": "string",
        "format": "date-time",
        "description": "When the ingress received the attempt: RFC 3339, UTC, milliseconds.",
    },
    "signing-key-id": {
        "type": "string",
        "description": "The id of the key that proved the sender; not there with WEBHOOK_VERIFICATION=off.",
    },
    "signature": {
        "type": "string",
        "description": f"The request's header {HEADER}, as it was sent; not there where none was. Whoever has the key "
        "can check later who said it: s2 is the HMAC-SHA256 of `<t>.<value of this record>`, or, where something on "
        "the way wrote the JSON anew, of `<t>.<JSON.stringify(JSON.parse(value of this record))>`.",
    },
    "traceparent": {"type": "string", "description": "W3C trace context, where the request had one."},
    REPLAYED_FROM: {"type": "string", "description": "If replayed, the dead letter: topic/partition:offset."},
}
ALWAYS = ("event", "event-id", "attempt-id", "livemode", "received-at")

DEAD_LETTER_HEADERS: dict[str, Schema] = {
    f"{PREFIX}topic": {"type": "string", "description": "Where the record was."},
    f"{PREFIX}partition": {"type": "string", "pattern": "^[0-9]+$", "description": "Its partition, in digits."},
    f"{PREFIX}offset": {"type": "string", "pattern": "^[0-9]+$", "description": "Its offset, in digits."},
    f"{PREFIX}stage": {
        "enum": [DECODE, APPLY],
        "description": f"{DECODE}: it could not be decoded. {APPLY}: the database refused it.",
    },
    f"{PREFIX}exception.class.name": {"type": "string", "description": "The kind of error, with its module."},
    f"{PREFIX}exception.message": {"type": "string", "description": "Why: at most 1,000 characters."},
}


def asyncapi() -> Schema:
    """Give the whole document."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:giftledger:topics",
        "info": {
            "title": "giftledger topics",
            "version": VERSION,
            "license": {"name": "Apache-2.0"},
            "description": "Gift-certificate webhooks as they were received, and what they come to, for everyone who "
            "subscribes. What the topics of balances promise stands there; of all others:\n\n"
            + "\n".join(f"- **{name}**: {text}" for name, text in GUARANTEES.items()),
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrapServer}",
                "protocol": "kafka",
                "description": "KAFKA_BOOTSTRAP_SERVERS, with TLS and SASL as KAFKA_SECURITY_PROTOCOL says.",
                "variables": {"bootstrapServer": {"default": SETTINGS.kafka_bootstrap_servers}},
            }
        },
        "channels": {topic: _channel(topic) for topic in TOPICS},
        "operations": _operations(),
        "components": {
            "messages": _messages(),
            "messageTraits": {
                "raw": {
                    "contentType": "application/json",
                    "correlationId": {
                        "description": "Attempts of one event have it in common.",
                        "location": "$message.header#/event-id",
                    },
                }
            },
            "schemas": {
                "Envelope": envelope(),
                "RawHeaders": _headers(),
                "DeadLetterHeaders": _dead_letter_headers(),
                "BalanceHeaders": balance_headers(),
            },
        },
        "x-guarantees": GUARANTEES,
    }


def _channel(topic: str) -> Schema:
    messages = [event for event, family in FAMILY_OF.items() if family.topic == topic] or [topic]
    configuration: Schema = {"cleanup.policy": ["delete"], "retention.ms": -1}
    if topic in {BALANCES, BALANCES_TEST}:
        messages = [BALANCE, BALANCE_ERASED]
        configuration = {"cleanup.policy": ["compact"]}
    if topic == DEAD_LETTER:
        configuration["max.message.bytes"] = MAX_RECORD_BYTES
    return {
        "address": SETTINGS.topic(topic),
        "title": topic,
        "description": f"{_PURPOSE[topic]} The name begins with TOPIC_PREFIX ({SETTINGS.topic_prefix}).",
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {message: {"$ref": f"#/components/messages/{message}"} for message in messages},
        "bindings": {
            "kafka": {
                "topic": SETTINGS.topic(topic),
                "partitions": SETTINGS.topic_partitions,
                "replicas": 3,
                "topicConfiguration": configuration,
                "bindingVersion": BINDING,
            }
        },
    }


def _operations() -> Schema:
    sent = {
        f"publish-{topic}": {
            "action": "send",
            "channel": {"$ref": f"#/channels/{topic}"},
            "summary": _PURPOSE[topic],
            "description": _SENT_BY.get(topic, "By the ingress, before it answers 200."),
            "bindings": {"kafka": {"bindingVersion": BINDING}},
        }
        for topic in TOPICS
    }
    applied = {
        f"apply-{family.topic}": {
            "action": "receive",
            "channel": {"$ref": f"#/channels/{family.topic}"},
            "summary": f"The workers apply them to the tables of the {family.name}.",
            "bindings": {
                "kafka": {
                    "groupId": {"type": "string", "default": SETTINGS.kafka_group_id},
                    "bindingVersion": BINDING,
                }
            },
        }
        for family in FAMILIES
    }
    return sent | applied


def _messages() -> Schema:
    examples: dict[str, list[Schema]] = {event: [] for event in FAMILY_OF}
    for text in EXAMPLES:
        body = msgspec.json.decode(text)
        examples[body["event"]].append({"name": "documented", "headers": _example_headers(body), "payload": body})
    events = {event: _event(event, family.topic, examples[event]) for event, family in FAMILY_OF.items()}
    balances = {name: message | {"bindings": _key(BALANCES)} for name, message in balance_messages().items()}
    return events | {UNROUTED: _unrouted(), DEAD_LETTER: _dead_letter()} | balances


def _event(event: str, topic: str, examples: list[Schema]) -> Schema:
    return {
        "name": event,
        "title": event,
        "summary": f"Key: {_KEY[topic]}",
        **_RAW,
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./{event}.schema.json"},
        },
        "bindings": _key(topic),
        "examples": examples,
    }


def _unrouted() -> Schema:
    example: Schema = {
        "id": "1f0a52d6-7c6f-4d0b-9d5a-3f7a3f1f7a10",
        "attemptId": "8f6d2f0e-52a3-4b55-a7c5-6f3f8f2ad111",
        "livemode": True,
        "created": 1623794091,
        "event": "transaction.completed",
        "data": {"_id": "60c921a917bda93f5c896bf4"},
    }
    return {
        "name": UNROUTED,
        "title": "Any other event",
        "summary": f"Key: {_KEY[UNROUTED]}",
        **_RAW,
        "payload": {"$ref": "#/components/schemas/Envelope"},
        "bindings": _key(UNROUTED),
        "examples": [{"name": "unrouted", "headers": _example_headers(example), "payload": example}],
    }


def _dead_letter() -> Schema:
    return {
        "name": DEAD_LETTER,
        "title": "Dead letter",
        "summary": f"Key: {_KEY[DEAD_LETTER]}",
        "description": "The header names are Kafka Connect's. The value is the original's, whatever it is.",
        "contentType": "application/octet-stream",
        "headers": {"$ref": "#/components/schemas/DeadLetterHeaders"},
        "payload": {"description": "The original value, byte for byte: usually JSON, never certainly."},
        "bindings": _key(DEAD_LETTER),
        "examples": [_dead_letter_example()],
    }


def _key(topic: str) -> Schema:
    return {"kafka": {"key": {"type": "string", "description": _KEY[topic]}, "bindingVersion": BINDING}}


def _headers() -> Schema:
    return {
        "type": "object",
        "description": "Names are as they stand here; values are UTF-8.",
        "required": list(ALWAYS),
        "properties": HEADERS,
    }


def _dead_letter_headers() -> Schema:
    return {
        "type": "object",
        "description": "The original's headers, as far as it had any, and the reason behind them.",
        "required": list(DEAD_LETTER_HEADERS),
        "properties": HEADERS | DEAD_LETTER_HEADERS,
    }


def _example_headers(body: Schema) -> dict[str, str]:
    return {
        "event": body["event"],
        "event-id": body["id"],
        "attempt-id": body["attemptId"],
        "livemode": str(body["livemode"]).lower(),
        "received-at": "2021-06-15T21:54:52.118Z",
        "signing-key-id": "2021",
        "signature": f"t={body['created']},s=,s2=0c3f1e6e0b5d4f7f6b8a35b4b4ad0a3e59ad4ef1e1a5c2f9b1f7f7b2f5f0f3d9",
    }


def _dead_letter_example() -> Schema:
    body: Schema = {
        "id": "5c0bd2cf-33a2-4f9d-8a5e-0e1f6f0a9a42",
        "attemptId": "b3b7f2b8-5c2a-4d59-93cf-02b6a8a3d0f4",
        "livemode": True,
        "created": 1623794091,
        "event": "giftcertificate.updated",
        "data": {"_id": "60ca1724a3b1c2d4e5f60718", "balance": "abc"},
    }
    why = {
        "topic": SETTINGS.topic("certificates"),
        "partition": "3",
        "offset": "1042",
        "stage": DECODE,
        "exception.class.name": "schemas.registry.Malformed",
        "exception.message": "Expected `int`, got `str` - at `$.data.balance`",
    }
    headers = _example_headers(body) | {f"{PREFIX}{name}": value for name, value in why.items()}
    return {"name": "undecodable", "headers": headers, "payload": body}
