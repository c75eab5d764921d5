"""`python -m tests.bench.reporting_size`: what the reports cost at size, against one sequential scan.

Generates certificates, five events of each, and the books of both in SQL; then times every report and, in the same run,
on the same connection and with the same settings, a sequential scan of the history of events. One process, no parallel
workers, and its processor time, so that a busy machine disturbs little, and both sides alike. Prints Markdown; exit 1
if a limit was missed.
"""

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import asyncpg

from consumer.books.totals import keep_totals
from consumer.common.settings import load
from consumer.postgres.database import SCHEMA, Connection
from consumer.postgres.migrate import migrate
from consumer.worker.report_metrics import read_reports
from deploy.local.stack import Stack

SCAN = "SELECT livemode, count(*), sum(balance) FROM giftcert.certificate_history GROUP BY livemode"
# Of one period, and of everything else: scans of the history.
ONE_PERIOD, ALL_OF_HISTORY = 0.5, 3.0
LOOK_SECONDS = 2.0
DASHBOARD_SECONDS = 5.0
DASHBOARD = Path(__file__).resolve().parents[2] / "deploy/grafana/dashboards/business.json"


class Question(NamedTuple):
    """A report, how it is asked, and how many scans it may take."""

    name: str
    sql: str
    limit: float = ALL_OF_HISTORY


QUESTIONS = (
    Question("one certificate", "SELECT * FROM reporting.certificate_current WHERE certificate_id = $1", ONE_PERIOD),
    Question("its statement", "SELECT * FROM reporting.certificate_activity WHERE certificate_id = $1", ONE_PERIOD),
    Question("certificate_current", "SELECT sum(balance) FROM reporting.certificate_current"),
    Question("liability_current", "SELECT * FROM reporting.liability_current"),
    Question("customer_holdings", "SELECT sum(outstanding) FROM reporting.customer_holdings"),
    Question("liability_aging", "SELECT * FROM reporting.liability_aging"),
    Question("dormant_certificates", "SELECT sum(balance) FROM reporting.dormant_certificates"),
    Question("sales_daily", "SELECT sum(price) FROM reporting.sales_daily"),
    Question("liability_on, mid-year", "SELECT * FROM reporting.liability_on('2025-07-15')", ONE_PERIOD),
    Question("liability_as_of, mid-year", "SELECT * FROM reporting.liability_as_of('2025-07-01')"),
    Question("liability_as_of, as known then", "SELECT * FROM reporting.liability_as_of('2025-07-01', '2025-07-05')"),
    Question(
        "liability_rollforward, September",
        "SELECT * FROM reporting.liability_rollforward('2025-09-01', '2025-09-30')",
        ONE_PERIOD,
    ),
    Question(
        "liability_rollforward, the newest month",
        "SELECT * FROM reporting.liability_rollforward('2026-01-01', 'infinity')",
        ONE_PERIOD,
    ),
    Question(
        "liability_rollforward, September as known then",
        "SELECT * FROM reporting.liability_rollforward('2025-09-01', '2025-09-30', '2025-10-05')",
    ),
    Question("liability_rollforward_monthly", "SELECT * FROM reporting.liability_rollforward_monthly"),
    Question("liability_rollforward_daily", "SELECT * FROM reporting.liability_rollforward_daily"),
    Question("books_monthly", "SELECT * FROM reporting.books_monthly"),
    Question("liability_daily", "SELECT * FROM reporting.liability_daily"),
    Question("rollforward_restatements", "SELECT * FROM reporting.rollforward_restatements"),
    Question("cohort_redemption", "SELECT * FROM reporting.cohort_redemption"),
    Question("definition_performance", "SELECT * FROM reporting.definition_performance"),
    Question("interlocation_settlement", "SELECT sum(redeemed) FROM reporting.interlocation_settlement"),
    # Has no limit: see CONTRIBUTING.md.
    Question(
        "interlocation_settlement, certificates apart",
        "SELECT sum(certificates_redeemed) FROM reporting.interlocation_settlement",
        float("inf"),
    ),
    Question("data_quality_exceptions", "SELECT count(*) FROM reporting.data_quality_exceptions"),
    Question("pipeline_freshness", "SELECT * FROM reporting.pipeline_freshness"),
    Question("journal", "SELECT sum(change), sum(change_at_consideration) FROM reporting.journal"),
)

