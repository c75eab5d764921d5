"""Growth: what was released of a schema stays. Whoever reads by an older one reads on."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

# What says nothing about which values there are.
_WORDS = ("description", "title", "$schema", "$id")


def broken(released: Schema, now: Schema) -> list[str]:
    """Name what a reader of the released schema could not read any more; nothing where it has only grown."""
    return [*_broken("$", released, now, released, now)]


def _broken(path: str, before: Schema, after: Schema, released: Schema, now: Schema) -> Iterator[str]:
    before, after = _resolved(before, released), _resolved(after, now)
    for name, kind in before.get("properties", {}).items():
        where = f"{path}.{name}"
        if name not in after.get("properties", {}):
            yield f"{where} is gone"
            continue
        if name in before.get("required", ()) and name not in after.get("required", ()):
            yield f"{where} may be missing now"
        yield from _broken(where, kind, after["properties"][name], released, now)
    choices, now_choices = before.get("anyOf", []), after.get("anyOf", [])
    if len(choices) != len(now_choices):
        yield f"{path} may be something else now"
    else:
        for choice, now_choice in zip(choices, now_choices, strict=True):
            yield from _broken(path, choice, now_choice, released, now)
    if _plain(before) != _plain(after):
        yield f"{path} is {_plain(after)} now, and was {_plain(before)}"


def _resolved(schema: Schema, root: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    target: Schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return target


def _plain(schema: Schema) -> Schema:
    """Leave out what is compared part by part, and what is only said."""
    parts = ("properties", "required", "anyOf", "$defs", *_WORDS)
    return {name: value for name, value in schema.items() if name not in parts}
