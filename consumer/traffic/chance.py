"""Seeded randomness that speaks in the sender's identifiers."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Chance(random.Random):
    """The same seed makes the same identifiers and the same choices, on every machine."""

    def uuid(self) -> str:
        digits = f"{self.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def object_id(self, at: float) -> str:
        """Make a Mongo ObjectId: 24 hex characters that begin with the Unix seconds."""
        return f"{int(at):08x}{self.getrandbits(64):016x}"

    def pick(self, items: Sequence[T]) -> T:
        return items[int(self.random() * len(items))]

    def below(self, limit: int) -> int:
        return int(self.random() * limit)

    def happens(self, probability: float) -> bool:
        return self.random() < probability

    def emitted_after(self, change: float) -> float:
        """When the sender emits the event of a change: after it, but less than a second."""
        return change + 0.1 + 0.8 * self.random()
