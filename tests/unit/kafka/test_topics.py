"""Topics: who is asked about them."""

from typing import Any

import pytest

from consumer.kafka import topics


class Cluster:
    """A client's view of a cluster that names its broker after so many looks at it."""

    def __init__(self, looks: float) -> None:
        self.cluster = self
        self.looks = looks

    def brokers(self) -> set[str]:
        return set() if self.looks > 0 else {"the broker"}

    async def force_metadata_update(self) -> None:
        self.looks -= 1


async def named(cluster: Any) -> None:
    await topics.broker_named(cluster)


@pytest.mark.parametrize("looks", [0, 1, 3])
async def test_a_broker_that_the_cluster_does_not_name_yet_is_waited_for(
    looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics, "KNOWN_SECONDS", 1)
    cluster = Cluster(looks)
    await named(cluster)
    assert cluster.brokers()


async def test_a_broker_that_the_cluster_never_names_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(topics, "KNOWN_SECONDS", 0.01)
    cluster = Cluster(float("inf"))
    await named(cluster)
    assert not cluster.brokers()
