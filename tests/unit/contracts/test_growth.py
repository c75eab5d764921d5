"""The schema of balances may only grow: whoever reads by the last one that was released reads on."""

import copy
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from consumer.contracts import FOLDER
from consumer.contracts.balances import balance_schema
from consumer.contracts.growth import broken
from schemas.balances import Balance, decimal

RELEASED = json.loads((FOLDER / "released" / "balance.schema.json").read_text(encoding="utf-8"))
Schema = dict[str, Any]


def test_what_was_released_can_be_read_by_what_is_written_now() -> None:
    assert broken(RELEASED, balance_schema()) == []


def test_the_schema_is_valid_and_every_field_says_what_it_means() -> None:
    Draft202012Validator.check_schema(balance_schema())
    described = [balance_schema(), *balance_schema()["$defs"].values()]
    assert all(kind.get("description") for schema in described for kind in schema["properties"].values())


def test_a_field_more_is_no_break() -> None:
    now = balance_schema()
    now["properties"]["agency_id"] = {"type": "string"}
    now["$defs"]["Station"]["properties"]["time_zone"] = {"type": "string"}
    now["required"].append("agency_id")
    now["properties"]["version"]["description"] = "Said better."

    assert broken(RELEASED, now) == []


def _gone(now: Schema) -> None:
    del now["properties"]["event_id"]


def _gone_within(now: Schema) -> None:
    del now["$defs"]["Money"]["properties"]["units"]


def _optional(now: Schema) -> None:
    now["required"].remove("balance")


def _nullable(now: Schema) -> None:
    now["properties"]["currency"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}


def _never_null(now: Schema) -> None:
    now["properties"]["price"] = {"$ref": "#/$defs/Money"}


def _another_type(now: Schema) -> None:
    now["properties"]["version"]["type"] = "string"


def _another_form(now: Schema) -> None:
    now["$defs"]["Money"]["properties"]["decimal"]["pattern"] = "^[0-9]+$"


@pytest.mark.parametrize(
    "change", [_gone, _gone_within, _optional, _nullable, _never_null, _another_type, _another_form]
)
def test_each_change_that_a_reader_could_not_bear_is_named(change: Callable[[Schema], None]) -> None:
    now = copy.deepcopy(RELEASED)
    change(now)

    assert broken(RELEASED, now)


@pytest.mark.parametrize(
    ("units", "text"),
    [
        (0, "0.00000"),
        (1, "0.00001"),
        (-1, "-0.00001"),
        (1_250_000, "12.50000"),
        (-1_250_000, "-12.50000"),
        (2**63 - 1, "92233720368547.75807"),
    ],
)
def test_an_amount_is_written_exactly(units: int, text: str) -> None:
    assert decimal(units) == text


def test_a_field_that_a_reader_does_not_know_is_passed_over() -> None:
    example = json.loads((FOLDER / "asyncapi.json").read_text())["components"]["messages"]["balance"]["examples"][0]
    value = msgspec.json.encode(example["payload"] | {"new": 1})

    assert msgspec.json.decode(value, type=Balance).certificate_id == example["payload"]["certificate_id"]
