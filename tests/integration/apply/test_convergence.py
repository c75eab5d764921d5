"""Rule 6 of applying: any order, duplication, batches and workers, crashes anywhere: the same rows and lines."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.books import booking
from deploy.local.stack import Stack
from tests.histories import batches, deliveries
from tests.interleavings import interleave
from tests.laboratory import Laboratory
from tests.reference import Delivery
from tests.reference_books import reference_with_books

thorough = settings(max_examples=80)


@pytest.fixture(scope="module")
def laboratory(stack: Stack, template: str, say: Callable[[str], None]) -> Iterator[Laboratory]:
    laboratory = Laboratory(stack.postgres.create_database("laboratory", template))
    yield laboratory
    laboratory.close()
    stack.postgres.drop_database("laboratory")
    say(f"convergence: {laboratory.histories:,} random histories applied")


@pytest.mark.parametrize("copied_from", [booking.COPIED_FROM, 1], ids=["in one statement", "copied"])
def test_any_order_duplication_and_batches_give_the_reference(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch, copied_from: int
) -> None:
    monkeypatch.setattr(booking, "COPIED_FROM", copied_from)

    @thorough
    @given(batches=batches())
    def check(batches: list[list[Delivery]]) -> None:
        expected = reference_with_books([delivery for batch in batches for delivery in batch])

        assert laboratory.run(laboratory.applied_by_workers([batches])) == expected

    check()


@thorough
@given(batches=batches(), crashes=st.lists(st.sampled_from(["no", "before commit", "after commit"]), min_size=5))
def test_crashes_before_and_after_the_commit_leave_no_trace(
    laboratory: Laboratory, batches: list[list[Delivery]], crashes: list[str]
) -> None:
    async def with_crashes() -> None:
        await laboratory.empty()
        for batch, crash in zip(batches, crashes, strict=False):
            if crash == "before commit":
                await laboratory.crash_before_commit(batch)
            if crash == "after commit":
                # The offsets were not committed, so the same records come again.
                await laboratory.work([batch])
            await laboratory.work([batch])

    laboratory.run(with_crashes())
    processed = batches[: len(crashes)]

    expected = reference_with_books([delivery for batch in processed for delivery in batch])
    assert laboratory.run(laboratory.read()) == expected


@thorough
@given(
    shares=st.lists(batches(), min_size=2, max_size=4),
    overlap=st.booleans(),
)
def test_workers_at_the_same_time_give_the_reference(
    laboratory: Laboratory, shares: list[list[list[Delivery]]], *, overlap: bool
) -> None:
    """Workers that touch the same entities, and with ``overlap`` the very same records (a rebalance, a zombie)."""
    apart = [_renamed(share, worker) for worker, share in enumerate(shares)]
    if overlap:
        apart.append([batch[::-1] for share in apart for batch in share])

    expected = reference_with_books([delivery for share in apart for batch in share for delivery in batch])
    assert laboratory.run(laboratory.applied_by_workers(apart)) == expected


@thorough
@given(batches=batches(), workers=st.integers(1, 3))
def test_each_attempt_stands_in_the_ledger_once_and_one_of_each_event_was_its_first(
    laboratory: Laboratory, batches: list[list[Delivery]], workers: int
) -> None:
    """Also where several workers apply the same."""
    laboratory.run(laboratory.applied_by_workers([batches] * workers))
    ledger = laboratory.run(laboratory.ledger())

    sent = {_attempt(delivery) for batch in batches for delivery in batch}
    assert sorted(row[:-1] for row in ledger) == sorted(sent)
    assert sorted(row[1:-1] for row in ledger if row[-1]) == sorted({attempt[1:] for attempt in sent})


def _attempt(delivery: Delivery) -> tuple[Any, ...]:
    body = delivery.body
    entity_id = body["data"].get("_id") or body["data"]["giftcertificateId"]
    return body["attemptId"], body["livemode"], entity_id, body["id"], body["event"]


@thorough
@given(whole=deliveries(most=6), data=st.data())
def test_one_permutation_is_as_good_as_another(
    laboratory: Laboratory, whole: list[Delivery], data: st.DataObject
) -> None:
    other = data.draw(st.permutations(whole))

    one_batch = laboratory.run(laboratory.applied_by_workers([[whole]]))
    one_by_one = laboratory.run(laboratory.applied_by_workers([[[delivery] for delivery in other]]))

    assert one_batch == one_by_one


def test_workers_whose_steps_interleave_give_the_reference(laboratory: Laboratory) -> None:
    interleave(laboratory, settings(thorough, stateful_step_count=20))


def _renamed(share: list[list[Delivery]], worker: int) -> list[list[Delivery]]:
    """Make the events and attempts of one worker's share its own; the entities stay common."""
    return [
        [
            delivery._replace(
                body={
                    **delivery.body,
                    "id": f"{delivery.body['id']}-{worker}",
                    "attemptId": f"{delivery.body['attemptId']}-{worker}",
                }
            )
            for delivery in batch
        ]
        for batch in share
    ]
