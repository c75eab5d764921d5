"""`python -m tests.licences` prints deploy/LICENCES.md: the dependencies at run time and their licences."""

import re
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[1] / "deploy" / "requirements" / "runtime.txt"

_HEAD = """\
# Licences

What is installed with giftledger to run it, as each package states its licence. `make licences` writes this file.

"""


def names() -> list[str]:
    """Give the packages that are pinned for run time."""
    return re.findall(r"^([\w.-]+)==", REQUIREMENTS.read_text(), re.MULTILINE)


def table(style: str = "markdown") -> str:
    """Let pip-licenses list the packages; of one for another platform it knows nothing."""
    done = subprocess.run(  # noqa: S603 - our own arguments
        [
            Path(sys.executable).with_name("pip-licenses"),
            *("--from=mixed", "--order=name", f"--format={style}"),
            *("--packages", *names()),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def document() -> str:
    return _HEAD + table()


if __name__ == "__main__":
    sys.stdout.write(document())
