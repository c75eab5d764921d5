"""`python -m tests.bench.reporting_size`: what the reports cost at size, against one sequential scan.

Generates certificates and five events of each in SQL, then times every report and, in the same run, on the same
connection and with the same settings, a sequential scan of the table that it summarises. The write path is measured
too: decoding and applying, with and without the digest that the reports keep of each certificate. One process, no
parallel workers, so that a busy machine disturbs both sides alike. Prints Markdown; exit 1 if a limit was missed.
"""

import argparse
import asyncio
import platform
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import asyncpg

from consumer.common.settings import load
from consumer.postgres import reporting
from consumer.postgres.database import SCHEMA, Connection, create_staging
from consumer.postgres.migrate import migrate
from consumer.worker.apply import apply
from consumer.worker.decode import decode
from deploy.local.stack import Stack
from tests.bench.baselines import as_record
from tests.bench.workload import Workload

BATCH = 2_000
WRITE_LIMIT = 15

SCANS = {
    "certificate": "SELECT livemode, count(*), sum(balance) FROM giftcert.certificate GROUP BY livemode",
    "certificate_history": """
        SELECT livemode, count(*), sum(balance) FROM giftcert.certificate_history GROUP BY livemode
    """,
}


class Question(NamedTuple):
    """A report, how it is asked, the table that it summarises, and how many scans of that it may take."""

    name: str
    sql: str
    table: str
    limit: float | None = None


QUESTIONS = (
    Question("one certificate", "SELECT * FROM reporting.certificate_current WHERE certificate_id = $1", "certificate"),
    Question("its statement", "SELECT * FROM reporting.certificate_activity WHERE certificate_id = $1", "certificate"),
    Question("certificate_current", "SELECT sum(balance) FROM reporting.certificate_current", "certificate", 3),
    Question("liability_current", "SELECT * FROM reporting.liability_current", "certificate", 3),
    Question("customer_holdings", "SELECT sum(outstanding) FROM reporting.customer_holdings", "certificate", 3),
    Question("liability_aging", "SELECT * FROM reporting.liability_aging", "certificate", 5),
    Question("dormant_certificates", "SELECT sum(balance) FROM reporting.dormant_certificates", "certificate", 5),
    Question("sales_daily", "SELECT sum(price) FROM reporting.sales_daily", "certificate_history", 5),
    Question(
        "liability_as_of, mid-year", "SELECT * FROM reporting.liability_as_of('2025-07-01')", "certificate_history", 5
    ),
    Question(
        "liability_as_of, a year later",
        "SELECT * FROM reporting.liability_as_of('2026-07-01')",
        "certificate_history",
        5,
    ),
    Question(
        "liability_as_of, as known then",
        "SELECT * FROM reporting.liability_as_of('2025-07-01', '2025-07-05')",
        "certificate_history",
        5,
    ),
    Question(
        "liability_rollforward, September",
        "SELECT * FROM reporting.liability_rollforward('2025-09-01', '2025-09-30')",
        "certificate_history",
        5,
    ),
    Question(
        "liability_rollforward, December",
        "SELECT * FROM reporting.liability_rollforward('2025-12-01', '2025-12-31')",
        "certificate_history",
        5,
    ),
    Question(
        "liability_rollforward_monthly, all months",
        "SELECT sum(closing) FROM reporting.liability_rollforward_monthly",
        "certificate_history",
    ),
    Question("liability_daily", "SELECT sum(outstanding) FROM reporting.liability_daily", "certificate_history"),
    Question(
        "rollforward_restatements", "SELECT sum(change) FROM reporting.rollforward_restatements", "certificate_history"
    ),
    Question("cohort_redemption", "SELECT sum(redeemed) FROM reporting.cohort_redemption", "certificate_history"),
    Question("definition_performance", "SELECT * FROM reporting.definition_performance", "certificate_history"),
    Question(
        "interlocation_settlement",
        "SELECT sum(redeemed) FROM reporting.interlocation_settlement",
        "certificate_history",
    ),
    Question(
        "data_quality_exceptions", "SELECT count(*) FROM reporting.data_quality_exceptions", "certificate_history"
    ),
)

