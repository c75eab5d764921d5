"""`make setup` where Python is too old, not there, or makes no virtual environment: it says so, and leaves nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.waiting import PATIENT_SECONDS

ROOT = Path(__file__).parents[3]

# As another Python answers: `-c` runs, but as its version; everything else fails, and leaves what a failure leaves.
AS_VERSION = "import sys; sys.version_info = tuple(map(int, '$VERSION'.split('.'))); exec(sys.argv[1])"
PYTHON = f"""#!/bin/sh
case "$1" in
--version) echo "Python $VERSION" ;;
-c) exec {sys.executable} -c "{AS_VERSION}" "$2" ;;
-m) mkdir -p "$3/bin" && echo '#!/bin/sh' > "$3/bin/python" && chmod +x "$3/bin/python"; exit 1 ;;
esac
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "deploy/requirements/dev.txt"):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    python = tmp_path / "another-python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    return tmp_path


def setup(clone: Path, python: str, version: str = "3.10.12") -> subprocess.CompletedProcess[str]:
    make = shutil.which("make")
    assert make
    return subprocess.run(  # noqa: S603 - our own Makefile
        [make, "setup", f"PYTHON={python}"],
        cwd=clone,
        env={**os.environ, "VERSION": version, "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        timeout=PATIENT_SECONDS,
        check=False,
    )


@pytest.mark.parametrize("version", ["3.10.12", "2.7.18", "3.8.0"])
def test_an_older_python_is_refused_by_its_version_and_leaves_nothing(clone: Path, version: str) -> None:
    done = setup(clone, "./another-python", version)

    assert done.returncode != 0
    assert f"Python 3.11 or newer is needed; ./another-python is Python {version}." in done.stderr
    assert not (clone / ".venv").exists()


def test_a_python_that_is_not_there_is_refused_and_leaves_nothing(clone: Path) -> None:
    done = setup(clone, "python3.10-that-nobody-has")

    assert done.returncode != 0
    assert "Python 3.11 or newer is needed; python3.10-that-nobody-has is not there." in done.stderr
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize("left", [True, False], ids=["with one half made", "with none"])
def test_a_virtual_environment_that_cannot_be_made_leaves_nothing(clone: Path, *, left: bool) -> None:
    if left:
        (clone / ".venv/bin").mkdir(parents=True)
        (clone / ".venv/bin/python").symlink_to("/nowhere")

    done = setup(clone, "./another-python", "3.12.1")

    assert done.returncode != 0
    assert "cannot make a virtual environment" in done.stderr
    assert not (clone / ".venv").exists()
