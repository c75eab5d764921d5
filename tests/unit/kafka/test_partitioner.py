"""Records of a key go where every other client of Kafka's sends them."""

import random

from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as aiokafkas
from hypothesis import given
from hypothesis import strategies as st

from consumer.kafka.partitioner import murmur2, partition_of


@given(st.binary(max_size=100))
def test_the_hash_is_that_of_kafka_s_clients(key: bytes) -> None:
    assert murmur2(key) == aiokafkas(key)


@given(st.binary(max_size=30), st.lists(st.integers(0, 99), min_size=1, unique=True))
def test_a_key_has_the_partition_that_other_clients_give_it(key: bytes, partitions: list[int]) -> None:
    partitions.sort()

    assert partition_of(key, partitions, ()) == DefaultPartitioner()(key, partitions, [])


def test_a_record_without_a_key_goes_to_any_partition_that_is_there() -> None:
    random.seed(1)

    assert {partition_of(None, [0, 1, 2, 3], [1, 3]) for _ in range(50)} == {1, 3}
    assert {partition_of(None, [0, 1], []) for _ in range(50)} == {0, 1}
