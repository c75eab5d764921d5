"""The traps of aiokafka's consumer, each played by a consumer that falls into it."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from aiokafka.errors import (
    CommitFailedError,
    GroupAuthorizationFailedError,
    IllegalStateError,
    KafkaConnectionError,
    KafkaError,
)
from prometheus_client import REGISTRY

from consumer.kafka.record import Record
from consumer.worker import group as module
from consumer.worker.group import Group, Moved, Stopped
from deploy.local.waiting import PATIENT_SECONDS
from tests.unit.worker.consumer import FIRST, Consumer, failing, member, raising, records


async def never() -> None:
    await asyncio.Event().wait()


async def _wait_for(event: asyncio.Event) -> None:
    await event.wait()


def with_a_batch(
    consumer: Consumer, *offsets: int, stop: asyncio.Event | None = None
) -> tuple[Group, Sequence[Record]]:
    """Give a member with a batch in hand."""
    group, batch = member(consumer, stop=stop), records(*offsets)
    group.progress.arrived(batch)
    group.hold()
    return group, batch


async def test_a_topic_that_is_set_back_is_committed_at_its_beginning_and_nowhere_else() -> None:
    consumer = Consumer()
    group, batch = with_a_batch(consumer, 5, 6, 7)
    group.done(batch)

    assert await group.set_back(FIRST.topic)
    await group.commit()

    assert consumer.committed == [{FIRST: 0}]


async def test_a_commit_that_hangs_has_a_bound_and_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMMIT_TIMEOUT_SECONDS", 0.05)
    consumer = Consumer()
    group, batch = with_a_batch(consumer, 5)
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
    group, batch = with_a_batch(consumer, 5)
    group.done(batch)

    consumer.on_commit = raising(error)
    await group.commit()
    consumer.on_commit = None
    await group.commit()

    assert consumer.committed == []


async def test_a_commit_that_fails_for_now_is_made_again() -> None:
    consumer = Consumer()
    group, batch = with_a_batch(consumer, 5)
    group.done(batch)

    consumer.on_commit = raising(KafkaConnectionError())
    await group.commit()
    consumer.on_commit = None
    await group.commit()

    assert consumer.committed == [{FIRST: 6}]


async def test_a_commit_that_is_refused_for_good_ends_the_worker() -> None:
    consumer = Consumer()
    group, batch = with_a_batch(consumer, 5)
    group.done(batch)
    consumer.on_commit = raising(GroupAuthorizationFailedError())

    with pytest.raises(GroupAuthorizationFailedError):
        await group.commit()


async def test_offsets_are_committed_beside_the_next_batch() -> None:
    consumer, answered = Consumer(), asyncio.Event()
    group, first = with_a_batch(consumer, 5)
    consumer.on_commit = lambda: _wait_for(answered)
    group.done(first)

    group.commit_beside()
    consumer.fetches.append(records(6))
    second = await group.poll(0, 100)

    assert ([each.offset for each in second], consumer.committed) == ([6], [])
    answered.set()
    await group.commit()
    assert consumer.committed == [{FIRST: 6}]


async def test_one_commit_is_made_at_a_time_and_the_next_holds_all_that_was_done_meanwhile() -> None:
    consumer, answered = Consumer(), asyncio.Event()
    group, batch = with_a_batch(consumer, 5, 6, 7)
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
    group, batch = with_a_batch(consumer, 5)
    group.done(batch)
    consumer.on_commit = raising(GroupAuthorizationFailedError())
    group.commit_beside()
    await asyncio.sleep(0)

    with pytest.raises(GroupAuthorizationFailedError):
        group.commit_beside()


async def test_who_leaves_the_group_commits_first_all_that_is_done() -> None:
    consumer, answered = Consumer(), asyncio.Event()
    group, batch = with_a_batch(consumer, 5, 6)
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
    group, batch = with_a_batch(consumer, 5)

    group.revoked()
    group.assigned({FIRST})
    group.done(batch)
    await group.commit()

    assert consumer.committed == []


async def test_assigned_partitions_are_counted_by_the_topic_s_whole_name() -> None:
    group, _ = with_a_batch(Consumer(), 5)

    group.assigned({FIRST})

    assert REGISTRY.get_sample_value("giftcert_consumer_assigned_partitions", {"topic": FIRST.topic}) == 1


async def test_what_was_done_before_a_rebalance_is_not_committed_after_it() -> None:
    consumer = Consumer()
    group, batch = with_a_batch(consumer, 5)
    group.done(batch)

    group.revoked()
    group.assigned({FIRST})
    await group.commit()

    assert consumer.committed == []


async def test_a_batch_whose_partitions_move_while_it_waits_is_abandoned() -> None:
    group, _ = with_a_batch(Consumer(), 5)
    await group.stay(0)
    group.revoked()

    with pytest.raises(Moved):
        await group.stay(0)


async def test_a_batch_that_waits_is_abandoned_when_the_worker_is_asked_to_stop() -> None:
    consumer, stop = Consumer(), asyncio.Event()
    group, _ = with_a_batch(consumer, 5, stop=stop)
    stop.set()

    with pytest.raises(Stopped):
        await group.stay(0)


UNEXPECTED = KafkaError("Unexpected exception in heartbeat task: CoordinatorLoadInProgressError()")


async def test_a_membership_that_aiokafka_gave_up_is_continued_by_another_consumer() -> None:
    first, second = failing(UNEXPECTED), Consumer()
    second.fetches.append(records(5))
    group = member(first, second)

    assert await group.poll(0, 100) == []

    assert first.stopped
    assert second.topics == [FIRST.topic]
    assert [record.offset for record in await group.poll(0, 100)] == [5]


async def test_a_batch_in_hand_is_abandoned_when_another_consumer_takes_over() -> None:
    first, second = failing(UNEXPECTED), Consumer()
    group = member(first, second)
    batch = records(5)
    group.progress.arrived(batch)
    group.hold()
    await group.poll(0, 100)

    with pytest.raises(Moved):
        await group.stay(0)
    group.done(batch)
    await group.commit()

    assert second.committed == []


async def test_what_ends_one_consumer_after_another_ends_the_worker() -> None:
    consumers = [failing(UNEXPECTED) for _ in range(module.MAX_REPLACEMENTS + 1)]
    group = member(*consumers)

    async def poll() -> None:
        for _ in consumers:
            await group.poll(0, 100)

    with pytest.raises(KafkaError):
        await poll()

    assert [consumer.stopped for consumer in consumers] == [True] * module.MAX_REPLACEMENTS + [False]


async def test_a_poll_that_is_refused_for_good_ends_the_worker() -> None:
    with pytest.raises(GroupAuthorizationFailedError):
        await member(failing(GroupAuthorizationFailedError())).poll(0, 100)


@pytest.mark.parametrize("stop", [never, raising(asyncio.CancelledError()), raising(KafkaConnectionError())])  # type: ignore[arg-type]
async def test_leaving_ends_in_time_whatever_aiokafka_does(
    monkeypatch: pytest.MonkeyPatch, stop: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    monkeypatch.setattr(module, "LEAVE_TIMEOUT_SECONDS", 0.05)
    consumer = Consumer()
    consumer.stop = stop  # type: ignore[method-assign]

    async with asyncio.timeout(PATIENT_SECONDS):
        await member(consumer).leave()
