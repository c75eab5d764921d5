"""Verdicts: what a failure means for the messages it hit.

Classified by SQLSTATE class, never by message text. What is not listed is unknown: the process ends loudly
rather than guess with money.
"""

import traceback
from enum import Enum
from pathlib import Path
from typing import Self

import asyncpg
from aiokafka.errors import KafkaError, KafkaTimeoutError


class Verdict(Enum):
    """Permanent: this message will never do. Transient: try again. Unknown: stop."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    UNKNOWN = "unknown"


class Fatal(Exception):
    """The process cannot go on; the message says why and what to do about it."""


class Raced(Exception):
    """Another worker booked what ours was read from: look again."""


class Unavailable(Exception):
    """Kafka did not acknowledge in time; it may still do so later."""


class TooLarge(Unavailable):
    """The topic never takes a record of this size: its ``max.message.bytes`` is lower."""


class CodeError(Exception):
    """Our own code failed over a record: a bug, or a message that nobody thought of.

    The message names the error's class and where it was raised, and ``frames`` the way there. The error's own text is
    left out: it may quote a person's data.
    """

    def __init__(self, message: str, frames: str = "") -> None:
        super().__init__(message)
        self.frames = frames

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """Describe an error that was caught."""
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}:{frame.lineno} ({frame.name})"
        return cls(f"{type(error).__name__} in {where}", "".join(traceback.format_tb(error.__traceback__)))


class NoToken(KafkaError):  # type: ignore[misc]
    """There is no token to go to Kafka with; the message says why, and never a secret or a token."""


# The classes of PostgreSQL's Appendix A that a wait can cure.
_TRANSIENT_CLASSES = {
    "08",  # connection exception
    "40",  # transaction rollback: serialization failure, deadlock
    "53",  # insufficient resources: connections, memory, disk
    "57",  # operator intervention: shutdown, crash recovery, statement timeout
    "58",  # system error outside of Postgres: I/O
}
_TRANSIENT_STATES = {
    "25006",  # read-only transaction: a standby, in the middle of a failover
    "25P03",  # idle in a transaction for too long: we were frozen, or cut off
    "55P03",  # lock not available: lock timeout
}
# What an operator mends, and no restart: what was meant to be there is not, or not yet.
_OPERATORS_STATES = {
    "42501",  # no right: a GRANT
    "3D000",  # no such database: CREATE DATABASE
    # No such schema, table, column, type or function: `giftledger migrate`
    *("3F000", "42P01", "42703", "42704", "42883"),
}
# The classes that are the row's own fault.
_PERMANENT_CLASSES = {
    "22",  # data exception: a value that its type cannot hold
    "23",  # integrity constraint violation
    "54",  # program limit exceeded: an index entry, a row, a nesting too large
}
# InterfaceError: the connection closed under us. InternalClientError: the server's farewell crossed our request.
# OSError and TimeoutError: the way to the server.
THE_WAY_THERE = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
# Another worker applied the same attempt or event between our look and our write: look again.
_RACES = {
    *("other_attempt_pkey", "other_attempt_definition_event"),
    *("certificate_history_pkey", "certificate_history_attempt", "certificate_pkey"),
}


def is_unwritable(error: BaseException) -> bool:
    """Tell whether the driver could not write what it was given, which it says as if Postgres had: but for a cause."""
    return isinstance(error, asyncpg.DataError) and error.__cause__ is not None


def database_verdict(error: BaseException) -> Verdict:
    """Judge what the database, or the way to it, said about a transaction."""
    if isinstance(error, asyncpg.PostgresError):
        return _sqlstate_verdict(error)
    if isinstance(error, (Raced, *THE_WAY_THERE)):
        return Verdict.TRANSIENT
    # By itself each record shows whether it is the one that our code cannot take.
    return Verdict.PERMANENT if isinstance(error, CodeError) else Verdict.UNKNOWN


def _sqlstate_verdict(error: asyncpg.PostgresError) -> Verdict:
    state = error.sqlstate or ""
    if _is_race(error) or state in _TRANSIENT_STATES | _OPERATORS_STATES or state[:2] in _TRANSIENT_CLASSES:
        return Verdict.TRANSIENT
    return Verdict.PERMANENT if state[:2] in _PERMANENT_CLASSES else Verdict.UNKNOWN


def is_conflict(error: BaseException) -> bool:
    """Tell whether another transaction was in the way: the same on the same connection may do the next time."""
    if not isinstance(error, asyncpg.PostgresError):
        return isinstance(error, Raced)
    state = error.sqlstate or ""
    return state[:2] == "40" or state == "55P03" or _is_race(error)


def _is_race(error: asyncpg.PostgresError) -> bool:
    return error.sqlstate == "23505" and error.constraint_name in _RACES


def kafka_verdict(error: BaseException) -> Verdict:
    """Judge what the broker, or the way to it, said."""
    if isinstance(error, KafkaError):
        # KafkaTimeoutError: the producer had no room for the record in time. aiokafka does not call that retriable.
        transient = error.retriable or isinstance(error, KafkaTimeoutError)
        return Verdict.TRANSIENT if transient else Verdict.UNKNOWN
    return Verdict.TRANSIENT if isinstance(error, OSError | TimeoutError) else Verdict.UNKNOWN