DEFINITIONS = """
INSERT INTO giftcert.definition
    (definition_id, livemode, occurred_at, emitted_at, kind, event_id, price, value, name, currency_code, account_id)
SELECT
    lpad(to_hex(n), 24, 'd'), true, '2024-12-01', '2024-12-01', 'created', 'definition-' || n,
    4000000 + 1000000 * (n % 2), 5000000, 'Definition ' || n, NULL, 'account'
FROM generate_series(1, 128) AS n
"""
HISTORY = """
INSERT INTO giftcert.certificate_history (
    occurred_at, emitted_at, received_at, attempt_received_at, applied_at, balance, price, total, transactions_paid,
    kind, outcome, livemode, deleted, certificate_id, event_id, account_id, definition_id, transaction_id, status,
    user_id, shift_id, station_id, station_name, station_time_zone, station_currency_code,
    kafka_offset, kafka_partition, kafka_topic, attempt_id, attempt_key
)
SELECT
    at, at, booked_at, booked_at, booked_at, 5000000 - k * 1000000, 4000000 + 1000000 * (n % 2), 5000000, k,
    CASE k WHEN 0 THEN 'created' ELSE 'updated' END::giftcert.event_kind, 'applied', n % 50 > 0, false,
    lpad(to_hex(1735689600 + n), 8, '0') || substr(md5(n::text), 1, 16), md5(n || '-' || k)::uuid::text,
    'account', lpad(to_hex(1 + n % 128), 24, 'd'), md5('transaction' || n), 'paid',
    md5('user' || station), md5('shift' || station),
    'station-' || station, 'Station ' || station,
    (ARRAY['America/Toronto', 'America/Vancouver', 'America/Tijuana', 'America/New_York'])[1 + station % 4],
    (ARRAY['CAD', 'CAD', 'MXN', 'USD'])[1 + n % 4],
    n * 5 + k, n % 12, 'giftcert.certificates', md5('attempt' || n || '-' || k)::uuid::text,
    substring(sha256(convert_to('t' || n || '-' || k, 'UTF8')) FOR 16)
FROM generate_series(1, $1::integer) AS n
CROSS JOIN generate_series(0, 4) AS k
CROSS JOIN LATERAL (
    SELECT
        timestamptz '2025-12-31' - $2 * interval '364 days' + n * ($2 * interval '364 days' / $1)
            + k * interval '7 days' + abs(hashint8(n * 31 + k) % 518400) * interval '1 second' AS at,
        4 * abs(hashint8(n * 13 + k) % 16) + n % 4 AS station
) AS chance
CROSS JOIN LATERAL (
    SELECT
        at + CASE WHEN hashint8(n * 7 + k) % 500 = 0 THEN interval '40 days' ELSE interval '2 seconds' END AS booked_at
) AS booked
ORDER BY booked_at
"""
# The journal as the worker would have appended it, in the order of its booking.
JOURNAL = """
INSERT INTO giftcert.journal (
    booked_at, effective_at, change, change_at_consideration, balance, local_day, posting_day, purchase_day, period,
    movement, entry, livemode, is_inferred, certificate_id, event_id, caused_by, account_id, definition_id, currency,
    issuing_station_id, station_id
)
SELECT
    event.received_at, event.occurred_at, change.units, change.units * (event.price / 1000000) / 5, event.balance,
    day.local, day.local, (purchase.occurred_at AT TIME ZONE purchase.station_time_zone)::date,
    date_trunc('month', day.local::timestamp), change.movement, 1, event.livemode, false,
    event.certificate_id, event.event_id, event.event_id, event.account_id, event.definition_id,
    event.station_currency_code, purchase.station_id, event.station_id
FROM giftcert.certificate_history AS event
JOIN giftcert.certificate_history AS purchase
    ON purchase.certificate_id = event.certificate_id AND purchase.kind = 'created'
CROSS JOIN LATERAL (SELECT (event.occurred_at AT TIME ZONE event.station_time_zone)::date AS local) AS day
CROSS JOIN LATERAL (
    VALUES (
        CASE event.kind WHEN 'created' THEN 5000000 ELSE -1000000 END,
        CASE event.kind WHEN 'created' THEN 'issued' ELSE 'redeemed' END::giftcert.movement
    )
) AS change (units, movement)
ORDER BY event.received_at
"""
CERTIFICATES = """
INSERT INTO giftcert.certificate (
    occurred_at, emitted_at, created_at, purchased_at, began_at, effective_at, balance, consideration, price, total,
    face_value, purchase_price, purchase_total, posting_day, purchase_day, transactions_paid,
    purchase_transactions_paid, events, kind, livemode, deleted, has_been_deleted, purchase_deleted,
    certificate_id, event_id, purchase_event_id,
    account_id, definition_id, currency, transaction_id, status, customer_number, station_id, station_name, time_zone,
    issuing_station_id, issuing_station_name, issuing_time_zone
)
SELECT
    newest.occurred_at, newest.emitted_at, purchase.occurred_at, purchase.occurred_at, purchase.occurred_at,
    newest.occurred_at, newest.balance, newest.balance * (newest.price / 1000000) / 5, newest.price, newest.total,
    purchase.balance, purchase.price, purchase.total, (newest.occurred_at AT TIME ZONE newest.station_time_zone)::date,
    (purchase.occurred_at AT TIME ZONE purchase.station_time_zone)::date, newest.transactions_paid, 0, 5, newest.kind,
    newest.livemode, false, false, false, newest.certificate_id, newest.event_id, purchase.event_id, newest.account_id,
    newest.definition_id, newest.station_currency_code, newest.transaction_id, newest.status,
    -- Seven of ten have one, as the simulator's.
    CASE WHEN hashtext(newest.event_id) % 10 BETWEEN -6 AND 6
        THEN 100000 + abs(hashtext(newest.certificate_id) % 100000) END,
    newest.station_id, newest.station_name, newest.station_time_zone,
    purchase.station_id, purchase.station_name, purchase.station_time_zone
FROM giftcert.certificate_history AS newest
JOIN giftcert.certificate_history AS purchase
    ON purchase.certificate_id = newest.certificate_id AND purchase.kind = 'created'
WHERE newest.transactions_paid = 4
-- A certificate stays where its purchase was written.
ORDER BY newest.certificate_id
"""


