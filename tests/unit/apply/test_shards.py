"""Shards: no entity is in two of them, its events keep their order, and the results find their way back."""

from itertools import cycle, islice

from hypothesis import given
from hypothesis import strategies as st

from consumer.apply import shards
from consumer.apply.shards import join, split
from schemas.events import Event
from tests.builders import bought, event

# Of a large batch only its beginning is drawn: to draw all of it takes a hundred times as long as what is tested.
few = st.lists(st.integers(0, 20), max_size=10)
many = st.builds(
    lambda drawn, count: [*islice(cycle(drawn), count)],
    st.lists(st.integers(0, 20), min_size=1, max_size=40),
    st.integers(shards.LARGE, shards.LARGE + 50),
)


def events(ids: list[int]) -> list[Event]:
    return [event(bought(_id=f"certificate-{one}"), offset=offset) for offset, one in enumerate(ids)]


def test_a_small_batch_is_one_transaction() -> None:
    batch = events([*range(shards.LARGE - 1)])

    assert split(batch) == [batch]


def test_a_large_batch_is_cut() -> None:
    batch = events([*range(shards.LARGE)])

    cut = split(batch)

    assert len(cut) == shards.SHARDS
    assert min(map(len, cut)) > shards.LARGE // shards.SHARDS // 2


@given(many)
def test_an_entity_is_in_one_shard_and_its_events_in_order(ids: list[int]) -> None:
    batch = events(ids)

    cut = split(batch)

    assert sum(map(len, cut)) == len(batch)
    for number, shard in enumerate(cut):
        others = [one for other in cut[:number] + cut[number + 1 :] for one in other]
        assert {one.entity for one in shard}.isdisjoint({one.entity for one in others})
        assert [one.offset for one in shard] == sorted(one.offset for one in shard)


@given(few | many)
def test_each_event_gets_its_own_result(ids: list[int]) -> None:
    batch = events(ids)

    results = join(batch, [[one.offset for one in shard] for shard in split(batch)])

    assert results == [one.offset for one in batch]
