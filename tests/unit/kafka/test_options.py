"""What the clients are asked for that a test with one broker cannot see."""

import pytest

from consumer.common.settings import load
from consumer.kafka.options import consumer_options, producer_options


@pytest.mark.parametrize("idempotence", ["true", "false"])
def test_an_acknowledgement_is_that_of_all_in_sync_replicas(idempotence: str) -> None:
    options = producer_options(load({"KAFKA_ENABLE_IDEMPOTENCE": idempotence}))

    assert (options["acks"], options["enable_idempotence"]) == ("all", idempotence == "true")


def test_a_worker_begins_at_the_beginning_and_nobody_commits_for_it() -> None:
    options = consumer_options(load({}))

    assert (options["auto_offset_reset"], options["enable_auto_commit"]) == ("earliest", False)
