"""The contract files: current, valid by the standards they follow, and true of the traffic."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator, Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from consumer.common.settings import load
from consumer.contracts import FOLDER, documents, outdated
from consumer.contracts.balances import BALANCE, balance_schema
from consumer.contracts.openapi import openapi
from consumer.contracts.payloads import MEANINGS, payloads
from consumer.kafka.topics import new_topic
from consumer.traffic import Kind, Truth, Webhook, period
from consumer.traffic.examples import EXAMPLES
from schemas.registry import FAMILY_OF, TOPICS, UNROUTED, Malformed, read, route
from tests.npm import package

PAYLOADS = Path(__file__).parents[2] / "payloads"
ASYNCAPI_SPECS = "@asyncapi/specs@6.11.1"

VALIDATORS = {event: Draft202012Validator(schema) for event, schema in payloads().items()}
ASYNCAPI: dict[str, Any] = json.loads(documents()["asyncapi.json"])
WEBHOOK = Draft202012Validator(
    {"$ref": "#/components/schemas/Webhook", "components": openapi()["components"]},
)


def thousand_webhooks() -> list[Webhook]:
    return list(period(Truth(), seed=11, start=datetime(2026, 6, 1, tzinfo=UTC), count=1000))


def test_the_files_are_what_the_types_say() -> None:
    assert outdated() == [], "run: python -m consumer.contracts"


def test_a_changed_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in documents().items():
        (tmp_path / name).write_text(text)
    (tmp_path / "openapi.json").write_text("{}")
    (tmp_path / "giftcertificates.deleted.schema.json").unlink()
    (tmp_path / "giftcard.schema.json").write_text("{}")
    monkeypatch.setattr("consumer.contracts.FOLDER", tmp_path)
    assert outdated() == ["giftcard.schema.json", "giftcertificates.deleted.schema.json", "openapi.json"]


@pytest.mark.parametrize("event", FAMILY_OF)
def test_each_payload_has_a_valid_schema(event: str) -> None:
    schema = json.loads((FOLDER / f"{event}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    assert schema["properties"]["event"]["const"] == event


@pytest.mark.parametrize("example", [*EXAMPLES, *(path.read_text() for path in PAYLOADS.glob("*s.*.json"))])
def test_the_documents_examples_are_valid(example: str) -> None:
    body = json.loads(example)
    VALIDATORS[body["event"]].validate(body)
    WEBHOOK.validate(body)


def test_every_field_of_the_documented_skeleton_may_be_there() -> None:
    skeleton = json.loads((PAYLOADS / "giftcertificate.skeleton.json").read_text())
    described = set(payloads()["giftcertificate.created"]["$defs"]["Certificate"]["properties"])
    assert described <= set(skeleton["data"]), "a field that the sender does not document"


def test_a_webhook_is_valid_exactly_if_it_can_be_applied() -> None:
    counted = {"valid": 0, "invalid": 0}
    for webhook in thousand_webhooks():
        if webhook.kind in {Kind.BROKEN, Kind.UNROUTED}:
            continue
        body = json.loads(webhook.body)
        try:
            read(webhook.body)
        except Malformed:
            expected = False
        else:
            expected = True
        assert VALIDATORS[body["event"]].is_valid(body) is expected, body["event"]
        counted["valid" if expected else "invalid"] += 1
    assert counted["valid"] > 900
    assert counted["invalid"] > 0


def test_a_webhook_is_valid_for_the_ingress_exactly_if_it_can_be_routed() -> None:
    refused = 0
    for webhook in thousand_webhooks():
        try:
            body = json.loads(webhook.body)
        except ValueError:
            body = None
        try:
            route(webhook.body)
        except Malformed:
            refused += 1
            assert not WEBHOOK.is_valid(body)
        else:
            WEBHOOK.validate(body)
    assert refused > 0


@pytest.mark.parametrize(
    ("created", "valid"),
    [
        (1623794091, True),
        (1623794091506, True),
        (946_684_800, True),
        (946_684_799, False),
        (946_684_800_000, True),
        (946_684_799_999, False),
        (10**11 - 1, True),
        (10**11, False),
        (0, False),
        (-62_135_596_800, False),
        (253_402_300_799_999, True),
        (253_402_300_800_000, False),
        (10**18, False),
    ],
)
def test_created_is_a_time_of_the_calendar_from_2000_on(created: int, *, valid: bool) -> None:
    body = json.loads(EXAMPLES[0]) | {"created": created}
    assert VALIDATORS[body["event"]].is_valid(body) is valid
    try:
        read(msgspec.json.encode(body))
    except Malformed:
        assert not valid
    else:
        assert valid


@pytest.mark.parametrize(
    ("created", "valid"),
    [
        (0, True),
        (-62_135_596_800, True),
        (-62_135_596_801, False),
        (253_402_300_799_999, True),
        (253_402_300_800_000, False),
        (-(10**11), True),
        (-(10**11) + 1, False),
    ],
)
def test_the_ingress_takes_any_created_that_a_calendar_holds(created: int, *, valid: bool) -> None:
    body = json.loads(EXAMPLES[0]) | {"created": created}
    assert WEBHOOK.is_valid(body) is valid
    try:
        route(msgspec.json.encode(body))
    except Malformed:
        assert not valid
    else:
        assert valid


def test_money_is_described_as_an_integer_in_its_unit() -> None:
    for schema in payloads().values():
        for name in {"Certificate", "Definition"} & set(schema["$defs"]):
            for field in {"balance", "price", "total", "value"} & set(schema["$defs"][name]["properties"]):
                described = schema["$defs"][name]["properties"][field]
                assert "1/100000" in described["description"]
                assert "integer" in {kind.get("type") for kind in described.get("anyOf", [described])}


def test_no_meaning_is_given_to_a_field_that_is_not_there() -> None:
    named = {
        (name, field)
        for schema in payloads().values()
        for name, definition in schema["$defs"].items()
        for field in definition["properties"]
    }
    given = {(name, field) for name, fields in MEANINGS.items() if name for field in fields}
    assert given == named


def test_openapi_is_valid() -> None:
    OpenAPIV31SpecValidator(openapi()).validate()


def test_openapi_names_every_reason_that_the_ingress_gives() -> None:
    source = (Path(__file__).parents[3] / "consumer" / "ingress" / "app.py").read_text()
    given = set(re.findall(r'HTTPStatus\.\w+, "(\w+)"', source))
    described = set(re.findall(r'"(\w+)"', json.dumps([*_reasons(openapi())])))
    assert given <= described


def _reasons(document: dict[str, Any]) -> list[list[str]]:
    answers = document["paths"]["/webhooks"]["post"]["responses"].values()
    schemas = [content["schema"] for answer in answers for content in answer["content"].values()]
    return [schema["allOf"][1]["properties"]["reason"]["enum"] for schema in schemas if "allOf" in schema]


def test_asyncapi_is_valid_by_its_official_schema() -> None:
    official = json.loads((package(ASYNCAPI_SPECS) / "schemas" / "3.0.0-without-$id.json").read_text())
    errors = [f"{error.json_path}: {error.message}" for error in Draft7Validator(official).iter_errors(ASYNCAPI)]
    assert errors == []


def test_asyncapi_refers_only_to_what_is_there() -> None:
    references = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(ASYNCAPI)))
    assert references
    for reference in references:
        file, _, pointer = reference.partition("#/")
        if file:
            assert (FOLDER / file).exists(), reference
        found: Any = ASYNCAPI
        for part in pointer.split("/") if pointer else ():
            found = found[part]
        assert found


def test_asyncapi_describes_every_topic_and_every_event() -> None:
    assert {channel["title"] for channel in ASYNCAPI["channels"].values()} == set(TOPICS)
    assert set(ASYNCAPI["components"]["messages"]) >= {*FAMILY_OF, UNROUTED}
    for event, family in FAMILY_OF.items():
        assert event in ASYNCAPI["channels"][family.topic]["messages"]


def test_asyncapi_describes_the_topics_as_they_are_created() -> None:
    settings = load({})
    for topic, channel in ASYNCAPI["channels"].items():
        created = new_topic(settings, topic, 3)
        binding = channel["bindings"]["kafka"]
        assert (created.name, created.num_partitions) == (channel["address"], binding["partitions"])
        described = {
            name: ",".join(value) if isinstance(value, list) else str(value)
            for name, value in binding["topicConfiguration"].items()
        }
        assert created.topic_configs == described


def test_asyncapis_examples_are_valid() -> None:
    resources = Registry().with_resource(
        "urn:asyncapi", Resource.from_contents(ASYNCAPI, default_specification=DRAFT202012)
    )
    for name, message in ASYNCAPI["components"]["messages"].items():
        headers = Draft202012Validator({"$ref": f"urn:asyncapi{message['headers']['$ref']}"}, registry=resources)
        assert message["examples"], name
        for example in message["examples"]:
            headers.validate(example["headers"])
            if name in VALIDATORS:
                VALIDATORS[name].validate(example["payload"])
            elif name == BALANCE:
                Draft202012Validator(balance_schema()).validate(example["payload"])