DEFINITIONS = """
INSERT INTO giftcert.definition
    (definition_id, livemode, occurred_at, emitted_at, kind, event_id, price, value, name, currency_code, account_id)
SELECT
    lpad(to_hex(n), 24, 'd'), true, '2024-12-01', '2024-12-01', 'created', 'definition-' || n,
    4000000 + 1000000 * (n % 2), 5000000, 'Definition ' || n, NULL, 'account'
FROM generate_series(1, 200) AS n
"""
HISTORY = """
INSERT INTO giftcert.certificate_history (
    occurred_at, emitted_at, received_at, balance, price, total, transactions_paid, kind, livemode, deleted,
    certificate_id, event_id, transaction_id, status, user_id, shift_id,
    station_id, station_name, station_time_zone, station_currency_code
)
SELECT
    at, at, at + CASE WHEN hashint8(n * 7 + k) % 500 = 0 THEN interval '40 days' ELSE interval '2 seconds' END,
    5000000 - k * 1000000, 4000000 + 1000000 * ((1 + n % 200) % 2), 5000000, k,
    CASE k WHEN 0 THEN 'created' ELSE 'updated' END::giftcert.event_kind, n % 50 > 0, false,
    lpad(to_hex(1735689600 + n), 8, '0') || substr(md5(n::text), 1, 16), md5(n || '-' || k)::uuid::text,
    md5('transaction' || n), 'paid', md5('user' || station), md5('shift' || station),
    'station-' || station, 'Station ' || station,
    (ARRAY['America/Toronto', 'America/Vancouver', 'America/Tijuana', 'America/New_York'])[1 + station % 4],
    (ARRAY['CAD', 'CAD', 'MXN', 'USD'])[1 + n % 4]
FROM generate_series(1, $1::integer) AS n
CROSS JOIN generate_series(0, 4) AS k
CROSS JOIN LATERAL (
    SELECT
        timestamptz '2025-01-01' + n * (interval '364 days' / $1) + k * interval '7 days'
            + abs(hashint8(n * 31 + k) % 518400) * interval '1 second' AS at,
        4 * abs(hashint8(n * 13 + k) % 16) + n % 4 AS station
) AS chance
ORDER BY at
"""
CERTIFICATES = """
INSERT INTO giftcert.certificate (
    occurred_at, emitted_at, created_at, balance, price, total, transactions_paid, kind, livemode, deleted,
    certificate_id, event_id, definition_id, account_id, transaction_id, status, customer_number, user_id, shift_id,
    station_id, station_name, station_time_zone, station_currency_code, data
)
SELECT
    newest.occurred_at, newest.emitted_at, newest.occurred_at - interval '28 days', newest.balance, newest.price,
    newest.total, newest.transactions_paid, newest.kind, newest.livemode, newest.deleted, newest.certificate_id,
    newest.event_id, lpad(to_hex(1 + hashtext(newest.certificate_id) & 127), 24, 'd'), 'account',
    newest.transaction_id, newest.status,
    -- Seven of ten have one, as the simulator's.
    CASE WHEN hashtext(newest.event_id) % 10 BETWEEN -6 AND 6
        THEN 100000 + abs(hashtext(newest.certificate_id) % 100000) END,
    newest.user_id, newest.shift_id, newest.station_id, newest.station_name, newest.station_time_zone,
    newest.station_currency_code,
    -- About as long as what the sender sends.
    jsonb_build_object('_id', newest.certificate_id, 'balance', newest.balance, 'rest', repeat(md5(event_id), 30))
FROM giftcert.certificate_history AS newest
WHERE newest.transactions_paid = 4
-- A certificate stays where its purchase was written.
ORDER BY newest.certificate_id
"""


async def main(url: str, certificates: int) -> bool:
    """Generate, measure, print; say whether all limits were kept."""
    await migrate(load({"DATABASE_URL": url}))
    connection = await asyncpg.connect(url, server_settings={"search_path": SCHEMA})
    try:
        await heading(connection, certificates)
        await generate(connection, certificates)
        await connection.execute("SET max_parallel_workers_per_gather = 0")
        await connection.execute("SET jit = off")
        missed = await reading(connection)
        missed += await writing(connection, certificates=min(8_000, certificates))
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
        f"{certificates:,} certificates, {5 * certificates:,} rows of history. PostgreSQL {server}, "
        f"Python {platform.python_version()}, commit {commit()}, {datetime.now(UTC):%Y-%m-%d}.",
        "Printed by `python -m tests.bench.reporting_size`. A scan is one sequential scan, in the same settings, of",
        "the table that the report summarises; both are the better of two runs where there is a limit.",
        "",
    )


def commit() -> str:
    return subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True).strip()  # noqa: S607


