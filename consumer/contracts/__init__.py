"""Contracts: generates what others may rely on from the types that the code itself decodes with.

JSON Schema for each payload, AsyncAPI for the topics, OpenAPI for the ingress; the files stand in
`schemas/contracts`. No other room imports this one; it reads both sides of the topics and repeats neither.
"""

import json
from pathlib import Path
from typing import Any

from consumer.contracts.asyncapi import asyncapi
from consumer.contracts.balances import BALANCE, balance_schema
from consumer.contracts.openapi import openapi
from consumer.contracts.payloads import payloads

FOLDER = Path(__file__).parents[2] / "schemas" / "contracts"


def documents() -> dict[str, str]:
    """Give the text of every contract file by its name."""
    generated: dict[str, Any] = {
        **{f"{event}.schema.json": schema for event, schema in payloads().items()},
        f"{BALANCE}.schema.json": balance_schema(),
        "asyncapi.json": asyncapi(),
        "openapi.json": openapi(),
    }
    return {name: json.dumps(content, ensure_ascii=False, indent=2) + "\n" for name, content in generated.items()}


def outdated() -> list[str]:
    """Name the files that are not what would be generated now, missing and surplus ones included."""
    wanted = documents()
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
