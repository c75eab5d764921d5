"""What the reports say of themselves reaches the metrics, and only from the worker whose turn it is."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest
from prometheus_client import REGISTRY

from consumer.common import metrics
from consumer.common.bounds import running
from consumer.common.settings import load
from consumer.postgres.database import Pool, pool
from consumer.worker.report_metrics import read_reports, watch_reports
from deploy.local.stack import Stack
from tests.builders import bought, event, paid_with
from tests.databases import unguarded
from tests.pipeline import until


def metric(name: str) -> dict[str, float]:
    """Give a metric's samples by the value of its only label."""
    return {
        next(iter(sample.labels.values())): sample.value
        for family in REGISTRY.collect()
        if family.name == name
        for sample in family.samples
    }


@pytest.fixture(autouse=True)
def nothing_shown() -> None:
    metrics.rollforward_difference.clear()
    metrics.data_quality_exceptions.clear()


@pytest.fixture
async def books(connections: Pool) -> None:
    """Load a certificate in CAD whose balance once rose."""
    from consumer.apply.apply import apply  # noqa: PLC0415

    station = {"stationId": "s", "name": "Station", "timeZone": "America/Toronto", "primaryCurrencyCode": "CAD"}
    bodies = [
        bought(5_000_000, shiftLocation=station),
        paid_with(2_000_000, updated=10, shiftLocation=station),
        paid_with(3_000_000, updated=20, shiftLocation=station),
    ]
    async with connections.acquire() as connection:
        await apply(connection, [event(body) for body in bodies])


async def shown() -> bool:
    return bool(metric("giftcert_rollforward_difference"))


@pytest.fixture
def writer_url(stack: Stack, database_url: str) -> Iterator[str]:
    stack.postgres.execute("CREATE USER figures_worker PASSWORD 'x' IN ROLE giftledger_writer", database="postgres")
    yield stack.postgres.url(database_url.rpartition("/")[2], user="figures_worker", password="x")
    stack.postgres.execute("DROP USER figures_worker", database="postgres")


@pytest.mark.usefixtures("books")
async def test_a_worker_may_read_the_figures_and_they_become_metrics(writer_url: str) -> None:
    async with pool(load({"DATABASE_URL": writer_url}), size=1) as connections, connections.acquire() as connection:
        await read_reports(connection)
    assert metric("giftcert_rollforward_difference") == {"CAD": 0}
    assert metric("giftcert_data_quality_exceptions")["balance_rose"] == 1


@pytest.mark.parametrize(
    ("closed", "is_old"),
    [({}, False), ({"a": "1 month"}, False), ({"a": "4 months", "": "1 month"}, True)],
)
async def test_the_age_of_the_oldest_open_month_is_that_of_accounts_that_close(
    connections: Pool,
    closed: dict[str, str],
    is_old: bool,  # noqa: FBT001
) -> None:
    """Who closed the month four months ago has three that are over; who closed the last one has none."""
    for account, ago in closed.items():
        await unguarded(
            connections,
            "INSERT INTO closed_period SELECT nullif($1, ''), date_trunc('month', now() - $2::text::interval)",
            account,
            ago,
        )
    async with connections.acquire() as connection:
        await read_reports(connection)

    (days,) = [
        family.samples[0].value for family in REGISTRY.collect() if family.name == "giftcert_open_period_age_days"
    ]
    assert (days > 55) if is_old else (days == 0)


async def test_what_is_no_currency_code_is_none_and_shares_one_label_where_an_earlier_version_took_it(
    connections: Pool,
) -> None:
    from consumer.apply.apply import apply  # noqa: PLC0415

    none = ["CADX", "Ω" * 60_000, "C D", "\u202eCAD", "12"]
    bodies = [bought(_id=code[:9], shiftLocation={"primaryCurrencyCode": code}) for code in ["CAD", "USD", *none]]
    bodies.append(bought(_id="none", shiftLocation=None, displayCurrency=None))
    async with connections.acquire() as connection:
        await apply(connection, [event(body) for body in bodies])
        await read_reports(connection)
        assert metric("giftcert_rollforward_difference") == {"CAD": 0, "USD": 0, "unspecified": 0}
        for code in none:
            await connection.execute("UPDATE certificate SET currency = $1 WHERE certificate_id = $2", code, code[:9])
        await read_reports(connection)
    assert metric("giftcert_rollforward_difference").keys() == {"CAD", "USD", "unspecified", "other"}


