"""The reference path: independent of the worker's code, and of one mind with the model of the tests."""

import ast
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from consumer.close.verify import reference
from consumer.close.verify.reference import Named, Said, Settings, book_of, first_currencies, read
from tests.builders import bought, encode
from tests.histories import deliveries
from tests.reference import Delivery
from tests.reference_books import GROUPS, journal


def test_it_imports_nothing_but_the_standard_library() -> None:
    tree = ast.parse(Path(reference.__file__).read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}

    assert {str(name).partition(".")[0] for name in modules} <= sys.stdlib_module_names


@given(sent=deliveries())
def test_it_comes_to_the_lines_of_the_model(sent: list[Delivery]) -> None:
    wanted = ("certificate_id", "event_id", "movement", "posting_day", "account_id", "currency", "issuing_station_id")
    live = [delivery for delivery in sent if delivery.body["livemode"]]
    should = Counter(
        {
            (*(group[GROUPS.index(name)] for name in wanted), *group[len(GROUPS) :]): number
            for group, number in journal(live).items()
        }
    )

    assert _lines(live) == should


def _lines(sent: list[Delivery]) -> Counter[tuple[Any, ...]]:
    said = [read(encode(delivery.body)) for delivery in sent]
    currencies = first_currencies(one for one in said if isinstance(one, Named))
    certificates: dict[str, dict[str, Said]] = {}
    for one in said:
        if isinstance(one, Said):
            certificates.setdefault(one.certificate_id, {}).setdefault(one.event_id, one)
    lines: Counter[tuple[Any, ...]] = Counter()
    for certificate_id, events in certificates.items():
        book = book_of(events.values(), currencies, Settings("UTC", {}))
        for line in book.lines:
            under = (book.account_id, book.currency, book.issuing_station_id)
            key = (certificate_id, line.event_id, line.movement, line.posting_day, *under)
            lines[(*key, line.change, line.change_at_consideration)] += 1
    return lines


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("accountId", 7, "7"),
        ("accountId", 7.50, "7.5"),
        ("accountId", True, None),
        ("accountId", {"a": 1}, None),
        ("accountId", "\x00\ud800", None),
        ("accountId", "\ufffd", None),
        ("accountId", "a" * 257, None),
        ("certDefId", [], None),
    ],
)
def test_labels_are_read_leniently(name: str, value: Any, expected: str | None) -> None:
    sent: dict[str, Any] = {name: value}
    said = read(_escaped(bought(**sent)))

    assert isinstance(said, Said)
    assert (said.account_id if name == "accountId" else said.definition_id) == expected


def _escaped(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"event":1}', b"\xff"])
def test_what_is_no_webhook_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of whatever kind
        read(body)
