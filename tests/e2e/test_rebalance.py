"""Workers that come and go while webhooks flow: nothing is lost, and nothing is applied twice."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from consumer.common.settings import Settings, load
from deploy.local.services import Service
from deploy.local.stack import Stack
from deploy.local.waiting import responds
from schemas.registry import FAMILIES
from tests.databases import applied_attempts, converging
from tests.e2e.traffic import distinct_attempts, expected_tables, post, simulated
from tests.records import committed, is_empty
from tests.sender import Sender
from tests.services import commands, create_its_topics, deployment, metric, start_ingress, start_worker, wait_for


class Story(NamedTuple):
    """A second worker joined the first while webhooks flowed, and took everything over when the first one left."""

    settings: Settings
    posted: list[bytes]
    done_by_the_first: float
    done_by_the_second: float
    code_of_the_first: int


class Flow:
    """Webhooks that go on while something is waited for."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._coming = iter(simulated(4000, seed=2))
        self.posted: list[bytes] = []

    def until(self, condition: Callable[[], object], what: str) -> None:
        def post_and_look() -> object:
            for _ in range(5):
                self._post_next()
            return condition()

        wait_for(post_and_look, what)

    def _post_next(self) -> None:
        body = next(self._coming)
        post(self._sender, [body])
        self.posted.append(body)


def partitions(worker: Service) -> float:
    return metric(worker, "giftcert_consumer_assigned_partitions")


def processed(worker: Service) -> float:
    return metric(worker, "giftcert_messages_processed_total")


@pytest.fixture(scope="module")
def story(stack: Stack, template: str) -> Iterator[Story]:
    environment = deployment(stack, DATABASE_URL=stack.postgres.create_database("rebalance", template))
    settings = load(environment)
    with commands(stack, environment) as giftledger:
        create_its_topics(giftledger)
        _, sender = start_ingress(giftledger)
        flow, first = Flow(sender), start_worker(giftledger)
        flow.until(lambda: processed(first) > 0, "work done by the first worker")

        second = giftledger.start("worker")
        flow.until(lambda: responds(second.metrics_url), "the second worker's admin port")
        flow.until(lambda: partitions(second) > 0, "partitions of the second worker")
        flow.until(lambda: processed(second) > 0, "work done by the second worker")
        done_by_the_first = processed(first)

        first.process.signal(first.process.stop_signal)
        everything = settings.topic_partitions * len(FAMILIES)
        flow.until(lambda: partitions(second) == everything, "all partitions with the second worker")
        wait_for(lambda: committed(settings) == len(flow.posted), "the offsets of all records")

        yield Story(settings, flow.posted, done_by_the_first, processed(second), first.process.wait())
    stack.postgres.drop_database("rebalance")


def test_both_workers_had_their_share(story: Story) -> None:
    assert story.done_by_the_first > 0
    assert story.done_by_the_second > 0


def test_the_worker_that_was_asked_to_leave_left_in_peace(story: Story) -> None:
    assert story.code_of_the_first == 0


def test_nothing_is_lost_or_applied_twice(story: Story) -> None:
    assert applied_attempts(story.settings.database) == distinct_attempts(story.posted)
    assert converging(story.settings.database) == expected_tables(story.settings, len(story.posted))


def test_a_rebalance_makes_no_dead_letters(story: Story) -> None:
    assert is_empty(story.settings, "dead-letter")