async def test_what_the_sender_says_becomes_metrics_once_somebody_asked_it(connections: Pool) -> None:
    from consumer.apply.apply import apply  # noqa: PLC0415

    station = {"primaryCurrencyCode": "CAD"}
    bodies = [bought(_id=name, customerNumber="c", shiftLocation=station) for name in "abcd"]
    async with connections.acquire() as connection:
        await apply(connection, [event(body) for body in bodies])
        await read_reports(connection)
        assert metric("giftcert_reconciliation_coverage_ratio") == metric("giftcert_reconciliation_differences") == {}
        await connection.execute("INSERT INTO reconciliation_run (livemode) VALUES (true)")
        await connection.executemany(
            "INSERT INTO reconciliation_item (looked_at, run_id, entity, livemode, entity_id, list_key, verdict,"
            " amount_here, amount_there) VALUES (now(), 1, 'certificate', true, $1, 'c', $2, $3, $4)",
            [
                ("a", "match", 5_000_000, 5_000_000),
                ("b", "balance_differs", 5_000_000, 1),
                ("c", "balance_differs", 1, 4),  # ours has moved since
                ("e", "missing_here", None, 1),
            ],
        )
        await connection.execute("INSERT INTO sender_undelivered VALUES (now(), now() - interval '1 hour', 3)")
        await read_reports(connection)
    assert metric("giftcert_reconciliation_coverage_ratio") == {"CAD": 0.25}
    assert metric("giftcert_reconciliation_differences") == {
        "balance_differs": 1,
        "missing_here": 1,
        "missing_there": 0,
        "in_flight": 0,
        "unreadable": 0,
    }
    assert REGISTRY.get_sample_value("giftcert_sender_undelivered") == 3
    assert REGISTRY.get_sample_value("giftcert_sender_undelivered_oldest_seconds") == pytest.approx(3600, abs=60)


@pytest.mark.usefixtures("books")
async def test_only_the_worker_whose_turn_it_is_shows_them(connections: Pool) -> None:
    turn = False

    async def hidden() -> bool:
        return not await shown()

    async with running(watch_reports(connections, lambda: turn, lambda: False, interval=60, turn=0.01)):
        await until(hidden, "no figures while it is another's turn")
        turn = True
        await until(shown, "figures")
        turn = False
        await until(hidden, "no figures after the turn")


@pytest.mark.usefixtures("books")
async def test_a_backlog_goes_first(connections: Pool) -> None:
    asked = 0
    backlog = True

    def is_behind() -> bool:
        nonlocal asked
        asked += 1
        return backlog

    async def asked_often() -> bool:
        return asked > 50

    async with running(watch_reports(connections, lambda: True, is_behind, interval=60, turn=0.01)):
        await until(asked_often, "questions after the backlog")
        assert not await shown()
        backlog = False
        await until(shown, "figures after the backlog")


@pytest.mark.usefixtures("books")
async def test_a_backlog_without_end_does_not_keep_them_away(connections: Pool) -> None:
    async with running(watch_reports(connections, lambda: True, lambda: True, interval=0.05, turn=0.01)):
        await until(shown, "figures in spite of the backlog")


async def test_a_database_that_is_away_does_not_end_the_worker(connections: Pool) -> None:
    async with connections.acquire() as connection:
        await connection.execute("DROP VIEW reporting.data_quality_exceptions")
        with pytest.raises(asyncpg.UndefinedTableError):
            await read_reports(connection)
    async with running(watch_reports(connections, lambda: True, lambda: False, interval=0.05, turn=0.01)) as (task,):
        await asyncio.sleep(0.3)
        assert not task.done()
        assert metric("giftcert_rollforward_difference") == {}
