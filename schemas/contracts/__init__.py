"""Contracts: what others may rely on, generated from the types that the code itself decodes with.

JSON Schema for each payload, AsyncAPI for the topics, OpenAPI for the ingress; the files stand beside this one.
Nothing of giftledger imports this package. It looks at both sides of the topics so that it need not repeat them.
"""

import json
from pathlib import Path
from typing import Any

from schemas.contracts.asyncapi import asyncapi
from schemas.contracts.openapi import openapi
from schemas.contracts.payloads import payloads

FOLDER = Path(__file__).parent


def documents() -> dict[str, str]:
    """Give the text of every contract file by its name."""
    generated: dict[str, Any] = {
        **{f"{event}.schema.json": schema for event, schema in payloads().items()},
        "asyncapi.json": asyncapi(),
        "openapi.json": openapi(),
    }
    return {name: json.dumps(content, ensure_ascii=False, indent=2) + "\n" for name, content in generated.items()}


def outdated() -> list[str]:
    """Name the files that are not what would be generated now, missing and surplus ones included."""
    wanted = documents()
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
