"""`python -m tests.e2e.nemesis`: hurt a deployment, and say what it lost. Exit 1 when it lost anything."""

import argparse
import random
import sys
from pathlib import Path

from tests.e2e.nemesis.run import run
from tests.e2e.nemesis.table import table


def main() -> int:
    parser = argparse.ArgumentParser(prog="nemesis", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--faults", type=int, default=40, metavar="N", help="how many (default 40)")
    parser.add_argument("--minutes", type=float, default=0, metavar="M", help="go on sending for so long at least")
    parser.add_argument("--rate", type=float, default=150, metavar="R", help="webhooks a second (default 150)")
    parser.add_argument("--folder", type=Path, help="keep data and logs there")
    given = parser.parse_args()
    again = f"--seed {given.seed} --faults {given.faults} --minutes {given.minutes:g} --rate {given.rate:g}"
    print(f"again: python -m tests.e2e.nemesis {again}", flush=True)  # noqa: T201 - the command's output
    report = run(seed=given.seed, faults=given.faults, minutes=given.minutes, rate=given.rate, folder=given.folder)
    print(table(report))  # noqa: T201
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
