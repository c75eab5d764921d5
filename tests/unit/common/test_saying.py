"""What commands print: whatever others have written, a terminal obeys nothing of it."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumer.cli.command import Failure
from consumer.common.saying import escaped, harmless, say
from consumer.common.tables import say_rows

CONSUMER = Path(__file__).parents[3] / "consumer"
# Clears a terminal, begins a new line, turns the order of what follows, is half a character.
EVIL = "Ann\x1b[2J\r\nis Zoë\u202e\ud800"
WITHOUT_BLANKS = "\x1b[2J\u202e"
SHOWN = "Ann?[2J??is Zoë??"
# Where something else than a line is printed: a bar, a table, a proof whose bytes are what counts.
PRINTERS = {"common/saying.py": 1, "common/tables.py": 2, "common/progress.py": 1, "close/command.py": 1}


def printing(source: str) -> Iterator[ast.Call]:
    """Find what prints: print(), click.echo(), a rich console."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in {"print", "echo", "secho", "Console"}:
                yield node


def logged(form: str) -> str:
    """Log in a process of its own, for it stays so in all of it."""
    script = (
        "import structlog\nfrom consumer.common import log\nfrom consumer.common.settings import Settings\n"
        f"log.configure(Settings(log_format={form!r}))\n"
        f"structlog.get_logger().warning('refused', detail={EVIL!a}, id={WITHOUT_BLANKS!a})"
    )
    return subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout.decode()  # noqa: S603


def test_what_a_terminal_would_obey_is_shown_as_a_question_mark() -> None:
    assert harmless(EVIL) == SHOWN


def test_a_text_of_several_lines_keeps_them_and_spells_out_the_rest() -> None:
    assert escaped('{\n\t"a": "\u202eé"}') == '{\n\\t"a": "\\u202eé"}'


def test_a_line_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say(EVIL)
    assert capsys.readouterr().out == f"{SHOWN}\n"


def test_a_table_shows_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    say_rows(["name", "count"], [[EVIL, 1], [None, 2]])
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["name", "count"],
        [*SHOWN.split(), "1"],
        ["2"],
    ]


def test_a_failure_shows_no_command() -> None:
    assert Failure(f"first\nnot {EVIL}").format_message() == "first\nnot Ann?[2J\nis Zoë??"


def test_a_log_on_a_console_shows_no_command() -> None:
    assert logged("console").removesuffix("\n").isprintable()


def test_a_log_of_json_shows_no_command() -> None:
    assert logged("json").isascii()
    assert json.loads(logged("json"))["detail"] == EVIL


def test_nothing_is_printed_by_another_way() -> None:
    found = {str(path.relative_to(CONSUMER)): len([*printing(path.read_text())]) for path in CONSUMER.rglob("*.py")}
    assert {path: count for path, count in found.items() if count} == PRINTERS