async def main(url: str, certificates: int, years: int) -> bool:
    """Generate, measure, print; say whether all limits were kept."""
    await migrate(load({"DATABASE_URL": url}))
    connection = await asyncpg.connect(url, server_settings={"search_path": SCHEMA})
    try:
        await heading(connection, certificates)
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM giftcert.certificate)"):
            await generate(connection, certificates, years)
        await connection.execute("SET max_parallel_workers_per_gather = 0")
        # As deploy/postgres/users.sql sets them for who reads.
        await connection.execute("SET jit = off")
        await connection.execute("SET work_mem = '64MB'")
        missed = [*await reading(connection), *await looking(connection)]
        say("", f"Missed: {', '.join(missed)}." if missed else "All limits were kept.")
        return not missed
    finally:
        await connection.close()


async def heading(connection: Connection, certificates: int) -> None:
    """Print what was measured, when, and on what."""
    server = str(await connection.fetchval("SHOW server_version")).split()[0]
    say(
        "# What the reports cost at size",
        "",
        f"{certificates:,} certificates, {5 * certificates:,} events, {5 * certificates:,} lines. PostgreSQL {server}, "
        f"Python {platform.python_version()}, commit {commit()}, {datetime.now(UTC):%Y-%m-%d}.",
        "Printed by `python -m tests.bench.reporting_size`. A scan is one sequential scan of `certificate_history`, in",
        "the same settings; both are the better of two runs. Seconds are processor time of the server, without",
        "parallel workers.",
        "",
    )


def commit() -> str:
    return subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True).strip()  # noqa: S607


