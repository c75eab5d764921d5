"""The inbox: what comes is taken at once, within bounds, and belongs to the present assignment or is forgotten."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiokafka.errors import GroupAuthorizationFailedError

from consumer.common.bounds import running
from consumer.kafka.taking import AT_ONCE, Room
from consumer.worker import inbox as module
from consumer.worker.group import Group, Moved
from consumer.worker.inbox import Inbox
from deploy.local.waiting import PATIENT_SECONDS
from schemas.registry import Malformed
from tests.builders import record
from tests.unit.worker.consumer import FIRST, SECOND, Consumer, failing, member, records

MOST = Room(100, 1_000_000)


@asynccontextmanager
async def draining(group: Group, most: Room = MOST) -> AsyncIterator[Inbox]:
    """Have an inbox that takes what comes while the block runs."""
    inbox = Inbox(group, most)
    async with running(inbox.drain()):
        yield inbox


async def until(condition: Callable[[], bool]) -> None:
    """Let the drain go on step by step."""
    async with asyncio.timeout(PATIENT_SECONDS):
        while not condition():  # noqa: ASYNC110 - each step counts
            await asyncio.sleep(0)


async def until_idle(consumer: Consumer) -> None:
    """Let the drain take all that is there, and go on to wait for more."""
    await until(lambda: not consumer.fetches)
    for _ in range(50):
        await asyncio.sleep(0)


async def offsets(inbox: Inbox) -> list[int]:
    async with asyncio.timeout(PATIENT_SECONDS):
        return [one.record.offset for one in await inbox.take(PATIENT_SECONDS)]


async def test_what_comes_while_the_worker_is_busy_is_one_batch() -> None:
    consumer = Consumer()
    async with draining(member(consumer)) as inbox:
        consumer.fetches += [records(5), records(6, 7), records(8)]
        await until_idle(consumer)

        assert await offsets(inbox) == [5, 6, 7, 8]


async def test_a_batch_is_waited_for_until_all_that_is_here_is_taken() -> None:
    consumer = Consumer()
    async with draining(member(consumer)) as inbox:
        taking = asyncio.create_task(offsets(inbox))
        await asyncio.sleep(0)
        consumer.fetches += [records(*range(40)), records(40)]

        assert await taking == [*range(41)]


async def test_records_come_decoded() -> None:
    consumer = Consumer()
    consumer.fetches.append(records(5))
    async with draining(member(consumer)) as inbox:
        (one,) = await inbox.take(PATIENT_SECONDS)

    assert isinstance(one.decoded, Malformed)


async def test_nothing_is_waited_for_no_longer_than_one_says() -> None:
    async with draining(member(Consumer())) as inbox:
        assert await inbox.take(0) == []


async def test_who_waits_for_records_is_told_to_stop() -> None:
    stop = asyncio.Event()
    stop.set()
    async with draining(member(Consumer(), stop=stop)) as inbox, asyncio.timeout(PATIENT_SECONDS):
        assert await inbox.take(10 * PATIENT_SECONDS) == []


async def test_no_more_records_are_taken_than_a_batch_may_have() -> None:
    consumer = Consumer()
    consumer.fetches.append(records(*range(130)))
    async with draining(member(consumer)) as inbox:
        assert await offsets(inbox) == [*range(100)]
        await until_idle(consumer)
        assert await offsets(inbox) == [*range(100, 130)]

    assert sum(consumer.asked[:4]) == 100


async def test_no_more_bytes_are_taken_than_a_batch_may_have_and_one_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 1)
    consumer = Consumer()
    consumer.fetches += [[record(b"x" * 400_000, offset=offset)] for offset in range(5)]
    async with draining(member(consumer)) as inbox:
        assert await offsets(inbox) == [0, 1, 2]
        await until_idle(consumer)
        assert await offsets(inbox) == [3, 4]


@pytest.mark.parametrize(("count", "behind"), [(25, True), (24, False)])
async def test_a_batch_of_a_quarter_of_the_most_shows_a_backlog(count: int, *, behind: bool) -> None:
    consumer = Consumer()
    consumer.fetches.append(records(*range(count)))
    async with draining(member(consumer)) as inbox:
        await offsets(inbox)

        assert inbox.behind is behind


async def test_what_waits_is_no_progress_but_is_known_to_wait() -> None:
    consumer = Consumer()
    consumer.fetches.append(records(5, 6))
    group = member(consumer)
    async with draining(group):
        await until_idle(consumer)

    assert group.progress.offsets == {FIRST: 5}
    assert group.progress.uncommitted == {}


async def test_what_waited_before_a_rebalance_is_forgotten_and_comes_again() -> None:
    consumer = Consumer()
    consumer.fetches.append(records(5, 6))
    group = member(consumer)
    async with draining(group) as inbox:
        await until_idle(consumer)
        group.revoked()
        consumer.fetches.append(records(2, 3))

        assert await offsets(inbox) == [2, 3]


async def test_what_is_being_decoded_when_the_partitions_move_is_forgotten() -> None:
    consumer = Consumer()
    consumer.fetches.append(records(*range(AT_ONCE)))
    group = member(consumer)
    async with draining(group) as inbox:
        await until(lambda: group.progress.offsets != {})
        group.revoked()
        assert await inbox.take(0) == []
        await until_idle(consumer)

        assert await inbox.take(0) == []


async def test_records_of_an_assignment_that_came_while_a_batch_was_in_hand_are_the_next_batch() -> None:
    consumer = Consumer()
    consumer.fetches.append(records(5))
    group = member(consumer)
    async with draining(group) as inbox:
        await offsets(inbox)
        group.revoked()
        consumer.fetches.append(records(3, 4))
        await until_idle(consumer)

        with pytest.raises(Moved):
            await group.stay(0)
        assert await offsets(inbox) == [3, 4]


async def test_a_member_whose_inbox_stays_full_polls_its_partitions_paused_anew_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FULL_SECONDS", 0.001)
    consumer = Consumer()
    consumer.fetches.append(records(*range(100)))
    async with draining(member(consumer)) as inbox:
        await until(lambda: len(consumer.pauses) == 2)
        consumer.partitions = {FIRST, SECOND}
        await until(lambda: consumer.pauses[-1] == {FIRST, SECOND})
        assert consumer.pauses[0] == {FIRST}

        assert await offsets(inbox) == [*range(100)]
        consumer.fetches.append(records(100))
        assert await offsets(inbox) == [100]
        assert consumer.paused_now == set()


async def test_what_a_new_assignment_brought_to_a_full_inbox_is_the_next_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FULL_SECONDS", 0.001)
    consumer = Consumer()
    consumer.fetches.append(records(*range(100)))
    group = member(consumer)
    async with draining(group) as inbox:
        await until_idle(consumer)
        group.revoked()
        consumer.fetches.append(records(7))

        assert await offsets(inbox) == [7]


async def test_a_rebalance_that_takes_long_keeps_nobody_from_waiting() -> None:
    consumer = Consumer()
    rebalance = asyncio.get_running_loop().create_future()
    consumer.on_poll = lambda: rebalance
    async with draining(member(consumer)) as inbox, asyncio.timeout(PATIENT_SECONDS):
        assert await inbox.take(0.01) == []
        rebalance.set_result(None)
        consumer.fetches.append(records(5))

        assert await offsets(inbox) == [5]


async def test_what_ends_a_poll_for_good_ends_the_drain() -> None:
    with pytest.raises(GroupAuthorizationFailedError):
        await Inbox(member(failing(GroupAuthorizationFailedError())), MOST).drain()
