"""Verdicts: which failures cost the message, which only time, and which end the process."""

import asyncpg
import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError, NodeNotReadyError, RequestTimedOutError

from consumer.common.errors import Raced, Unavailable, Verdict, database_verdict, kafka_verdict

PERMANENT, TRANSIENT, UNKNOWN = Verdict


def refused(sqlstate: str, constraint: str | None = None) -> asyncpg.PostgresError:
    """Build an error as the server sends it: by its SQLSTATE, with a message that says something else."""
    fields = {"S": "ERROR", "C": sqlstate, "M": "deadlock detected: connection refused, invalid input"}
    return asyncpg.PostgresError.new(fields | ({"n": constraint} if constraint else {}))


@pytest.mark.parametrize(
    "sqlstate",
    [
        *("22P02", "22003", "22021", "22P05", "22007", "22000"),
        *("23502", "23503", "23505", "23514", "23P01", "23000"),
        *("54000", "54001", "54011"),
    ],
)
def test_what_is_the_row_s_own_fault_is_permanent(sqlstate: str) -> None:
    assert database_verdict(refused(sqlstate)) is PERMANENT


@pytest.mark.parametrize(
    "sqlstate",
    [
        *("08000", "08001", "08003", "08006", "08P01"),
        *("40001", "40P01", "40002", "40003"),
        *("53000", "53100", "53200", "53300", "53400"),
        *("57014", "57P01", "57P02", "57P03", "57P05"),
        *("58000", "58030", "58P01"),
        *("55P03", "25006"),
    ],
)
def test_what_time_can_cure_is_transient(sqlstate: str) -> None:
    assert database_verdict(refused(sqlstate)) is TRANSIENT


@pytest.mark.parametrize("sqlstate", ["42501", "42P01", "42703", "42704", "42883", "3D000", "3F000"])
def test_a_migration_or_a_grant_that_is_missing_is_waited_for(sqlstate: str) -> None:
    assert database_verdict(refused(sqlstate)) is TRANSIENT


@pytest.mark.parametrize(
    "sqlstate",
    [
        *("42601", "42804", "42P10"),  # our SQL is wrong
        *("28P01", "28000"),  # the wrong password
        *("25P02", "25001", "55000", "55006", "55P02"),
        *("0A000", "P0001", "XX000", "XX001", "F0000", "99999"),
    ],
)
def test_what_is_not_listed_is_unknown(sqlstate: str) -> None:
    assert database_verdict(refused(sqlstate)) is UNKNOWN


@pytest.mark.parametrize(
    "constraint",
    [
        *("other_attempt_pkey", "other_attempt_definition_event"),
        *("certificate_history_pkey", "certificate_history_attempt", "certificate_pkey"),
    ],
)
def test_another_worker_that_was_faster_is_transient(constraint: str) -> None:
    assert database_verdict(refused("23505", constraint)) is TRANSIENT


@pytest.mark.parametrize("sqlstate", ["23502", "23514"])
def test_only_a_duplicate_key_is_a_race(sqlstate: str) -> None:
    assert database_verdict(refused(sqlstate, "certificate_pkey")) is PERMANENT


def test_any_other_duplicate_key_is_permanent() -> None:
    assert database_verdict(refused("23505", "definition_pkey")) is PERMANENT


@pytest.mark.parametrize(
    "error",
    [
        OSError("no route to host"),
        ConnectionRefusedError(),
        ConnectionResetError(),
        TimeoutError(),
        Raced("somebody else was faster"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.CannotConnectNowError("the database system is starting up"),
        asyncpg.QueryCanceledError("canceling statement due to statement timeout"),
    ],
    ids=repr,
)
def test_a_lost_way_to_the_server_is_transient(error: Exception) -> None:
    assert database_verdict(error) is TRANSIENT


@pytest.mark.parametrize("error", [ValueError(), KeyError(), TypeError(), RuntimeError(), Exception()], ids=repr)
def test_our_own_mistakes_are_unknown(error: Exception) -> None:
    assert database_verdict(error) is UNKNOWN


@pytest.mark.parametrize(
    "error",
    [KafkaConnectionError(), NodeNotReadyError(), RequestTimedOutError(), ConnectionResetError(), TimeoutError()],
    ids=repr,
)
def test_a_broker_that_is_away_is_transient(error: Exception) -> None:
    assert kafka_verdict(error) is TRANSIENT


@pytest.mark.parametrize("error", [MessageSizeTooLargeError(), ValueError(), Unavailable("x")], ids=repr)
def test_what_a_broker_will_never_take_is_unknown(error: Exception) -> None:
    assert kafka_verdict(error) is UNKNOWN
