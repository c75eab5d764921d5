"""Which records are in a close, as its manifest names them."""

from aiokafka import TopicPartition

from consumer.close.verify.asked import Cut, Where, number_of
from consumer.close.verify.reference import Settings

RECORDS = {"first_offset": 2, "next_offset": 12, "passed_over": [[3, 4], [5, 7], [9, 10]]}


def test_records_that_are_passed_over_and_those_before_and_behind_are_not_in_a_close() -> None:
    cut = Cut({TopicPartition("topic", 1): RECORDS}, Settings("UTC", {}))

    found = [offset for offset in range(14) if cut.has(Where("topic", 1, offset))]

    assert found == [2, 4, 7, 8, 10, 11]
    assert len(found) == number_of(RECORDS)


def test_other_partitions_and_topics_are_not_in_a_close() -> None:
    cut = Cut({TopicPartition("topic", 1): RECORDS}, Settings("UTC", {}))

    assert not cut.has(Where("topic", 0, 2))
    assert not cut.has(Where("another", 1, 2))


def test_a_close_with_nothing_passed_over_has_all_between() -> None:
    cut = Cut({TopicPartition("topic", 1): {**RECORDS, "passed_over": []}}, Settings("UTC", {}))

    assert [offset for offset in range(14) if cut.has(Where("topic", 1, offset))] == list(range(2, 12))