async def generate(connection: Connection, certificates: int) -> None:
    """Fill the tables, and let vacuum do what it does after such a load."""
    await connection.execute("SET work_mem = '512MB'")
    # Digests are made at the end, as after a rebuild: the history is written before its certificates here.
    for table in ("certificate", "certificate_history"):
        await connection.execute(f"DROP TRIGGER digest_insert ON {table}")
    await connection.execute(DEFINITIONS)
    await connection.execute(f"PREPARE history(integer) AS {HISTORY}")
    await connection.execute(f"EXECUTE history({certificates})")
    await connection.execute(CERTIFICATES)
    await reporting.install(connection)
    await connection.execute("RESET work_mem")
    await connection.execute(
        "VACUUM ANALYZE giftcert.certificate, giftcert.certificate_history, giftcert.definition,"
        " reporting_internal.certificate_digest"
    )


async def reading(connection: Connection) -> list[str]:
    """Print how long each report takes, as a multiple of a scan that runs beside it; give those over their limit."""
    example = await connection.fetchval("SELECT certificate_id FROM giftcert.certificate WHERE livemode LIMIT 1")
    say("| report | seconds | scan of | seconds | ratio | limit | |", "|---|---:|---|---:|---:|---:|---|")
    missed = []
    for question in QUESTIONS:
        arguments = [example] if "$1" in question.sql else []
        scans, takes = [], []
        for _ in range(2 if question.limit else 1):
            scans.append(await seconds(connection, SCANS[question.table]))
            takes.append(await seconds(connection, question.sql, *arguments))
        ratio = min(takes) / min(scans)
        verdict = "" if question.limit is None else "kept" if ratio <= question.limit else "missed"
        if verdict == "missed":
            missed.append(question.name)
        say(
            f"| {question.name} | {min(takes):.2f} | {question.table} | {min(scans):.2f} | {ratio:.2f} "
            f"| {question.limit or ''} | {verdict} |"
        )
    return missed


async def writing(connection: Connection, certificates: int, rounds: int = 8) -> list[str]:
    """Print what the digest costs the worker, from an event's bytes to the commit; give it if over the limit."""
    await create_staging(connection)
    taken: dict[str, list[Taken]] = {"DISABLE": [], "ENABLE": []}
    for number in range(2 * rounds):
        change = ("DISABLE", "ENABLE")[number % 2]
        for table in ("certificate", "certificate_history"):
            await connection.execute(f"ALTER TABLE {table} {change} TRIGGER ALL")
        taken[change].append(await write(connection, Workload(4 * certificates, certificates, seed=number)))
    without, kept = (Taken(*map(statistics.median, zip(*times, strict=True))) for times in taken.values())
    cost = percent(sum(without), sum(kept))
    alone = percent(without.apply, kept.apply)
    say(
        "",
        f"The write path, from an event's bytes to the commit, in batches of {BATCH:,}, median of {rounds} rounds of "
        f"{4 * certificates:,} events: {sum(without):.1f} µs an event without the digest, {sum(kept):.1f} µs with it: "
        f"{cost:+.0f} % (limit {WRITE_LIMIT} %).",
        f"Of that the transaction alone: {without.apply:.1f} and {kept.apply:.1f} µs, {alone:+.0f} %.",
    )
    return ["the write path"] if cost > WRITE_LIMIT else []


class Taken(NamedTuple):
    """Microseconds an event."""

    decode: float
    apply: float


async def write(connection: Connection, workload: Workload) -> Taken:
    """Decode and apply a workload in batches."""
    records = [as_record(published) for published in workload]
    decoding = applying = 0.0
    for start in range(0, len(records), BATCH):
        began = time.perf_counter()
        events = [decode(record) for record in records[start : start + BATCH]]
        decoded = time.perf_counter()
        await apply(connection, events)
        decoding += decoded - began
        applying += time.perf_counter() - decoded
    return Taken(1e6 * decoding / len(records), 1e6 * applying / len(records))


def percent(without: float, kept: float) -> float:
    return 100 * (kept / without - 1)


async def seconds(connection: Connection, sql: str, *arguments: object) -> float:
    """Time a query to its last row."""
    started = time.perf_counter()
    await connection.fetch(sql, *arguments)
    return time.perf_counter() - started


def say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)  # noqa: T201


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificates", type=int, default=1_000_000)
    parser.add_argument("--database-url", help="an empty database; without it one is started")
    options = parser.parse_args()
    if options.database_url:
        kept = asyncio.run(main(options.database_url, options.certificates))
    else:
        # In a folder of its own, which is on a disk: a temporary stack's would be in memory.
        with TemporaryDirectory() as folder, Stack(Path(folder), broker="embedded", durable=False) as stack:
            kept = asyncio.run(main(stack.postgres.url(), options.certificates))
    sys.exit(0 if kept else 1)
