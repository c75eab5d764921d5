"""The batcher: which records share a batch, and that one waiter cannot spoil it for the others."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, NotEnoughReplicasError, RecordListTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.producer.transaction_manager import TransactionManager

from consumer.common.errors import TooLarge, Unavailable
from consumer.kafka.batcher import Batcher, Sending, acknowledged

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

ROOM = 1000
PARTITION = TopicPartition("giftcert.certificates", 3)


class Producer:
    """As much of aiokafka's producer as a batcher uses: a batch arrives when the test says so."""

    def __init__(self) -> None:
        self._txn_manager: TransactionManager | None = None
        self.batches: list[int] = []
        self.acknowledgements: list[asyncio.Future[None]] = []

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(ROOM, 0)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> "asyncio.Future[None]":
        assert (topic, partition) == ("giftcert.certificates", 3)
        self.batches.append(batch.record_count())
        self.acknowledgements.append(asyncio.get_running_loop().create_future())
        return self.acknowledgements[-1]


class Running:
    """A batcher in use, the records that were sent on it, and those that it said had arrived."""

    def __init__(self) -> None:
        self.producer = Producer()
        self.batcher = Batcher(cast("AIOKafkaProducer", self.producer), "giftcert.certificates", 3, self._arrived)
        self.arrived: list[bytes | None] = []
        self.released = 0

    def _arrived(self, _: str, batch: Sequence[Sending], error: Exception | None) -> None:
        for sending in batch:
            self.arrived.append(sending.value)
            sending.settle(error if error is None or isinstance(error, Unavailable) else Unavailable(repr(error)))

    def send(self, value: bytes = b"") -> Sending:
        sending = Sending(b"key", value, [], asyncio.get_running_loop().create_future(), self._release)
        self.batcher.add(sending)
        return sending

    def _release(self) -> None:
        self.released += 1

    async def answer(self, error: KafkaError | None = None) -> None:
        """Let the batch on its way arrive, or be refused, and see what comes of it."""
        await settled()
        if error:
            self.producer.acknowledgements.pop(0).set_exception(error)
        else:
            self.producer.acknowledgements.pop(0).set_result(None)
        await settled()


async def settled() -> None:
    """Let all that can go on go on."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_comes_while_a_batch_is_on_its_way_is_the_next_batch() -> None:
    running = Running()

    running.send(b"1")
    await settled()
    for value in (b"2", b"3", b"4"):
        running.send(value)
        await settled()
    assert running.producer.batches == [1]
    await running.answer()
    await running.answer()

    assert running.producer.batches == [1, 3]
    assert running.arrived == [b"1", b"2", b"3", b"4"]


async def test_records_that_a_full_batch_has_no_room_for_travel_in_the_next_one() -> None:
    running = Running()

    for value in (b"1" * 400, b"2" * 400, b"3" * 400):
        running.send(value)
    await running.answer()
    await running.answer()

    assert running.producer.batches == [2, 1]


async def test_a_record_that_is_larger_than_a_batch_travels_alone() -> None:
    running = Running()

    for value in (b"1", b"2" * 2 * ROOM, b"3"):
        running.send(value)
    for _ in range(3):
        await running.answer()

    assert running.producer.batches == [1, 1, 1]


async def test_nothing_is_acknowledged_before_its_batch_is() -> None:
    running = Running()
    waiting = asyncio.create_task(acknowledged(running.send(), 60))
    await settled()

    assert not waiting.done()
    await running.answer()
    await waiting


async def test_who_waits_and_is_cancelled_takes_nobody_along() -> None:
    running = Running()
    first, second = (asyncio.create_task(acknowledged(running.send(value), 60)) for value in (b"1", b"2"))
    await settled()

    first.cancel()
    await running.answer()
    await second

    assert first.cancelled()
    assert running.arrived == [b"1", b"2"]


async def test_a_record_past_its_deadline_is_held_until_its_batch_is_through() -> None:
    running = Running()
    late = running.send()

    with pytest.raises(Unavailable, match="deadline"):
        await acknowledged(late, 0)
    assert running.released == 0
    await running.answer()

    assert running.released == 1


async def test_a_refusal_is_the_answer_to_every_record_of_the_batch_and_to_no_other() -> None:
    running = Running()
    refused = [running.send(b"1"), running.send(b"2")]
    await settled()
    other = running.send(b"3")

    await running.answer(NotEnoughReplicasError())
    await running.answer()

    for sending in refused:
        with pytest.raises(Unavailable, match="NotEnoughReplicasError"):
            await acknowledged(sending, 60)
    await acknowledged(other, 60)


@pytest.mark.parametrize("refusal", [MessageSizeTooLargeError, RecordListTooLargeError])
async def test_a_batch_that_is_too_large_for_the_topic_is_halved_until_the_record_that_is_stands_alone(
    refusal: type[KafkaError],
) -> None:
    running = Running()
    small, large, behind = running.send(b"1"), running.send(b"2" * 500), running.send(b"3")

    for outcome in (refusal(), None, refusal(), refusal(), None):  # all; 1; 2 and 3; 2; 3
        await running.answer(outcome)

    assert running.producer.batches == [3, 1, 2, 1, 1]
    for sending in (small, behind):
        await acknowledged(sending, 60)
    with pytest.raises(TooLarge, match=r"giftcert.certificates takes no record of 5\d\d bytes"):
        await acknowledged(large, 60)


async def test_what_the_topic_refused_for_its_size_leaves_no_hole_in_the_sequence_numbers() -> None:
    running = Running()
    transactions = running.producer._txn_manager = TransactionManager(None, 60_000)  # noqa: SLF001 - the batcher's way
    for value in (b"1", b"2" * 500):
        running.send(value)
    for outcome, counted in ((MessageSizeTooLargeError(), 2), (None, 1), (MessageSizeTooLargeError(), 1)):
        await settled()
        transactions.increment_sequence_number(PARTITION, counted)  # as aiokafka does when it sends
        await running.answer(outcome)

    assert transactions.sequence_number(PARTITION) == 1


async def test_once_a_topic_has_refused_a_batch_the_next_ones_are_smaller() -> None:
    running = Running()
    for value in (b"1" * 200, b"2" * 200, b"3" * 200):
        running.send(value)
    for outcome in (MessageSizeTooLargeError(), None, None):
        await running.answer(outcome)

    for value in (b"4" * 200, b"5" * 200, b"6" * 200):
        running.send(value)
    await running.answer()
    await running.answer()

    assert running.producer.batches == [3, 1, 2, 2, 1]
