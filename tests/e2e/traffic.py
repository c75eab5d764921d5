"""Traffic for whole deployments: simulated webhooks, and what the tables must be after them."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from consumer.common.settings import Settings
from consumer.traffic import Kind, Truth, period
from tests.records import Record, header, read_until
from tests.reference import Delivery, Row, reference
from tests.sender import Sender

FAMILIES = ("certificates", "definitions")
APPLICABLE = {Kind.EVENT, Kind.LATE, Kind.ANOMALY, Kind.DUPLICATE, Kind.RESEND}


def simulated(count: int, seed: int = 1) -> list[bytes]:
    """Give webhooks that a worker can apply: purchases, payments, definitions; late, shuffled, resent, repeated."""
    webhooks = period(Truth(), seed=seed, start=datetime(2026, 3, 1, tzinfo=UTC), count=2 * count)
    return [webhook.body for webhook in islice((one for one in webhooks if one.kind in APPLICABLE), count)]


def post(sender: Sender, bodies: Iterable[bytes]) -> None:
    for body in bodies:
        answer = sender.post(body)
        assert answer.status == 200, answer


def distinct_attempts(bodies: Iterable[bytes]) -> int:
    webhooks = map(json.loads, bodies)
    return len({(webhook["attemptId"], webhook["livemode"]) for webhook in webhooks})


def expected_tables(settings: Settings, count: int) -> dict[str, list[Row]]:
    """Say what the tables must be after the ``count`` records of the topics, by the reference model."""
    records = read_until(settings, FAMILIES, lambda read: len(read) == count, f"{count} records")
    return reference([_delivery(record) for record in records])


def _delivery(record: Record) -> Delivery:
    body: dict[str, Any] = json.loads(record.value)
    return Delivery(body, datetime.fromisoformat(header(record, "received-at") or ""))
