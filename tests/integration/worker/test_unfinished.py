"""What is in the topics and not in the books shows in data quality, until it is."""

import asyncio
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.conn import AIOKafkaProtocol

from consumer.common.settings import Settings
from consumer.operate.exceptions import acknowledge
from consumer.operate.replay import replay
from consumer.postgres.database import Pool
from consumer.worker.unfinished import OpenLetters, look, unfinished, waiting_records, watch_unfinished
from tests.builders import bought, paid_with
from tests.integration.operate.test_replay import REPAIR, make_dead_letters
from tests.pipeline import dead_letters, publish, until, working

STATE = (
    "SELECT rule, entity_id, event_id, observed, is_acknowledged FROM {}.data_quality_exceptions"
    " WHERE entity = 'topic' ORDER BY rule, observed"
)


async def noted(connections: Pool, schema: str = "reporting") -> list[tuple[object, ...]]:
    return [tuple(row) for row in await connections.fetch(STATE.format(schema))]


async def test_open_dead_letters_are_noted_one_by_one_until_they_are_applied(
    settings: Settings, connections: Pool
) -> None:
    await make_dead_letters(settings, connections)
    place = {
        letter.value == b"not json": f"{letter.partition}:{letter.offset}" for letter in await dead_letters(settings)
    }
    letters = OpenLetters(settings)

    await look(settings, connections, letters)
    found = await noted(connections)
    topic = settings.topic("dead-letter")
    assert [row[:3] for row in found] == [
        ("dead_letters_open", topic, place[False]),
        ("dead_letters_open", topic, place[True]),
    ]
    assert [str(row[3]).partition(":")[0] for row in found] == ["CheckViolationError", "Malformed"]
    # What is no message says of no traffic that it is its own.
    assert [row[2] for row in await noted(connections, "reporting_test")] == [place[True]]

    await connections.execute(REPAIR)
    await replay(settings, list(place.values()), lambda: None)
    async with working(settings):
        await until(lambda: _applied(connections, 3), "the replayed letter")
        await until(lambda: _died(settings, 3), "the letter that died again")
    await look(settings, connections, letters)

    ((_, _, newest, observed, _),) = await noted(connections)
    assert newest not in place.values()
    assert str(observed).startswith("Malformed")


async def _applied(connections: Pool, count: int) -> bool:
    return bool(await connections.fetchval("SELECT count(*) = $1 FROM certificate_history", count))


async def _died(settings: Settings, count: int) -> bool:
    return len(await dead_letters(settings)) >= count


async def test_what_is_noted_is_the_same_at_each_look_and_stays_acknowledged(
    settings: Settings, connections: Pool
) -> None:
    await make_dead_letters(settings, connections)
    await look(settings, connections, OpenLetters(settings))
    before = await connections.fetch("SELECT * FROM exception WHERE entity = 'topic' ORDER BY observed")

    count = await acknowledge(
        settings,
        rule="dead_letters_open",
        entity_id=settings.topic("dead-letter"),
        event_id=None,
        acknowledged_by="Ada",
        because="the sender was told",
        test=False,
    )
    # Another worker begins anew.
    await look(settings, connections, OpenLetters(settings))

    assert count == 2
    assert await connections.fetch("SELECT * FROM exception WHERE entity = 'topic' ORDER BY observed") == before
    assert [row[-1] for row in await noted(connections)] == [True, True]


