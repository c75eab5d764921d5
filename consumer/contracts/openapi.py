"""OpenAPI 3.1 of the ingress: one route for the sender, one for load balancers."""

from typing import Any

import msgspec

from consumer.common.settings import Settings
from consumer.contracts.payloads import DIALECT, envelope
from consumer.ingress.head import ONCE
from consumer.ingress.signature import HEADER, Rejection
from consumer.traffic.examples import EXAMPLES
from schemas.registry import FAMILY_OF

Schema = dict[str, Any]

VERSION = "1.0.0"

REASONS = {
    "400": ("head_malformed", "malformed"),
    "401": tuple(sorted(rejection.value for rejection in Rejection)),
    "408": ("body_too_slow",),
    "413": ("body_too_large", "too_large_for_topic"),
    "415": ("content_encoding",),
    "500": ("error",),
    "503": ("draining", "in_flight_bytes", "in_flight_requests", "kafka_unavailable"),
}


def openapi() -> Schema:
    """Give the whole document."""
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DIALECT,
        "info": {
            "title": "giftledger ingress",
            "version": VERSION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Takes the sender's webhooks and puts their bytes, as they came, on Kafka topics. 200 means "
            "durably there, and nothing else does. An attempt may be posted again after any other answer, and after "
            "none: to apply it twice changes nothing.",
        },
        "servers": [{"url": "http://localhost:8080", "description": "INGRESS_PORT; put TLS in front of it."}],
        "tags": [
            {"name": "webhooks", "description": "What the sender posts."},
            {"name": "health", "description": "What a load balancer asks."},
        ],
        "security": [{"webhookSignature": []}],
        "paths": {"/webhooks": {"post": _post()}, "/health": {"get": _health()}},
        "components": {
            "schemas": {"Webhook": _webhook(), "Accepted": _accepted(), "Problem": _problem()},
            "securitySchemes": {
                "webhookSignature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": HEADER,
                    "description": "`t=<timestamp>,s=<deprecated>,s2=<signature>`: s2 is the HMAC-SHA256 of "
                    "`<t as sent>.<body>` under the private key of the sender's webhooks application, in hex or "
                    f"base64 (either alphabet, padded or not); t is Unix time, at most WEBHOOK_TOLERANCE_SECONDS "
                    f"({Settings().webhook_tolerance_seconds:g}) from now.",
                }
            },
        },
    }


def _post() -> Schema:
    examples = {(body := msgspec.json.decode(example))["event"]: {"value": body} for example in EXAMPLES}
    return {
        "operationId": "receiveWebhook",
        "tags": ["webhooks"],
        "summary": "Take one attempt.",
        "description": "Reads the envelope and the entity's id, not the business data. A client that hangs up does "
        "not take its attempt back. At most WEBHOOK_MAX_BODY_BYTES "
        f"({Settings().webhook_max_body_bytes}) bytes.",
        "parameters": [
            {
                "name": "traceparent",
                "in": "header",
                "required": False,
                "description": "W3C trace context; carried into the Kafka record and the worker's log. Anything else "
                "in its place is ignored.",
                "schema": {"type": "string"},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Webhook"}, "examples": examples}},
        },
        "responses": {
            "200": {
                "description": "The attempt is durably in Kafka: acknowledged by all in-sync replicas.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Accepted"}}},
            },
            "400": _refusal(
                "Not JSON, or no readable envelope; `detail` names the field. Or a head that others may read "
                f"otherwise: no host, another version of HTTP, or one of {', '.join(ONCE)} given twice.",
                "400",
            ),
            "401": _refusal("The signature is missing, wrong, or too old.", "401"),
            "408": _refusal("The body did not come in time. Post it again.", "408"),
            "413": _refusal(
                "The body is too large, whatever its Content-Length says, or larger than its topic ever takes.", "413"
            ),
            "415": _refusal("The body is encoded, as its Content-Encoding says: send it as it was signed.", "415")
            | _header("Accept-Encoding", "The only encoding that is taken.", {"const": "identity"}),
            "500": _refusal("An error of ours. Nothing was accepted. Post it again.", "500"),
            "503": _refusal("Kafka did not acknowledge in time, or too much is in flight. Post it again.", "503")
            | _RETRY_AFTER,
        },
    }


def _health() -> Schema:
    problem: Schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        "operationId": "health",
        "tags": ["health"],
        "summary": "Say whether webhooks should be sent here.",
        "description": "The reasons are on the admin port, not here.",
        "security": [],
        "responses": {
            "200": {"description": "They should."},
            "503": {
                "description": "They should not: Kafka cannot be reached, or the ingress shuts down.",
                "content": {"application/problem+json": problem},
            }
            | _RETRY_AFTER,
        },
    }


def _header(name: str, description: str, schema: Schema) -> Schema:
    return {"headers": {name: {"description": description, "required": True, "schema": schema}}}


_RETRY_AFTER = _header("Retry-After", "Seconds to wait.", {"type": "integer", "minimum": 1})


def _refusal(description: str, status: str) -> Schema:
    reasons = {"type": "object", "required": ["reason"], "properties": {"reason": {"enum": list(REASONS[status])}}}
    schema = {"allOf": [{"$ref": "#/components/schemas/Problem"}, reasons]}
    return {"description": description, "content": {"application/problem+json": {"schema": schema}}}


def _webhook() -> Schema:
    """Say what is asked of a body: the envelope and, of the events that have a topic of their own, the entity's id."""
    whole = envelope()
    identifier = whole["properties"]["id"]
    described = [event for event in FAMILY_OF if not event.endswith(".deleted")]
    deleted = [event for event in FAMILY_OF if event.endswith(".deleted")]
    whole["properties"]["data"] = {"description": whole["properties"]["data"]["description"]}
    whole["oneOf"] = [
        _about({"enum": described}, {"_id": identifier | {"description": "The certificate or the definition."}}),
        _about({"enum": deleted}, {"giftcertificateId": identifier | {"description": "The definition."}}),
        {"title": "AnyOther", "properties": {"event": {"not": {"enum": list(FAMILY_OF)}}}},
    ]
    return whole


def _about(event: Schema, identity: Schema) -> Schema:
    return {
        "title": "ById" if "_id" in identity else "Deleted",
        "properties": {
            "event": event,
            "data": {"type": "object", "required": list(identity), "properties": identity},
        },
    }


def _accepted() -> Schema:
    return {
        "type": "object",
        "required": ["attemptId"],
        "additionalProperties": False,
        "properties": {"attemptId": {"type": "string", "description": "The attempt that was taken."}},
    }


def _problem() -> Schema:
    return {
        "type": "object",
        "description": "RFC 9457.",
        "required": ["title", "status", "detail"],
        "properties": {
            "title": {"type": "string", "description": "The status in words."},
            "status": {"type": "integer", "description": "The HTTP status."},
            "detail": {"type": "string", "description": "What is wrong; never a value from the body."},
            "reason": {"type": "string", "description": "The label `reason` of giftcert_webhook_requests_total."},
        },
    }
