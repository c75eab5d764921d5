"""`make demo` and `make up` as a newcomer meets them: on a terminal of 80 columns, ended by Ctrl-C, pasted from."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from deploy.local.waiting import wait_for
from tests.terminal import COLUMNS, CONTROL_C, ROWS, Terminal

ROOT = Path(__file__).parents[2]
VENV = Path(sys.executable).parents[1]
# What a newcomer does not have: a stack of their own, and the virtual environment on the path.
THEIRS = {"KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL"}
COUNT = 400
# Of the simulator, and the one of the documents' examples.
ACCOUNTS = 5

pytestmark = pytest.mark.skipif(
    os.environ.get("BROKER", "embedded") != "embedded", reason="the demo's broker is the embedded one"
)

Make = Callable[..., AbstractContextManager[Terminal]]


@pytest.fixture
def files() -> Iterator[Path]:
    """Give the folder for temporary files: a short name, and Postgres, nobody where we are root, may enter it."""
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture
def environment(files: Path) -> dict[str, str]:
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if Path(part) != VENV / "bin")
    kept = {name: value for name, value in os.environ.items() if name not in THEIRS}
    return {**kept, "PATH": path, "TMPDIR": str(files), "BROKER": "embedded"}


@pytest.fixture
def make(environment: dict[str, str]) -> Make:
    @contextmanager
    def run(target: str) -> Iterator[Terminal]:
        ready = f"{VENV}/.ready"  # old: this test sets nothing up
        with Terminal(["make", target, f"COUNT={COUNT}", f"VENV={VENV}", "-o", ready], environment, ROOT) as terminal:
            yield terminal

    return run


def leaves_nothing(terminal: Terminal, files: Path) -> bool:
    """Say whether all processes and files are gone; the child is waited for."""
    terminal.child.wait(30)
    wait_for(lambda: terminal.processes() == [], f"the end of {terminal.processes()}")
    wait_for(lambda: list(files.iterdir()) == [], f"the end of {list(files.iterdir())}")
    return True


def test_the_demo_fits_a_terminal_and_ends_with_its_verdict_and_a_next_step(make: Make, files: Path) -> None:
    with make("demo") as terminal:
        terminal.wait_for("The demo took")
        assert leaves_nothing(terminal, files)
        lines = terminal.text.splitlines()

    assert terminal.child.returncode == 0, terminal.text
    assert [line for line in lines if len(line.rpartition("\r")[2]) > COLUMNS] == []
    last = "\n".join(lines[-ROWS:])
    assert "Everything agrees with the simulator." in last
    assert "make up" in last
    for currency in ("CAD", "EUR", "MXN", "USD"):
        assert re.search(rf"^{currency} +([\d,.]+) +\1 +✓ *$", terminal.text, re.MULTILINE), currency
    # Three webhooks were lost on purpose, and reconcile found those.
    assert re.search(r"^lost webhooks found by reconcile +3 +3 +✓ *$", terminal.text, re.MULTILINE)
    # The month of the traffic was closed, of every account, and each balance in it is the true one.
    assert re.search(
        r"^✓ giftledger close verify: as it was signed, and as the topics say", terminal.text, re.MULTILINE
    )
    assert len(re.findall(r"^[0-9a-f]{24} +signed +Ann +Bob +\d+ *$", terminal.text, re.MULTILINE)) == ACCOUNTS
    assert re.search(r"^signed balances +([\d,]+) +\1 +✓ *$", terminal.text, re.MULTILINE)
    # A subscriber who never asks the database knows every balance to the unit.
    assert re.search(r"^balances by their topics alone +([\d,]+) +\1 +✓ *$", terminal.text, re.MULTILINE)
    # Whole identifiers, of certificates, definitions and accounts.
    assert len(re.findall(r"^[0-9a-f]{24}\b", terminal.text, re.MULTILINE)) > 10


@pytest.mark.parametrize(
    "moment", ["local stack:", "✓ giftledger migrate", "✓ giftledger ingress, worker and balances", "Posting webhooks"]
)
def test_the_demo_leaves_nothing_after_control_c(make: Make, files: Path, moment: str) -> None:
    with make("demo") as terminal:
        terminal.wait_for(moment)
        terminal.type(CONTROL_C)
        assert leaves_nothing(terminal, files)
    assert terminal.child.returncode != 0
    assert "Traceback" not in terminal.text


def test_the_lines_of_make_up_work_when_pasted_into_any_shell_and_control_c_leaves_nothing(
    make: Make, environment: dict[str, str], files: Path
) -> None:
    shells = [program for shell in ("sh", "bash", "zsh") if (program := shutil.which(shell))]
    with make("up") as terminal:
        terminal.wait_for("Ctrl-C stops everything")
        lines = terminal.text.splitlines()
        first = next(number for number, line in enumerate(lines) if line.startswith(". "))
        pasted = "\n".join([*lines[first : first + 3], "giftledger balances verify", "giftledger check"])
        done = [
            subprocess.run(  # noqa: S603 - what was printed
                [shell],
                input=pasted,
                capture_output=True,
                text=True,
                env=environment,
                cwd="/",
                timeout=120,
                check=False,
            )
            for shell in shells
        ]
        terminal.type(CONTROL_C)
        assert leaves_nothing(terminal, files)
    assert "Traceback" not in terminal.text
    for of_shell in done:
        shown = of_shell.stdout
        assert "200 OK" in shown
        assert '"attempt-by-hand"' in shown
        assert re.search(r"52a377ec430c7d4e220001fc \| CAD +\| +15\.00000$", shown, re.MULTILINE), of_shell
        assert re.search(r"^\d+ certificates, \d+ records, \d+ still to be published\.$", shown, re.MULTILINE), of_shell
        assert re.search(r"^ok +schema: ", shown, re.MULTILINE), of_shell
        assert "Traceback" not in shown + of_shell.stderr
