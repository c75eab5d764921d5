"""Report: what was measured beside what is to be reached, as a table and as JSON."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, NamedTuple

from deploy.local.stack import Stack

PACKAGES = ("giftledger", "aiokafka", "asyncpg", "msgspec", "uvicorn", "starlette")


class Goal(NamedTuple):
    """A ratio to reach: at least, or at most."""

    sign: str
    value: float

    def reached(self, ratio: float) -> bool:
        return ratio >= self.value if self.sign == "≥" else ratio <= self.value

    def __str__(self) -> str:
        return f"{self.sign} {self.value:g}"


class Figure(NamedTuple):
    """One line of the table: our figure and its baseline, both of the same run and each the median of its rounds."""

    name: str
    unit: str
    ours: float
    baseline: float
    goal: Goal | None = None
    remark: str = ""

    @property
    def ratio(self) -> float:
        return self.ours / self.baseline

    def line(self) -> Sequence[str]:
        return (
            self.name,
            _number(self.ours),
            _number(self.baseline),
            self.unit,
            f"{self.ratio:.2f}",
            str(self.goal or ""),
            "" if self.goal is None else "yes" if self.goal.reached(self.ratio) else "NO",
            self.remark,
        )


def at_least(value: float) -> Goal:
    return Goal("≥", value)


def at_most(value: float) -> Goal:
    return Goal("≤", value)


median = statistics.median


def table(figures: Sequence[Figure]) -> str:
    """Write the figures as a table of Markdown, which is also good to read on a terminal."""
    head = ("figure", "ours", "baseline", "unit", "ratio", "goal", "reached", "remark")
    lines = [head, *(figure.line() for figure in figures)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    rule = ["-" * width for width in widths]
    padded = [
        [cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in [head, rule, *lines[1:]]
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in padded)


def as_json(figures: Sequence[Figure], circumstances: Mapping[str, Any]) -> str:
    """Write the figures, unrounded, and what they were measured on."""
    measured = [
        {
            "figure": figure.name,
            "unit": figure.unit,
            "ours": figure.ours,
            "baseline": figure.baseline,
            "ratio": figure.ratio,
            "goal": str(figure.goal) if figure.goal else None,
            "reached": figure.goal.reached(figure.ratio) if figure.goal else None,
            "remark": figure.remark,
        }
        for figure in figures
    ]
    return json.dumps({"circumstances": circumstances, "figures": measured}, indent=2, ensure_ascii=False)


def circumstances(stack: Stack) -> dict[str, Any]:
    """Say when, of what, and on what it was measured."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        "broker": stack.kafka.name,
        "postgres": f"{stack.postgres.name}, fsync {stack.postgres.execute('SHOW fsync')}, "
        f"synchronous_commit {stack.postgres.execute('SHOW synchronous_commit')}",
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, shared by worker, broker and database",
        "packages": {name: version(name) for name in PACKAGES},
    }


def _commit() -> str:
    git = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607 - whichever git there is
        check=False,
        capture_output=True,
        text=True,
    )
    return git.stdout.strip() or "unknown"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