async def generate(connection: Connection, certificates: int, years: int) -> None:
    """Fill the tables as in so many years, keep the totals, and let vacuum do what it does after such a load."""
    await connection.execute("SET work_mem = '512MB'")
    await connection.execute(DEFINITIONS)
    await connection.execute(f"PREPARE history(integer, integer) AS {HISTORY}")
    await connection.execute(f"EXECUTE history({certificates}, {years})")
    await connection.execute(JOURNAL)
    await connection.execute(CERTIFICATES)
    await connection.execute("RESET work_mem")
    await keep_totals(connection)
    await connection.execute("VACUUM ANALYZE")


async def reading(connection: Connection) -> list[str]:
    """Print how long each report takes, as a multiple of a scan that runs beside it; give those over their limit."""
    example = await connection.fetchval("SELECT certificate_id FROM giftcert.certificate WHERE livemode LIMIT 1")
    say("| report | seconds | scan | ratio | limit | |", "|---|---:|---:|---:|---:|---|")
    missed = []
    for question in QUESTIONS:
        arguments = [example] if "$1" in question.sql else []
        scans, takes = [], []
        for _ in range(2):
            scans.append(await seconds(connection, SCAN))
            takes.append(await seconds(connection, question.sql, *arguments))
        ratio = min(takes) / min(scans)
        limit = "" if question.limit == float("inf") else question.limit
        verdict = "kept" if ratio <= question.limit else "missed"
        if verdict == "missed":
            missed.append(question.name)
        say(f"| {question.name} | {min(takes):.2f} | {min(scans):.2f} | {ratio:.2f} | {limit} | {verdict} |")
    return missed


async def looking(connection: Connection) -> list[str]:
    """Print how long the worker's look and one refresh of the business dashboard take; give what took too long."""
    started = spent(connection)
    await read_reports(connection)
    look = spent(connection) - started
    refresh = sum([await seconds(connection, sql) for sql in dashboard()])
    say(
        "",
        f"The worker's look at the reports: {look:.2f} s (limit {LOOK_SECONDS:.0f} s). One refresh of the business "
        f"dashboard, its queries one after the other: {refresh:.2f} s (limit {DASHBOARD_SECONDS:.0f} s).",
    )
    return ["the look"] * (look > LOOK_SECONDS) + ["the dashboard"] * (refresh > DASHBOARD_SECONDS)


def dashboard() -> list[str]:
    """Give the queries of the business dashboard, as Grafana asks them of its last 90 days in all currencies."""
    content = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    queries = [variable["query"] for variable in content["templating"]["list"]]
    queries += [
        target["rawSql"]
        for panel in content["panels"]
        for target in panel.get("targets", ())
        if "rawSql" in target  # what another panel has asked is not asked again
    ]
    named = {
        "${currency:sqlstring}": "'CAD','MXN','USD'",
        "$__timeFrom()": "'2025-11-01'",
        "$__timeTo()": "'2026-01-31'",
    }
    for variable, value in named.items():
        queries = [query.replace(variable, value) for query in queries]
    return queries


async def seconds(connection: Connection, sql: str, *arguments: object) -> float:
    """Time a query to its last row."""
    started = spent(connection)
    await connection.fetch(sql, *arguments)
    return spent(connection) - started


def spent(connection: Connection) -> float:
    """Give the processor time of a session, which a busy machine hardly lengthens; elsewhere, the clock."""
    try:
        ticks = Path(f"/proc/{connection.get_server_pid()}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except FileNotFoundError:
        return time.perf_counter()
    return (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")


def say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)  # noqa: T201


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificates", type=int, default=1_000_000)
    parser.add_argument("--years", type=int, default=1, help="in which they were sold, up to the end of 2025")
    parser.add_argument("--database-url", help="an empty database, or one filled before; without it one is started")
    options = parser.parse_args()
    if options.database_url:
        kept = asyncio.run(main(options.database_url, options.certificates, options.years))
    else:
        # In a folder of its own, which is on a disk: a temporary stack's would be in memory.
        with TemporaryDirectory() as folder, Stack(Path(folder), broker="embedded", durable=False) as stack:
            kept = asyncio.run(main(stack.postgres.url(), options.certificates, options.years))
    sys.exit(0 if kept else 1)
