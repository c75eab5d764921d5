"""Progress: what may be committed is what is done, partition by partition; breaks of a log are loud."""

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from consumer.worker.progress import Progress
from tests.unit.worker.consumer import FIRST, records


def with_a_batch(*offsets: int) -> Progress:
    progress = Progress()
    progress.arrived(records(*offsets))
    return progress


def test_what_is_committed_is_what_is_done_and_not_what_came() -> None:
    progress = with_a_batch(5, 6, 7)

    assert progress.uncommitted == {}
    progress.done(records(5, 6))

    assert progress.uncommitted == {FIRST: 7}


def test_a_partition_s_progress_begins_with_what_came_first() -> None:
    assert with_a_batch(5, 6, 7).offsets == {FIRST: 5}


def test_a_deferred_record_holds_back_the_commit_of_its_partition_until_it_is_settled() -> None:
    progress = with_a_batch(5, 6, 7)

    progress.done(records(5, 6, 7), deferred=records(6))
    assert (progress.uncommitted, progress.deferred(FIRST)) == ({FIRST: 6}, 2)
    progress.settle(records(6))

    assert (progress.uncommitted, progress.deferred(FIRST)) == ({FIRST: 8}, 0)


def test_what_comes_behind_a_deferred_record_misses_nothing() -> None:
    progress = with_a_batch(5, 6, 7)
    progress.done(records(5, 6, 7), deferred=records(5))

    with capture_logs() as logs:
        progress.arrived(records(8))
    progress.done(records(8))

    assert logs == []
    assert progress.uncommitted == {FIRST: 5}


@pytest.mark.parametrize(("found", "kind"), [(3, "again"), (12, "missing")])
def test_a_partition_that_does_not_go_on_where_it_should_is_loud(found: int, kind: str) -> None:
    progress = with_a_batch(5, 6, 7)
    labels = {"topic": FIRST.topic, "kind": kind}
    before = REGISTRY.get_sample_value("giftcert_consumer_log_breaks_total", labels) or 0

    with capture_logs() as logs:
        progress.arrived(records(found))

    assert [(event["log_level"], event["expected"], event["found"]) for event in logs] == [("error", 8, found)]
    assert REGISTRY.get_sample_value("giftcert_consumer_log_breaks_total", labels) == before + 1


def test_what_was_done_while_a_commit_was_on_its_way_is_to_be_committed_still() -> None:
    progress = with_a_batch(5, 6)
    progress.done(records(5))
    on_its_way = progress.uncommitted
    progress.done(records(6))

    progress.committed(on_its_way)

    assert progress.uncommitted == {FIRST: 7}


def test_a_rebalance_forgets_what_came_what_was_done_and_what_was_deferred() -> None:
    progress = with_a_batch(5, 6, 7)
    progress.done(records(5, 6), deferred=records(5))

    progress.forget()
    progress.settle(records(5))
    with capture_logs() as logs:
        progress.arrived(records(2))

    assert (progress.uncommitted, progress.offsets, progress.deferred(FIRST), logs) == ({}, {FIRST: 2}, 0, [])
