"""What a check finds."""

from enum import StrEnum
from typing import Literal

from msgspec import Struct

# Which process the check is for.
Role = Literal["all", "ingress", "worker", "balances", "reconcile"]


class Level(StrEnum):
    """A problem fails the check; a warning is for somebody to decide."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(Struct, frozen=True):
    """One thing that was looked at: what, what was found, and how to mend it. Never a secret's value."""

    level: Level
    subject: str
    message: str
    remedy: str = ""

    def lines(self) -> list[str]:
        """Give what is printed of it."""
        found = f"{self.level.value:<8} {self.subject}: {self.message}"
        return [found, f"         → {self.remedy}"] if self.remedy else [found]


def ok(subject: str, message: str) -> Finding:
    return Finding(Level.OK, subject, message)


def warning(subject: str, message: str, remedy: str) -> Finding:
    return Finding(Level.WARNING, subject, message, remedy)


def problem(subject: str, message: str, remedy: str) -> Finding:
    return Finding(Level.PROBLEM, subject, message, remedy)
