"""Rule 8 of applying: an error in code of ours over one record costs this record, and says where it was."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
import pytest
from structlog.testing import capture_logs

from consumer.apply import apply as applying
from consumer.apply.attempts import beside
from consumer.apply.fold import fold
from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from consumer.kafka.record import Record
from consumer.postgres.database import Connection, Pool
from deploy.local.waiting import PATIENT_SECONDS
from schemas.events import Changes, Event, Known, Outcome
from schemas.registry import read
from tests.builders import bought, paid_with
from tests.pipeline import dead_letters, publish, until, working

# Who reads this in a log knows a person.
NAME = "Zoë Lévesque"
CULPRIT: dict[str, Any] = {"_id": "culprit", "firstName": NAME}


class Bug(Exception):
    """What nobody thought of."""


def decoding(body: bytes) -> Any:
    if b"culprit" in body:
        raise Bug(NAME)
    return read(body)


def folding(events: Sequence[Event], known: Known) -> Changes:
    if any(event.entity.id == "culprit" for event in events):
        raise Bug(NAME)
    return fold(events, known)


def making_rows(event: Event, outcome: Outcome, applied_at: datetime) -> tuple[Any, ...]:
    if event.entity.id == "culprit":
        raise Bug(NAME)
    return beside(event, outcome, applied_at)


def making_rows_that_the_driver_cannot_write(event: Event, outcome: Outcome, applied_at: datetime) -> tuple[Any, ...]:
    row = beside(event, outcome, applied_at)
    return (len(NAME), *row[1:]) if event.entity.id == "culprit" else row


class Buggy(NamedTuple):
    """Code of ours, what stands in its place, and the stage of which the dead letter speaks."""

    where: str
    code: Callable[..., Any]
    stage: bytes


ROW_MAKER = "consumer.apply.apply.beside"
BUGS = {
    "decoder": Buggy("consumer.apply.decode.read", decoding, b"VALUE_CONVERTER"),
    "fold": Buggy("consumer.apply.apply.fold", folding, b"TASK_PUT"),
    "row-maker": Buggy(ROW_MAKER, making_rows, b"TASK_PUT"),
    "row that the driver cannot write": Buggy(ROW_MAKER, making_rows_that_the_driver_cannot_write, b"TASK_PUT"),
}


@pytest.fixture(params=list(BUGS.values()), ids=list(BUGS))
def bug(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Buggy:
    """Put a bug into code of ours."""
    buggy: Buggy = request.param
    monkeypatch.setattr(buggy.where, buggy.code)
    return buggy


async def applied(connections: Pool) -> list[str]:
    return [row["entity_id"] for row in await connections.fetch("SELECT entity_id FROM webhook_attempt ORDER BY 1")]


async def letters_and(connections: Pool, settings: Settings, *entities: str) -> Sequence[Record]:
    found = await dead_letters(settings)
    return found if await applied(connections) == list(entities) else ()


async def test_a_bug_that_one_event_meets_costs_this_event_and_is_logged_with_the_way_there(
    settings: Settings, connections: Pool, bug: Buggy
) -> None:
    await publish(settings, bought(_id="a"), bought(**CULPRIT), paid_with(1, _id="b"), bought(_id="c"))

    with capture_logs() as logs:
        async with working(settings):
            (letter,) = await until(lambda: letters_and(connections, settings, "a", "b", "c"), "one letter, three rows")

    headers = dict(letter.headers)
    assert headers["__connect.errors.stage"] == bug.stage
    assert headers["__connect.errors.exception.class.name"] == b"consumer.common.errors.CodeError"
    assert NAME.encode() in letter.value
    (told,) = [line for line in logs if line["event"] == "our own code failed over a record"]
    assert told["record"].startswith(settings.topic("certificates"))
    assert " in " in told["error"]
    assert 'File "' in told["frames"]
    assert NAME not in str(logs) + str(headers)


@pytest.mark.usefixtures("bug")
async def test_a_bug_that_every_event_meets_is_a_flood_and_stops_the_worker(
    settings: Settings, connections: Pool
) -> None:
    await publish(settings, *[bought(**CULPRIT) for _ in range(300)])

    with pytest.raises(Fatal, match=r"CodeError: (Bug|ValueError) in \w+\.pyx?:\d+"):
        async with asyncio.timeout(PATIENT_SECONDS), working(settings) as worker:
            await worker

    assert await applied(connections) == []
    assert await dead_letters(settings) == []


async def test_a_worker_that_ends_names_topic_partition_and_offsets(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody judged yet is no record's fault: a statement that Postgres cannot read ends the worker, loudly."""

    async def misspelt(*_: object) -> list[Outcome]:
        raise asyncpg.PostgresSyntaxError("syntax error")

    monkeypatch.setattr("consumer.worker.worker.apply", misspelt)
    await publish(settings, bought(_id="a"))

    with capture_logs() as logs, pytest.raises(asyncpg.PostgresSyntaxError):
        async with asyncio.timeout(PATIENT_SECONDS), working(settings) as worker:
            await worker

    (told,) = [line for line in logs if line["event"] == "worker ends"]
    assert told["error"] == "PostgresSyntaxError"
    assert len(told["records"]) == 1
    assert told["records"][0].startswith(f"{settings.topic('certificates')} ")
    assert told["records"][0].endswith(":0-0")


async def test_a_driver_that_fails_while_its_connection_is_cut_is_no_record_s_fault(
    connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut(connection: Connection, *_: object) -> list[Outcome]:
        connection.terminate()
        raise AttributeError("'NoneType' object has no attribute 'write'")

    monkeypatch.setattr("consumer.apply.apply.look_up", cut)
    async with connections.acquire() as connection:
        with pytest.raises((AttributeError, asyncpg.InterfaceError)):
            await applying.apply(connection, [])
