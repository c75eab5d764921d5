"""Sizes: how much is measured, for figures and for a smoke test."""

from typing import NamedTuple


class Sizes(NamedTuple):
    """How large and how often; the smoke test is judged on running only."""

    rounds: int
    # Of the workload: 4 events a certificate.
    events: int
    # Ingress: connections, and seconds of load a round.
    connections: int
    seconds: float
    # Latency: probes, each of a webhook of its own.
    probes: int
    # Growth: what the database holds already, and events by which the rate is measured; backlogs whose memory is.
    ledger: int
    certificates: int
    growth_events: int
    small_backlog: int
    large_backlog: int


FULL = Sizes(
    rounds=3,
    events=400_000,
    connections=64,
    seconds=8,
    probes=300,
    ledger=10_000_000,
    certificates=2_000_000,
    growth_events=200_000,
    small_backlog=100_000,
    large_backlog=1_000_000,
)
SMOKE = Sizes(
    rounds=1,
    events=4_000,
    connections=4,
    seconds=0.5,
    probes=5,
    ledger=5_000,
    certificates=1_000,
    growth_events=1_000,
    small_backlog=1_000,
    large_backlog=2_000,
)

# What a Postgres for ten million rows is given, and everything that is measured here with it; as durable as it comes.
# The buffers hold the keys beside what is written: with 2 GB a tenth of the ledger's key left them in every drain.
POSTGRES = {"shared_buffers": "4GB", "max_wal_size": "8GB"}
