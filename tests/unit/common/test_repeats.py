"""Warnings that repeat are written once a minute; nothing else is left out."""

import logging
from collections.abc import Iterator, MutableMapping
from typing import Any

import asyncpg
import pytest
import structlog
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

from consumer.common import repeats
from consumer.common.repeats import MINUTE_SECONDS, LibraryTrouble, Repeats

Written = list[MutableMapping[str, Any]]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def written(clock: Clock) -> Iterator[Written]:
    """Give what passes, where the clock stands still unless a test moves it."""
    with capture_logs(processors=[Repeats(clock)]) as events:
        yield events


def warn(event: str = "will retry", **values: object) -> None:
    structlog.get_logger().warning(event, **values)


def test_a_warning_is_written_at_once_and_then_once_a_minute_with_how_often_it_was_left_out(
    clock: Clock, written: Written
) -> None:
    for _ in range(100):
        warn(stage="apply", attempt=1)
    clock.now = MINUTE_SECONDS
    warn(stage="apply", attempt=2)
    clock.now = 3 * MINUTE_SECONDS
    warn(stage="apply", attempt=3)

    assert [(event["attempt"], event.get("repeated")) for event in written] == [(1, None), (2, 99), (3, None)]


def test_warnings_of_another_stage_reason_or_detail_are_others(written: Written) -> None:
    for values in ({"stage": "apply"}, {"stage": "join"}, {"reason": "malformed", "detail": "a"}, {"detail": "b"}):
        warn(**values)
        warn(**values)

    assert len(written) == 4


def test_errors_and_what_is_no_trouble_are_always_written(written: Written) -> None:
    for _ in range(3):
        structlog.get_logger().error("records are missing")
        structlog.get_logger().info("partitions assigned")

    assert len(written) == 6


def test_details_without_end_fill_neither_the_log_nor_the_memory(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "MOST", 10)
    for number in range(1000):
        warn(detail=str(number))

    assert len(written) == 11


def library(name: str, error: Exception | None = None) -> bool:
    """Let a library log; tell whether it is written as it is."""
    exc_info = (type(error), error, None) if error else None
    record = logging.LogRecord(name, logging.ERROR, "", 0, "Unable connect to node %s", (1,), exc_info)
    return LibraryTrouble().filter(record)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("aiokafka.cluster", None),
        ("asyncpg.pool", ConnectionRefusedError()),
        ("asyncio", KafkaConnectionError()),
        ("asyncio", asyncpg.AdminShutdownError()),
    ],
)
def test_a_way_that_is_cut_is_one_warning_of_ours_a_minute(
    written: Written, name: str, error: Exception | None
) -> None:
    for _ in range(100):
        assert not library(name, error)

    (event,) = written
    assert (event["reason"], event["latest"]) == (name.partition(".")[0], "Unable connect to node 1")


@pytest.mark.parametrize(("name", "error"), [("aiokafka.consumer", ValueError()), ("uvicorn.error", None)])
def test_what_else_a_library_says_is_written_as_it_is(written: Written, name: str, error: Exception | None) -> None:
    assert library(name, error)
    assert written == []
