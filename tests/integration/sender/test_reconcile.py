"""Reconcile finds what the sender's webhooks did not tell, all of it and nothing else."""

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from itertools import islice

import pytest

from consumer.postgres.database import Pool
from consumer.traffic import Truth, Webhook, period
from consumer.traffic.api import SimulatedApi
from consumer.traffic.listed import Listed
from consumer.traffic.losses import lose
from tests.integration.sender.asking import START, applied, asked, differing, ids, listed, once, simulated

pytestmark = [pytest.mark.long, pytest.mark.once]


async def test_every_loss_of_a_year_is_found_and_nothing_else(connections: Pool, environment: dict[str, str]) -> None:
    webhooks, truth = simulated(6_000)
    arriving, lost = lose(webhooks, 200, seed=1)
    assert len(lost) == 200
    await applied(connections, arriving)

    async with asked(SimulatedApi(listed(truth)), environment) as settings:
        summary = await once(settings)

    assert summary.failures == 0
    assert await differing(connections) == ids(lost)
    await says_what_is_true(connections, truth, lost)
    await covers_what_is_true(connections, truth)


async def test_there_is_no_false_alarm_while_webhooks_keep_coming(
    connections: Pool, environment: dict[str, str]
) -> None:
    """With each question the world goes on: what has happened is listed at once, and its webhook comes later."""
    _, lost = lose(simulated(3_000, seed=2)[0], 100, seed=2)
    truth, gone = Truth(listed=Listed()), {one.body for one in lost}
    year = period(truth, seed=2, start=START, count=3_000, length=timedelta(days=365))
    coming = (webhook for webhook in year if webhook.body not in gone)

    async def world_goes_on(webhooks: int = 60) -> None:
        await applied(connections, islice(coming, webhooks))

    await world_goes_on(1_000)
    api = SimulatedApi(listed(truth))
    api.meanwhile = world_goes_on
    async with asked(api, environment, RECONCILE_SETTLE_SECONDS="0.01") as settings:
        for _ in range(2):
            await once(settings)
            assert await differing(connections) <= ids(lost)
        await applied(connections, coming)
        await once(settings)

    assert await differing(connections) == ids(lost)


async def says_what_is_true(connections: Pool, truth: Truth, lost: list[Webhook]) -> None:
    rows = await connections.fetch("SELECT * FROM reporting.reconciliation")
    assert len(rows) == len(lost)
    for row in rows:
        assert row["there"] * 100_000 == truth.certificates[row["entity_id"], True].balance
        assert (row["here"] is None) == (row["verdict"] == "missing_here")
    exceptions = await connections.fetch(
        "SELECT * FROM reporting.data_quality_exceptions WHERE rule = 'sender_differs'"
    )
    assert {row["entity_id"] for row in exceptions} == ids(lost)


async def covers_what_is_true(connections: Pool, truth: Truth) -> None:
    """Compare the coverage with what the simulator knows of the certificates that we have."""
    rows = await connections.fetch("SELECT * FROM reporting.reconciliation_coverage")
    ours = await connections.fetch(
        "SELECT certificate_id, account_id, currency, customer_number, balance FROM certificate WHERE livemode"
    )
    confirmed: defaultdict[tuple[str, str], int] = defaultdict(int)
    unnamed: defaultdict[tuple[str, str], int] = defaultdict(int)
    for row in ours:
        key = row["account_id"], row["currency"]
        if row["customer_number"] is None:
            unnamed[key] += row["balance"]
        elif row["balance"] == truth.certificates[row["certificate_id"], True].balance:
            confirmed[key] += row["balance"]
    assert {(row["account_id"], row["currency"]): row["confirmed_7_days"] for row in rows} == {
        (row["account_id"], row["currency"]): Decimal(confirmed[row["account_id"], row["currency"]]) / 100_000
        for row in rows
    }
    for row in rows:
        key = row["account_id"], row["currency"]
        assert row["confirmed_1_day"] == row["confirmed_30_days"] == row["confirmed_7_days"]
        assert row["without_customer_number"] * 100_000 == unnamed[key]
        assert row["outstanding"] == (
            row["confirmed_7_days"] + row["differing"] + row["without_customer_number"] + row["not_paid"]
        )
    assert sum(confirmed.values()) > 0
