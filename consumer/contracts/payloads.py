"""JSON Schema (draft 2020-12) of the five payloads.

The shapes come from the types; what a type cannot say, the meaning of a field and the form of a date, is said here.
A payload may hold any other field: it is kept as it came and described nowhere.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec

from schemas.envelope import Envelope, Message
from schemas.fields import EARLIEST, EPOCH, MILLISECONDS_FROM
from schemas.registry import FAMILY_OF, AnyMessage

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

MONEY = "Integer in 1/100000 of the currency unit: 5000000 is 50.00."

# The meaning of each typed field, by the struct that has it; a test sees to it that none is missing.
MEANINGS: dict[str, dict[str, str]] = {
    "": {
        "event": "What happened. Names are matched whole: giftcertificate is not giftcertificates.",
        "id": "The event. The same for every attempt and every subscriber of one event.",
        "attemptId": "The attempt: unique for every POST. The idempotency key.",
        "livemode": "false for test traffic, which must never touch a live balance.",
        "created": "When the event was emitted: Unix time in UTC, in seconds; from 10^11 on in milliseconds. "
        "Written without a fraction.",
        "data": "The certificate, the definition, or (deleted) only the definition's id.",
    },
    "Certificate": {
        "_id": "The certificate.",
        "balance": f"What is left, absolute, in the account's base currency. {MONEY}",
        "price": f"What was paid before taxes and fees. {MONEY}",
        "total": f"Price and taxes and fees. {MONEY}",
        "status": "Free text; `paid` is the one that the sender documents.",
        "deleted": "true when the certificate no longer counts.",
        "accountId": "The company that sold it.",
        "certDefId": "The definition that it was sold as.",
        "transactionId": "The transaction of the purchase.",
        "trxId": "The same; read where transactionId is not given.",
        "transactionsPaid": "The transactions that it has paid, so far.",
        "customerNumber": "The holder's number. Personal data.",
        "userId": "Who sold it, or took it as payment.",
        "agencyId": "The agency that sold it, if one did.",
        "agencyName": "That agency's name.",
        "shiftId": "The open shift of that user.",
        "shiftLocation": "The station where it was bought or used.",
        "displayCurrency": "The currency of the display amounts.",
        "createdAt": "When it was bought.",
        "updatedAt": "When it last changed; this is what orders a certificate's events.",
    },
    "ShiftLocation": {
        "stationId": "The station.",
        "name": "Its name.",
        "timeZone": "Its IANA time zone: the local day of a report.",
        "primaryCurrencyCode": "ISO 4217.",
    },
    "DisplayCurrency": {
        "buy": "Rate to the account's base currency.",
        "sell": "Rate from the account's base currency.",
        "isocode": "ISO 4217. The account's base currency where both rates are 1 (inferred).",
    },
    "Definition": {
        "_id": "The definition.",
        "price": f"What one pays. {MONEY}",
        "value": f"What one gets: the face value. {MONEY}",
        "name": "Internal name.",
        "description": "Sales pitch.",
        "currencyCode": "ISO 4217; may be empty.",
        "accountId": "The company that sells it.",
        "disabled": "true while it is not sold.",
        "taxable": "Whether taxes are added to the price.",
        "deleted": "true once it is deleted, which is final.",
        "createdAt": "When it was created.",
        "updatedAt": "When it last changed; this is what orders a definition's events.",
    },
    "DeletedDefinition": {"giftcertificateId": "The definition. Its id is never reused: a delete is final."},
    "BzDate": {"value": "The instant, in UTC; 0 (and nothing) is the sender's null date."},
}


_LENIENCY = (
    "A field of the data that is not required and not as described here counts as not given, or is read as what it can "
    "only mean (a number as a text, a date without its object): such a message is applied all the same."
)


def payloads() -> dict[str, Schema]:
    """Give the schema of each event's payload by the event's name."""
    messages: dict[str, type[Message]] = {
        str(message.__struct_config__.tag): message for message in get_args(AnyMessage)
    }
    return {event: _payload(event, messages[event]) for event in FAMILY_OF}


def envelope() -> Schema:
    """Give the schema of any webhook: what the ingress asks of it, whatever it is about."""
    schema = _described(msgspec.json.schema(Envelope)["$defs"]["Envelope"], "")
    schema["description"] = "What every webhook has, whatever it is about."
    return schema


def _payload(event: str, message: type[Message]) -> Schema:
    # What msgspec calls $defs stays; its entry for the message itself becomes the root.
    generated = msgspec.json.schema(message)
    definitions = generated["$defs"]
    root = _described(definitions.pop(message.__name__), "")
    root["properties"]["event"] = {"const": event, "description": MEANINGS[""]["event"]}
    root["properties"]["created"] |= _PLAUSIBLE
    described = {name: _described(schema, name) for name, schema in definitions.items()}
    if "BzDate" in described:
        described["BzDate"] |= _DATE
    others = "Fields that are not named here may be there, and mean what the sender says"
    others += "; among a certificate's are names and e-mail addresses." if "Certificate" in described else "."
    return {
        "$schema": DIALECT,
        "$id": f"urn:giftledger:{event}",
        **root,
        "title": event,
        "description": f"{root['description']} {others} {_LENIENCY}",
        "$defs": described,
    }


def _described(schema: Schema, name: str) -> Schema:
    """Add the meanings, and what JSON Schema says differently or not at all."""
    properties = {
        field: {**_portable(kind), "description": MEANINGS[name][field]} for field, kind in schema["properties"].items()
    }
    if "created" in properties:
        properties["created"] |= _CREATED
    if "description" in schema:
        schema["description"] = schema["description"].replace("``", "`").replace("\n", " ")
    return schema | {"properties": properties}


def _portable(kind: Schema) -> Schema:
    """Spare readers our guard against Python's reading of `$`; in JSON Schema it has no other."""
    pattern = str(kind.get("pattern", ""))
    kind = kind | {"pattern": pattern.removesuffix("(?!\\n)")} if pattern else kind
    # A missing field is what null says; a default would make generators of code write one.
    return {key: value for key, value in kind.items() if key != "default"}


def _milliseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


# Unix times that a calendar holds: in seconds, and in milliseconds from 10^11 on, both ways.
_FIRST, _LAST = _milliseconds(datetime.min.replace(tzinfo=UTC)), _milliseconds(datetime.max.replace(tzinfo=UTC))
_CREATED = {
    "anyOf": [
        {"minimum": _FIRST // 1000, "maximum": _LAST},
        {"minimum": _FIRST, "maximum": -MILLISECONDS_FROM},
    ]
}
# Those from 2000 on. That it may not be later than a day after its arrival no schema can say.
_PLAUSIBLE = {
    "anyOf": [
        {"minimum": _milliseconds(EARLIEST) // 1000, "exclusiveMaximum": MILLISECONDS_FROM},
        {"minimum": _milliseconds(EARLIEST), "maximum": _LAST},
    ]
}
_DATE = {
    "description": "The sender's date. `offset` (minutes) is only presentation: never derive an instant from it.",
    "properties": {
        "value": {
            "description": MEANINGS["BzDate"]["value"],
            "anyOf": [
                {"type": "string", "format": "date-time", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T"},
                {"enum": [0, "", None]},
            ],
        },
    },
}
