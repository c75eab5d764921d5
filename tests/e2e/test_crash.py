"""SIGKILL at the two worst places: nothing is lost, nothing is counted twice, and the tables show no trace of it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL
from typing import NamedTuple

import pytest

from consumer.common.settings import Settings, load
from deploy.local.services import Giftledger
from deploy.local.stack import Stack
from deploy.local.waiting import free_port
from tests.databases import Row, converging, ledger
from tests.e2e.dying_worker import BEFORE_THE_DATABASE_COMMIT, BEFORE_THE_OFFSET_COMMIT
from tests.e2e.traffic import distinct_attempts, expected_tables, post, simulated
from tests.records import committed, is_empty
from tests.services import (
    commands,
    create_its_topics,
    deployment,
    metric,
    start_ingress,
    start_worker,
    wait_for,
    wait_for_metric,
)

BODIES = simulated(120)


class Moment(NamedTuple):
    """What could be seen from outside when no worker ran, or when the last one had done its work."""

    tables: dict[str, list[Row]]
    ledger: list[Row]
    offset: int


class Story(NamedTuple):
    """A first worker died before its database commit, a second before its offset commit, a third did the work."""

    settings: Settings
    after_the_first_death: Moment
    after_the_second_death: Moment
    in_the_end: Moment
    duplicates: int


@pytest.fixture(scope="module")
def story(stack: Stack, template: str) -> Iterator[Story]:
    environment = deployment(stack, DATABASE_URL=stack.postgres.create_database("crash", template))
    settings = load(environment)
    with commands(stack, environment) as giftledger:
        create_its_topics(giftledger)
        ingress, sender = start_ingress(giftledger)
        post(sender, BODIES)
        ingress.process.terminate()

        die(giftledger, BEFORE_THE_DATABASE_COMMIT, after=1)
        first = seen(settings)
        die(giftledger, BEFORE_THE_OFFSET_COMMIT, after=len(BODIES))
        second = seen(settings)
        worker = start_worker(giftledger)
        wait_for_metric(worker, "giftcert_messages_processed_total", len(BODIES))
        wait_for(lambda: committed(settings) >= len(BODIES), "the offsets of all records")
        duplicates = metric(worker, "giftcert_messages_processed_total", outcome="duplicate")

        yield Story(settings, first, second, seen(settings), int(duplicates))
    stack.postgres.drop_database("crash")


def die(giftledger: Giftledger, place: str, *, after: int) -> None:
    """Run a worker that dies at the given place, ``after`` so many records."""
    command: list[str | Path] = [sys.executable, Path(__file__).with_name("dying_worker.py"), place, str(after)]
    environment = {**giftledger.environment, "ADMIN_PORT": str(free_port())}
    process = giftledger.stack.run("dying-worker", command, environment)
    assert process.wait() == -SIGKILL, process.tail()


def seen(settings: Settings) -> Moment:
    return Moment(converging(settings.database), ledger(settings.database), committed(settings))


def test_a_kill_before_the_database_commit_leaves_nothing_behind(story: Story) -> None:
    assert story.after_the_first_death.ledger == []
    assert not any(story.after_the_first_death.tables.values())


def test_offsets_are_not_committed_before_the_database_is(story: Story) -> None:
    assert story.after_the_first_death.offset == 0


def test_a_kill_between_database_commit_and_offset_commit_really_was_between_them(story: Story) -> None:
    assert len(story.after_the_second_death.ledger) == distinct_attempts(BODIES)
    assert story.after_the_second_death.offset == 0


def test_a_kill_between_database_commit_and_offset_commit_leaves_identical_tables(story: Story) -> None:
    assert story.in_the_end.tables == story.after_the_second_death.tables


def test_a_kill_between_database_commit_and_offset_commit_leaves_an_identical_ledger(story: Story) -> None:
    assert story.in_the_end.ledger == story.after_the_second_death.ledger


def test_the_records_that_come_again_are_all_known(story: Story) -> None:
    assert story.duplicates == len(BODIES)


def test_after_all_the_tables_are_what_the_webhooks_say(story: Story) -> None:
    assert story.in_the_end.tables == expected_tables(story.settings, len(BODIES))


def test_after_all_every_offset_is_committed(story: Story) -> None:
    assert story.in_the_end.offset == len(BODIES)


def test_a_crash_makes_no_dead_letters(story: Story) -> None:
    assert is_empty(story.settings, "dead-letter")
