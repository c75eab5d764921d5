"""The traps of aiokafka's consumer, each played by a consumer that falls into it."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    GroupAuthorizationFailedError,
    IllegalStateError,
    KafkaConnectionError,
    KafkaError,
)
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from consumer.kafka import taking
from consumer.kafka.record import Record
from consumer.kafka.taking import Room
from consumer.worker import group as module
from consumer.worker.group import Group, Moved, Stopped
from deploy.local.waiting import PATIENT_SECONDS
from tests.builders import record

FIRST, SECOND = TopicPartition("giftcert.certificates", 0), TopicPartition("giftcert.certificates", 1)


class Consumer:
    """As much of aiokafka's consumer as a group member uses."""

    def __init__(self) -> None:
        self.batches: list[dict[TopicPartition, list[Record]]] = []
        self.committed: list[dict[TopicPartition, int]] = []
        self.partitions = {FIRST}
        self.pauses: list[set[TopicPartition]] = []
        self.polls = 0
        self.asked: list[int] = []
        self.on_poll: Callable[[], object] = bool
        self.on_commit: Callable[[], Coroutine[Any, Any, None]] | None = None
        self.topics: Sequence[str] = ()
        self.stopped = False
        self._client = self

    async def start(self) -> None: ...

    def subscribe(self, topics: Sequence[str], *, listener: object) -> None:
        assert listener
        self.topics = topics

    async def stop(self) -> None:
        self.stopped = True

    async def close(self) -> None: ...

    async def getmany(self, *, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Record]]:
        self.asked.append(max_records)
        self.polls += 1
        if isinstance(waiting := self.on_poll(), asyncio.Future):
            await waiting
        await asyncio.sleep(timeout_ms / 1000 if not self.batches else 0)
        return self.batches.pop(0) if self.batches else {}

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        if self.on_commit:
            await self.on_commit()
        self.committed.append(offsets)

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    def assignment(self) -> set[TopicPartition]:
        return self.partitions

    def pause(self, *partitions: TopicPartition) -> None:
        self.pauses.append(set(partitions))


def member(*consumers: Consumer, stop: asyncio.Event | None = None) -> Group:
    return Group(
        iter(consumers).__next__,
        topics=[FIRST.topic],
        stop=stop or asyncio.Event(),
        most=Room(100, 1_000_000),
        beat=lambda: None,
    )


def records(*offsets: int) -> dict[TopicPartition, list[Record]]:
    return {FIRST: [record(b"{}", offset=offset) for offset in offsets]}


