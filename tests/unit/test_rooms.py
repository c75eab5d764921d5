"""The rooms: which one may import which. Imports run one way, and the folders say what belongs where."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A room may import itself and the rooms named beside it. Whoever needs another import moves code, not this table.
MAY_IMPORT = {
    "schemas": "",
    "consumer.common": "",
    "consumer.kafka": "schemas common",
    "consumer.postgres": "schemas common",
    "consumer.books": "schemas common postgres",
    "consumer.ingress": "schemas common kafka",
    "consumer.apply": "schemas common kafka postgres books",
    "consumer.letters": "schemas common kafka postgres",
    "consumer.worker": "schemas common kafka postgres books apply letters",
    "consumer.balances": "schemas common kafka postgres books worker",
    "consumer.sender": "schemas common postgres",
    "consumer.operate": "schemas common kafka postgres books apply letters worker balances sender",
    "consumer.close": "schemas common kafka postgres books ingress",
    "consumer.traffic": "common ingress",
    "consumer.cli": "common ingress letters worker balances sender operate close traffic kafka postgres",
    "consumer.contracts": "schemas common kafka ingress letters balances traffic",
}


def imports(source: str) -> set[str]:
    """Name the modules of ours that a source imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return {name for name in names if name.partition(".")[0] in {"consumer", "schemas", "deploy", "tests"}}


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[0] if parts[0] == "schemas" else ".".join(parts[:2])


def forbidden(room: str, source: str) -> list[str]:
    allowed = {room, *(name if name == "schemas" else f"consumer.{name}" for name in MAY_IMPORT[room].split())}
    return sorted(module for module in imports(source) if room_of(module) not in allowed)


def sources(room: str) -> Iterator[Path]:
    return (ROOT / room.replace(".", "/")).rglob("*.py")


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_the_table_allows(room: str) -> None:
    found = {
        str(path.relative_to(ROOT)): modules
        for path in sources(room)
        if (modules := forbidden(room, path.read_text(encoding="utf-8")))
    }

    assert found == {}


def test_an_import_that_the_table_does_not_name_is_found() -> None:
    assert forbidden("schemas", "from consumer.common import metrics") == ["consumer.common.metrics"]
    assert forbidden("consumer.kafka", "def f():\n    import consumer.apply.fold") == ["consumer.apply.fold"]
    assert forbidden("consumer.worker", "from schemas.events import Event\nfrom consumer.kafka import scan") == []


def test_imports_run_one_way() -> None:
    above: set[str] = set()
    for room, allowed in MAY_IMPORT.items():
        assert set(allowed.split()) <= above, f"{room} may import only rooms that stand above it"
        above.add(room.removeprefix("consumer."))


def test_every_folder_of_the_consumer_is_in_the_table() -> None:
    folders = {f"consumer.{path.parent.name}" for path in (ROOT / "consumer").glob("*/__init__.py")}

    assert folders == MAY_IMPORT.keys() - {"schemas"}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_says_what_belongs_there_and_the_map_says_the_same(room: str) -> None:
    source = (ROOT / room.replace(".", "/") / "__init__.py").read_text(encoding="utf-8")
    documented = ast.get_docstring(ast.parse(source))

    assert documented
    assert documented.splitlines()[0] in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
