"""The benchmark: `make bench`, or `python -m tests.bench --only apply --json FILE`.

Everything durable, one system at a time, each figure beside a baseline of the same run. `--smoke` is tiny, and shows
that it runs.
"""

import argparse
import sys
from pathlib import Path

from deploy.local.stack import Stack
from tests.bench import apply, balances, growth, ingress, latency
from tests.bench.report import as_json, circumstances, table
from tests.bench.sizes import FULL, POSTGRES, SMOKE

MEASUREMENTS = {
    "apply": apply.measure,
    "ingress": ingress.measure,
    "latency": latency.measure,
    "balances": balances.measure,
    "tables": growth.tables,
    "backlog": growth.backlog,
}


def main() -> None:
    """Measure, print the table, and write JSON where asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, for a test that it runs")
    parser.add_argument("--only", choices=MEASUREMENTS, action="append", help="may be given several times")
    parser.add_argument("--json", type=Path, help="where the figures go as JSON; without it they are printed")
    options = parser.parse_args()

    figures = []
    with Stack(postgres_settings=POSTGRES) as stack:
        about = circumstances(stack)
        for name in options.only or MEASUREMENTS:
            for figure in MEASUREMENTS[name](stack, SMOKE if options.smoke else FULL):
                figures.append(figure)
                sys.stderr.write(f"{figure.name}: {figure.ratio:.2f}\n")
    print(table(figures))  # noqa: T201
    written = as_json(figures, about)
    if options.json:
        options.json.write_text(written + "\n", encoding="utf-8")
    else:
        print(written)  # noqa: T201


if __name__ == "__main__":
    main()