@pytest.fixture(autouse=True)
def one_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a poll be one call, except where a test says otherwise."""
    monkeypatch.setattr(taking, "AT_ONCE", 1000)


async def never() -> None:
    await asyncio.Event().wait()


async def _wait_for(event: asyncio.Event) -> None:
    await event.wait()


def raising(error: Exception) -> Callable[[], Coroutine[Any, Any, None]]:
    async def fail() -> None:
        raise error

    return fail


async def with_a_batch(
    consumer: Consumer, *offsets: int, stop: asyncio.Event | None = None
) -> tuple[Group, Sequence[Record]]:
    consumer.batches.append(records(*offsets))
    group = member(consumer, stop=stop)
    return group, await group.fetch(0.01)


async def test_what_is_committed_is_what_is_done_and_not_what_was_fetched() -> None:
    consumer = Consumer()
    group, batch = await with_a_batch(consumer, 5, 6, 7)

    await group.commit()
    group.done(batch[:2])
    await group.commit()

    assert consumer.committed == [{FIRST: 7}]


async def test_a_deferred_record_holds_back_the_commit_of_its_partition_until_it_is_settled() -> None:
    consumer = Consumer()
    group, batch = await with_a_batch(consumer, 5, 6, 7)

    group.done(batch, deferred=[batch[1]])
    await group.commit()
    assert group.deferred(FIRST) == 2
    group.settle([batch[1]])
    await group.commit()

    assert consumer.committed == [{FIRST: 6}, {FIRST: 8}]
    assert group.deferred(FIRST) == 0


async def test_what_comes_behind_a_deferred_record_misses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    consumer = Consumer()
    group, batch = await with_a_batch(consumer, 5, 6, 7)
    group.done(batch, deferred=[batch[0]])
    consumer.batches.append(records(8))

    group.done(await group.fetch(0))
    await group.commit()

    assert consumer.committed == [{FIRST: 5}]
    assert "records are missing" not in capsys.readouterr().out


@pytest.mark.parametrize(("found", "kind"), [(3, "again"), (12, "missing")])
async def test_a_partition_that_does_not_go_on_where_it_should_is_loud(found: int, kind: str) -> None:
    consumer = Consumer()
    group, batch = await with_a_batch(consumer, 5, 6, 7)
    group.done(batch)
    consumer.batches.append(records(found))
    labels = {"topic": FIRST.topic, "kind": kind}
    before = REGISTRY.get_sample_value("giftcert_consumer_log_breaks_total", labels) or 0

    with capture_logs() as logs:
        assert await group.fetch(0)

    assert [(event["log_level"], event["expected"], event["found"]) for event in logs] == [("error", 8, found)]
    assert REGISTRY.get_sample_value("giftcert_consumer_log_breaks_total", labels) == before + 1


async def test_a_topic_that_is_set_back_is_committed_at_its_beginning_and_nowhere_else() -> None:
    consumer = Consumer()
    group, batch = await with_a_batch(consumer, 5, 6, 7)
    group.done(batch)

    assert await group.set_back(FIRST.topic)
    await group.commit()

    assert consumer.committed == [{FIRST: 0}]


async def test_a_rebalance_forgets_what_was_deferred() -> None:
    consumer = Consumer()
    group, batch = await with_a_batch(consumer, 5, 6, 7)
    group.done(batch, deferred=[batch[0]])

    group.revoked()
    group.settle([batch[0]])
    await group.commit()

    assert consumer.committed == []
    assert group.deferred(FIRST) == 0


async def test_a_commit_that_hangs_has_a_bound_and_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMMIT_TIMEOUT_SECONDS", 0.05)
    consumer = Consumer()
    group, batch = await with_a_batch(consumer, 5)
    group.done(batch)

    consumer.on_commit = never
    async with asyncio.timeout(PATIENT_SECONDS):
        await group.commit()
    consumer.on_commit = None
    await group.commit()

    assert consumer.committed == [{FIRST: 6}]


@pytest.mark.parametrize("error", [CommitFailedError("rebalanced"), IllegalStateError("not assigned")])
async def test_a_commit_that_fails_because_the_partitions_moved_is_not_made_again(error: Exception) -> None:
    consumer = Consumer()
    group, batch = await with_a_batch(consumer, 5)
    group.done(batch)

    consumer.on_commit = raising(error)
    await group.commit()
    consumer.on_commit = None
    await group.commit()

    assert consumer.committed == []


async def test_a_commit_that_fails_for_now_is_made_again() -> None:
    consumer = Consumer()
    group, batch = await with_a_batch(consumer, 5)
    group.done(batch)

    consumer.on_commit = raising(KafkaConnectionError())
    await group.commit()
    consumer.on_commit = None
    await group.commit()

    assert consumer.committed == [{FIRST: 6}]


async def test_a_commit_that_is_refused_for_good_ends_the_worker() -> None:
    consumer = Consumer()
    group, batch = await with_a_batch(consumer, 5)
    group.done(batch)
    consumer.on_commit = raising(GroupAuthorizationFailedError())

    with pytest.raises(GroupAuthorizationFailedError):
        await group.commit()


async def test_offsets_are_committed_beside_the_next_batch() -> None:
    consumer, answered = Consumer(), asyncio.Event()
    group, first = await with_a_batch(consumer, 5)
    consumer.on_commit = lambda: _wait_for(answered)
    group.done(first)

    group.commit_beside()
    consumer.batches.append(records(6))
    second = await group.fetch(0)

    assert ([each.offset for each in second], consumer.committed) == ([6], [])
    answered.set()
    await group.commit()
    assert consumer.committed == [{FIRST: 6}]


async def test_one_commit_is_made_at_a_time_and_the_next_holds_all_that_was_done_meanwhile() -> None:
    consumer, answered = Consumer(), asyncio.Event()
    group, batch = await with_a_batch(consumer, 5, 6, 7)
    consumer.on_commit = lambda: _wait_for(answered)
    for each in batch:
        group.done([each])
        group.commit_beside()
        await asyncio.sleep(0)

    answered.set()
    await group.commit()

    assert consumer.committed == [{FIRST: 6}, {FIRST: 8}]


async def test_a_commit_beside_that_is_refused_for_good_ends_the_worker() -> None:
    consumer = Consumer()
    group, batch = await with_a_batch(consumer, 5)
    group.done(batch)
    consumer.on_commit = raising(GroupAuthorizationFailedError())
    group.commit_beside()
    await group.fetch(0)

    with pytest.raises(GroupAuthorizationFailedError):
        group.commit_beside()


async def test_who_leaves_the_group_commits_first_all_that_is_done() -> None:
    consumer, answered = Consumer(), asyncio.Event()
    group, batch = await with_a_batch(consumer, 5, 6)
    consumer.on_commit = lambda: _wait_for(answered)
    group.done(batch[:1])
    group.commit_beside()
    await asyncio.sleep(0)
    group.done(batch[1:])

    leaving = asyncio.create_task(group.leave())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not consumer.stopped
    answered.set()
    await leaving

    assert consumer.committed == [{FIRST: 6}, {FIRST: 7}]
    assert consumer.stopped


async def test_a_batch_from_before_a_rebalance_is_not_committed_after_it() -> None:
    consumer = Consumer()
    group, batch = await with_a_batch(consumer, 5)

    group.revoked()
    group.assigned({FIRST})
    group.done(batch)
    await group.commit()

    assert consumer.committed == []


async def test_assigned_partitions_are_counted_by_the_topic_s_whole_name() -> None:
    group, _ = await with_a_batch(Consumer(), 5)

    group.assigned({FIRST})

    assert REGISTRY.get_sample_value("giftcert_consumer_assigned_partitions", {"topic": FIRST.topic}) == 1


async def test_what_was_done_before_a_rebalance_is_not_committed_after_it() -> None:
    consumer = Consumer()
    group, batch = await with_a_batch(consumer, 5)
    group.done(batch)

    group.revoked()
    group.assigned({FIRST})
    await group.commit()

    assert consumer.committed == []


async def test_a_batch_that_waits_is_paused_anew_before_every_poll() -> None:
    consumer = Consumer()
    group, _ = await with_a_batch(consumer, 5)
    before = consumer.polls

    await group.stay(0)
    consumer.partitions = {FIRST, SECOND}
    await group.stay(0)

    assert consumer.pauses == [{FIRST}, {FIRST, SECOND}]
    assert consumer.polls - before == 2


async def test_a_batch_whose_partitions_move_while_it_waits_is_abandoned() -> None:
    consumer = Consumer()
    group, _ = await with_a_batch(consumer, 5)
    consumer.on_poll = group.revoked

    with pytest.raises(Moved):
        await group.stay(0)


async def test_records_of_an_assignment_that_came_while_a_batch_waited_are_the_next_batch() -> None:
    consumer = Consumer()
    group, _ = await with_a_batch(consumer, 5)
    consumer.on_poll = group.revoked
    consumer.batches.append(records(3, 4))

    with pytest.raises(Moved):
        await group.stay(0)

    assert [record.offset for record in await group.fetch(0)] == [3, 4]


async def test_records_of_an_assignment_that_went_again_are_no_batch() -> None:
    consumer = Consumer()
    group, _ = await with_a_batch(consumer, 5)
    consumer.on_poll = group.revoked
    consumer.batches.append(records(3, 4))
    with pytest.raises(Moved):
        await group.stay(0)

    group.revoked()

    assert await group.fetch(0) == []


async def test_what_waits_at_the_broker_joins_the_records_that_were_there_already() -> None:
    consumer = Consumer()
    consumer.batches += [records(5), records(6, 7)]

    batch = await member(consumer).fetch(0)

    assert [record.offset for record in batch] == [5, 6, 7]


async def test_a_batch_that_is_joined_has_no_more_records_than_any_other() -> None:
    consumer = Consumer()
    consumer.batches += [records(*range(10)), records(10)]

    await member(consumer).fetch(0)

    assert consumer.asked == [100, 90]


async def test_a_batch_that_shows_a_backlog_waits_for_no_more() -> None:
    consumer = Consumer()
    consumer.batches += [records(*range(30)), records(30)]

    assert len(await member(consumer).fetch(0)) == 30


async def test_records_from_before_a_rebalance_are_not_joined_by_those_after_it() -> None:
    consumer = Consumer()
    group = member(consumer)
    consumer.batches += [records(5), records(3, 4)]
    consumer.on_poll = lambda: group.revoked() if consumer.polls == 2 else None

    assert [record.offset for record in await group.fetch(0)] == [3, 4]


async def test_a_poll_that_ignores_its_timeout_during_a_rebalance_has_a_bound() -> None:
    consumer = Consumer()
    rebalance = asyncio.get_running_loop().create_future()
    consumer.on_poll = lambda: rebalance

    async with asyncio.timeout(PATIENT_SECONDS):
        assert await member(consumer).fetch(0) == []


async def test_a_poll_ends_when_the_worker_is_asked_to_stop() -> None:
    consumer, stop = Consumer(), asyncio.Event()
    stop.set()

    async with asyncio.timeout(PATIENT_SECONDS):
        assert await member(consumer, stop=stop).fetch(60) == []


async def test_a_batch_that_waits_is_abandoned_when_the_worker_is_asked_to_stop() -> None:
    consumer, stop = Consumer(), asyncio.Event()
    group, _ = await with_a_batch(consumer, 5, stop=stop)
    stop.set()

    with pytest.raises(Stopped):
        await group.stay(0)


async def test_what_is_read_ahead_is_the_next_batch_and_counts_only_from_then_on() -> None:
    consumer = Consumer()
    group, first = await with_a_batch(consumer, *range(30))
    consumer.batches.append(records(30, 31))

    ahead = await group.read_ahead()
    group.done(first)
    await group.commit()

    assert [each.offset for each in ahead] == [30, 31]
    assert consumer.committed == [{FIRST: 30}]
    assert group.progress == {FIRST: 30}
    assert await group.fetch(0) is ahead


async def test_reading_ahead_takes_one_batch_and_no_more() -> None:
    consumer = Consumer()
    group, _ = await with_a_batch(consumer, *range(30))
    consumer.batches += [records(*range(30, 90)), records(*range(90, 130)), records(130)]

    ahead = await group.read_ahead()

    assert [each.offset for each in ahead] == [*range(30, 130)]
    assert consumer.asked == [100, 100, 40]
    assert await group.read_ahead() is ahead
    assert len(consumer.batches) == 1


async def test_reading_ahead_takes_little_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLLED_AT_ONCE", 7)
    consumer = Consumer()
    group, _ = await with_a_batch(consumer, *range(30))
    consumer.batches += [records(30), records(31)]

    assert [each.offset for each in await group.read_ahead()] == [30, 31]
    assert consumer.asked == [100, 7, 7, 7]


async def test_a_few_large_records_are_a_full_batch_and_show_a_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "AT_ONCE", 1)
    consumer = Consumer()
    consumer.batches += [{FIRST: [record(b"x" * 400_000, offset=offset)]} for offset in range(5)]
    group = member(consumer)

    assert [each.offset for each in await group.fetch(0)] == [0, 1, 2]
    assert group.behind
    assert [each.offset for each in await group.read_ahead()] == [3, 4]


async def test_what_a_poll_took_before_it_was_given_up_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "AT_ONCE", 1)
    consumer = Consumer()
    consumer.batches += [records(5), records(6)]
    hanging = asyncio.get_running_loop().create_future()
    consumer.on_poll = lambda: hanging if consumer.polls == 2 else None
    group = member(consumer)

    assert [each.offset for each in await group.fetch(0)] == [5, 6]


async def test_what_a_poll_took_before_a_rebalance_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "AT_ONCE", 1)
    consumer = Consumer()
    consumer.batches += [records(5), records(2)]
    group = member(consumer)
    consumer.on_poll = lambda: group.revoked() if consumer.polls == 2 else None

    assert [each.offset for each in await group.fetch(0)] == [2]


async def test_without_a_backlog_nothing_is_read_ahead() -> None:
    consumer = Consumer()
    group, _ = await with_a_batch(consumer, *range(10))
    consumer.batches.append(records(10))

    assert await group.read_ahead() == []
    assert len(consumer.batches) == 1


async def test_what_was_read_ahead_of_a_rebalance_is_forgotten_and_comes_again() -> None:
    consumer = Consumer()
    group, _ = await with_a_batch(consumer, *range(30))
    consumer.batches.append(records(30))
    assert await group.read_ahead()

    group.revoked()
    consumer.batches.append(records(0, 1))

    assert [each.offset for each in await group.fetch(0)] == [0, 1]


async def test_a_batch_that_was_read_ahead_outlasts_a_wait() -> None:
    consumer = Consumer()
    group, _ = await with_a_batch(consumer, *range(30))
    consumer.batches.append(records(30))
    ahead = await group.read_ahead()

    await group.stay(0)

    assert await group.fetch(0) is ahead


async def test_records_that_come_while_a_batch_that_was_read_ahead_waits_stand_behind_it() -> None:
    consumer = Consumer()
    group, _ = await with_a_batch(consumer, *range(30))
    consumer.batches.append(records(30))
    await group.read_ahead()
    consumer.batches.append(records(31))

    await group.stay(0)

    assert [each.offset for each in await group.fetch(0)] == [30, 31]


def failing(error: Exception) -> Consumer:
    def fail() -> None:
        raise error

    consumer = Consumer()
    consumer.on_poll = fail
    return consumer


UNEXPECTED = KafkaError("Unexpected exception in heartbeat task: CoordinatorLoadInProgressError()")


async def test_a_membership_that_aiokafka_gave_up_is_continued_by_another_consumer() -> None:
    first, second = failing(UNEXPECTED), Consumer()
    second.batches.append(records(5))

    batch = await member(first, second).fetch(0)

    assert first.stopped
    assert second.topics == [FIRST.topic]
    assert [record.offset for record in batch] == [5]


async def test_a_batch_in_hand_is_abandoned_when_another_consumer_takes_over() -> None:
    first, second = Consumer(), Consumer()
    first.batches.append(records(5))
    group = member(first, second)
    batch = await group.fetch(0)
    first.on_poll = failing(UNEXPECTED).on_poll

    with pytest.raises(Moved):
        await group.stay(0)
    group.done(batch)
    await group.commit()

    assert second.committed == []


async def test_what_ends_one_consumer_after_another_ends_the_worker() -> None:
    consumers = [failing(UNEXPECTED) for _ in range(module.MAX_REPLACEMENTS + 1)]
    group = member(*consumers)

    async def work() -> None:
        for _ in consumers:
            await group.fetch(0)

    with pytest.raises(KafkaError):
        await work()

    assert [consumer.stopped for consumer in consumers] == [True] * module.MAX_REPLACEMENTS + [False]


async def test_a_poll_that_is_refused_for_good_ends_the_worker() -> None:
    with pytest.raises(GroupAuthorizationFailedError):
        await member(failing(GroupAuthorizationFailedError())).fetch(0)


@pytest.mark.parametrize("stop", [never, raising(asyncio.CancelledError()), raising(KafkaConnectionError())])  # type: ignore[arg-type]
async def test_leaving_ends_in_time_whatever_aiokafka_does(
    monkeypatch: pytest.MonkeyPatch, stop: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    monkeypatch.setattr(module, "LEAVE_TIMEOUT_SECONDS", 0.05)
    consumer = Consumer()
    consumer.stop = stop  # type: ignore[method-assign]

    async with asyncio.timeout(PATIENT_SECONDS):
        await member(consumer).leave()
