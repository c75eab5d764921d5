"""`python -m deploy.local up`: the stack in a terminal, until Ctrl-C."""

import argparse
import shlex
import signal
import sys
from pathlib import Path

from deploy.local.processes import StackError
from deploy.local.stack import Stack


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    up = parser.add_subparsers(required=True).add_parser("up", help="start, print the settings, wait for Ctrl-C")
    up.add_argument("--folder", type=Path, help="keep the data here (default: a temporary folder)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _up(arguments.folder)
    except StackError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.stderr.write("local stack: stopped\n")


def _up(folder: Path | None) -> None:
    with Stack(folder) as stack:
        for name, value in stack.environment().items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
        sys.stdout.flush()
        signal.pause()


if __name__ == "__main__":
    main()
