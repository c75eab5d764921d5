"""Lanes: no entity is in two of them, its events keep their order, and the results find their way back."""

from hypothesis import given
from hypothesis import strategies as st

from consumer import lanes
from consumer.lanes import join, split
from schemas.events import Event
from tests.builders import bought, event


def events(ids: list[int]) -> list[Event]:
    return [event(bought(_id=f"certificate-{one}"), offset=offset) for offset, one in enumerate(ids)]


def test_a_small_batch_is_one_transaction() -> None:
    batch = events([*range(lanes.LARGE - 1)])

    assert split(batch) == [batch]


def test_a_large_batch_is_cut() -> None:
    batch = events([*range(lanes.LARGE)])

    cut = split(batch)

    assert len(cut) == lanes.LANES
    assert min(map(len, cut)) > lanes.LARGE // lanes.LANES // 2


@given(st.lists(st.integers(0, 20), min_size=lanes.LARGE, max_size=lanes.LARGE + 50))
def test_an_entity_is_in_one_lane_and_its_events_in_order(ids: list[int]) -> None:
    batch = events(ids)

    cut = split(batch)

    assert sum(map(len, cut)) == len(batch)
    for number, lane in enumerate(cut):
        others = [one for other in cut[:number] + cut[number + 1 :] for one in other]
        assert {one.entity for one in lane}.isdisjoint({one.entity for one in others})
        assert [one.offset for one in lane] == sorted(one.offset for one in lane)


@given(st.lists(st.integers(0, 20), max_size=10) | st.lists(st.integers(0, 20), min_size=lanes.LARGE, max_size=550))
def test_each_event_gets_its_own_result(ids: list[int]) -> None:
    batch = events(ids)

    results = join(batch, [[one.offset for one in lane] for lane in split(batch)])

    assert results == [one.offset for one in batch]