async def test_only_so_many_letters_are_held_and_the_others_come_when_these_are_settled(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumer.worker.unfinished.MOST_LETTERS", 1)
    monkeypatch.setattr("consumer.kafka.taking.AT_ONCE", 1)
    await make_dead_letters(settings, connections)
    letters = OpenLetters(settings)
    await look(settings, connections, letters)
    held = len(await noted(connections))

    await look(settings, connections, letters)

    assert 1 <= held <= 2
    assert len(await noted(connections)) == held


async def test_a_look_by_itself_goes_on_behind_letters_that_are_settled(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumer.worker.unfinished.MOST_LETTERS", 1)
    monkeypatch.setattr("consumer.kafka.taking.AT_ONCE", 1)
    await make_dead_letters(settings, connections)
    first = await dead_letters(settings)
    await connections.execute(REPAIR)
    await replay(settings, [f"{letter.partition}:{letter.offset}" for letter in first], lambda: None)
    async with working(settings):
        await until(lambda: _applied(connections, 3), "the replayed letter")
        await until(lambda: _died(settings, 3), "the letter that died again")

    async with connections.acquire() as connection:
        found = await unfinished(settings, connection)

    assert {(one.rule, one.observed.partition(":")[0]) for one in found} == {("dead_letters_open", "Malformed")}
    assert await noted(connections) == []


async def test_a_record_that_waits_for_more_than_a_minute_is_noted_until_it_is_applied(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = OpenLetters(settings)
    await publish(settings, bought())
    async with working(settings):
        await until(lambda: _applied(connections, 1), "the purchase")
    late = paid_with(1, updated=30)
    await publish(settings, late)

    await look(settings, connections, letters)
    assert await noted(connections) == []

    monkeypatch.setattr("consumer.worker.unfinished.LATE_SECONDS", 0.0)
    await look(settings, connections, letters)
    await look(settings, connections, letters)
    ((rule, topic, place, observed, _),) = await noted(connections)
    assert (rule, topic) == ("not_applied_yet", settings.topic("certificates"))
    assert observed == f"partition {str(place).partition(':')[0]}"
    assert [row[2] for row in await noted(connections, "reporting_test")] == [place]

    async with working(settings):
        await until(lambda: _applied(connections, 2), "the payment")
    await look(settings, connections, letters)
    assert await noted(connections) == []


async def test_of_a_long_backlog_hardly_more_than_the_first_records_are_fetched(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumer.worker.unfinished.LATE_SECONDS", -1.0)
    async with working(settings):
        await publish(settings, *(bought(_id=f"{number}") for number in range(10)))
        await until(lambda: _applied(connections, 10), "that something is committed")
    await publish(settings, *(bought(_id=f"later-{number}", marketingText="x" * 200_000) for number in range(100)))
    fetched = assigned = 0
    read, assign = AIOKafkaProtocol.data_received, AIOKafkaConsumer.assign

    def counted(protocol: AIOKafkaProtocol, data: bytes) -> None:
        nonlocal fetched
        fetched += len(data)
        read(protocol, data)

    def seen(consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> None:
        nonlocal assigned
        assigned += 1
        assign(consumer, partitions)

    monkeypatch.setattr(AIOKafkaProtocol, "data_received", counted)
    monkeypatch.setattr(AIOKafkaConsumer, "assign", seen)

    found = await waiting_records(settings)

    partitions = {one.observed for one in found}
    assert len(partitions) == settings.topic_partitions
    assert fetched < 2_000_000  # of 20 MB
    assert assigned == 1  # what is assigned begins to be fetched


@pytest.mark.parametrize("failure", [asyncio.CancelledError, TimeoutError, ConnectionError])
async def test_a_look_that_fails_or_is_cancelled_ends_no_worker(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch, failure: type[BaseException]
) -> None:
    looks = 0

    async def failing(*_: object) -> None:
        nonlocal looks
        looks += 1
        raise failure

    monkeypatch.setattr("consumer.worker.unfinished.look", failing)
    watching = asyncio.create_task(watch_unfinished(settings, connections, lambda: True, interval=0.001))

    await until(lambda: _counted(lambda: looks > 2 or watching.done()), "a third look")

    assert not watching.done()
    watching.cancel()


async def _counted(condition: Callable[[], bool]) -> bool:
    return condition()


async def test_one_worker_looks_by_itself(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def soon(settings: Settings, pool: Pool, is_mine: Callable[[], bool]) -> object:
        return watch_unfinished(settings, pool, is_mine, interval=0.2)

    monkeypatch.setattr("consumer.worker.worker.watch_unfinished", soon)
    await publish(settings, b"not json", bought())

    async with working(settings):
        await until(lambda: noted(connections), "the open letter")
