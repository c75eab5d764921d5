"""The topics of balances in the contract: the schema of a state, its headers, and how to read them."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from consumer.balances.record import CHANGED, CONTENT_TYPE, ERASED, record_of
from consumer.common.settings import Settings
from consumer.contracts.payloads import DIALECT
from consumer.kafka.trace import TRACEPARENT
from schemas.balances import DATASCHEMA, Balance, Changed, Money, Station

Schema = dict[str, Any]

SETTINGS = Settings()
BALANCE = "balance"
BALANCE_ERASED = "balance-erased"

READING = (
    "The newest state of each certificate, compacted: whoever reads the topic from its beginning has all of them. At "
    "least once, and not one record a change: what changed several times in a moment is published once. Read what is "
    "committed (isolation.level=read_committed). Of two records of a key the one with the higher version counts; that "
    "is the later one, and comparing costs nothing. A certificate that is voided has a state; a record without a value "
    "says that giftledger knows it no longer. The number of partitions never changes."
)
EVOLUTION = (
    "This only grows: pass over fields that you do not know. A field that is here stays, with its name, type and "
    f"meaning, for as long as ce_dataschema is {DATASCHEMA}."
)

HEADERS: dict[str, Schema] = {
    "ce_specversion": {"const": "1.0", "description": "CloudEvents, in its binary content mode over Kafka."},
    "ce_id": {"type": "string", "description": "The certificate and the version: `<id>/<version>`."},
    "ce_source": {"type": "string", "description": "`urn:giftledger:` and the topic."},
    "ce_type": {"enum": [CHANGED, ERASED], "description": "A state, or (without a value) that there is none any more."},
    "ce_subject": {"type": "string", "description": "The certificate."},
    "ce_time": {"type": "string", "format": "date-time", "description": "When the change was booked: RFC 3339, UTC."},
    "ce_dataschema": {"const": DATASCHEMA, "description": "Which description of the value this is."},
    TRACEPARENT: {
        "type": "string",
        "description": "W3C trace context of the webhook that changed the certificate last, where its request had one. "
        "Absent where that was no webhook: a setting, a currency that became known, a rebuild, `balances republish`.",
    },
    "content-type": {"const": CONTENT_TYPE, "description": "Of the value."},
}
NOT_ALWAYS = ("ce_dataschema", "content-type", TRACEPARENT)


def balance_schema() -> Schema:
    """Give the JSON Schema of a state."""
    generated = msgspec.json.schema(Balance)
    definitions = generated["$defs"]
    root = definitions.pop("Balance")
    return {
        "$schema": DIALECT,
        "$id": DATASCHEMA,
        **root,
        "description": f"{root['description']} {EVOLUTION}",
        "$defs": definitions,
    }


def balance_headers() -> Schema:
    """Give the schema of the headers."""
    return {
        "type": "object",
        "description": "Names are as they stand here; values are UTF-8.",
        "required": [name for name in HEADERS if name not in NOT_ALWAYS],
        "properties": HEADERS,
    }


def balance_messages() -> Schema:
    """Give the messages: a state, and the end of one."""
    state = Balance(
        certificate_id="60ca1724a3b1c2d4e5f60718",
        livemode=True,
        version=4711,
        event_id="5c0bd2cf-33a2-4f9d-8a5e-0e1f6f0a9a42",
        account_id="52b8c3f2a917bda93f000001",
        definition_id="60c921a917bda93f5c896bf4",
        currency="CAD",
        balance=Money.of(2_750_000),
        consideration=Money.of(2_062_500),
        face_value=Money.of(4_000_000),
        price=Money.of(3_000_000),
        is_voided=False,
        issuing_station=Station("5b10f00d2c1a4e0000000001", "Toronto"),
        last_station=None,
        issued_at=datetime(2021, 6, 15, 21, 54, 51, tzinfo=UTC),
        updated_at=datetime(2021, 6, 16, 8, 30, tzinfo=UTC),
    )
    return {
        BALANCE: _message(BALANCE, "State of a certificate", state) | {"payload": _payload()},
        BALANCE_ERASED: _message(BALANCE_ERASED, "A certificate is known no longer", None)
        | {"payload": {"type": "null", "description": "A tombstone: compaction removes it, too, after a while."}},
    }


def _payload() -> Schema:
    return {
        "schemaFormat": "application/schema+json;version=draft-2020-12",
        "schema": {"$ref": f"./{BALANCE}.schema.json"},
    }


def _message(name: str, title: str, state: Balance | None) -> Schema:
    booked_at = datetime(2021, 6, 16, 8, 30, 1, 118_000, tzinfo=UTC)
    record = record_of(SETTINGS, Changed("60ca1724a3b1c2d4e5f60718", True, 4711, booked_at, state))  # noqa: FBT003
    return {
        "name": name,
        "title": title,
        "summary": "Key: the certificate.",
        "headers": {"$ref": "#/components/schemas/BalanceHeaders"},
        "examples": [
            {
                "name": name,
                "headers": {header: value.decode() for header, value in record.headers},
                "payload": None if record.value is None else msgspec.json.decode(record.value),
            }
        ],
    }
