"""`python -m tests.bench.reporting_size`: what the reports cost at size, against one sequential scan.

Generates certificates and five events of each in SQL, then times every report and, in the same run and with the
same settings, a sequential scan of the table that it summarises. The write path is measured too: COPY into the
history with and without the index that the reports asked for. One process, no parallel workers, so that a busy
machine disturbs both sides alike.
"""

import argparse
import asyncio
import statistics
import time
from typing import NamedTuple

import asyncpg

from consumer.database import Connection
from consumer.migrate import migrate
from consumer.settings import load
from deploy.local.stack import Stack

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
        "liability_as_of, as known then",
        "SELECT * FROM reporting.liability_as_of('2025-07-01', '2025-07-05')",
        "certificate_history",
        5,
    ),
    Question(
        "liability_rollforward_monthly, a month",
        "SELECT * FROM reporting.liability_rollforward_monthly WHERE month = '2025-09-01'",
        "certificate_history",
        5,
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
    4000000 + 1000000 * (n % 2), 5000000, 'Definition ' || n, '', 'account'
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
    newest.transaction_id, newest.status, 'customer-' || hashtext(newest.certificate_id) % 100000,
    newest.user_id, newest.shift_id, newest.station_id, newest.station_name, newest.station_time_zone,
    newest.station_currency_code,
    -- About as long as what the sender sends.
    jsonb_build_object('_id', newest.certificate_id, 'balance', newest.balance, 'rest', repeat(md5(event_id), 30))
FROM giftcert.certificate_history AS newest
WHERE newest.transactions_paid = 4
-- A certificate stays where its purchase was written.
ORDER BY newest.certificate_id
"""


async def main(url: str, certificates: int) -> None:
    """Generate, measure, print."""
    await migrate(load({"DATABASE_URL": url}))
    connection = await asyncpg.connect(url)
    try:
        print(await connection.fetchval("SELECT version()"))  # noqa: T201
        print(f"{certificates:,} certificates, {5 * certificates:,} history rows\n")  # noqa: T201
        await generate(connection, certificates)
        await connection.execute("SET max_parallel_workers_per_gather = 0")
        await connection.execute("SET jit = off")
        await reading(connection)
        await writing(connection, rows=min(200_000, certificates))
    finally:
        await connection.close()


async def generate(connection: Connection, certificates: int) -> None:
    """Fill the tables, and let vacuum do what it does after such a load."""
    await connection.execute("SET work_mem = '512MB'")
    await connection.execute(DEFINITIONS)
    await connection.execute(f"PREPARE history(integer) AS {HISTORY}")
    await connection.execute(f"EXECUTE history({certificates})")
    await connection.execute(CERTIFICATES)
    await connection.execute("RESET work_mem")
    await connection.execute("VACUUM ANALYZE giftcert.certificate, giftcert.certificate_history, giftcert.definition")


async def reading(connection: Connection) -> None:
    """Print how long each report takes, as a multiple of a scan that runs right before it."""
    example = await connection.fetchval("SELECT certificate_id FROM giftcert.certificate WHERE livemode LIMIT 1")
    print(f"{'report':40} {'seconds':>8} {'scan':>8} {'ratio':>7} {'limit':>6}")  # noqa: T201
    for question in QUESTIONS:
        scan = min([await seconds(connection, SCANS[question.table]) for _ in range(2)])
        arguments = [example] if "$1" in question.sql else []
        taken = min([await seconds(connection, question.sql, *arguments) for _ in range(2)])
        limit = f"{question.limit:g}" if question.limit else ""
        print(f"{question.name:40} {taken:8.2f} {scan:8.2f} {taken / scan:7.2f} {limit:>6}")  # noqa: T201


async def writing(connection: Connection, rows: int, rounds: int = 5) -> None:
    """Print what the reports' index costs a COPY into the history."""
    await connection.execute(
        "CREATE TABLE with_index (LIKE giftcert.certificate_history INCLUDING ALL);"
        "CREATE TABLE without_index (LIKE giftcert.certificate_history INCLUDING DEFAULTS INCLUDING INDEXES)"
    )
    index = await connection.fetchval(
        "SELECT indexrelid::regclass::text FROM pg_index"
        " WHERE indrelid = 'without_index'::regclass AND indpred IS NOT NULL"
    )
    await connection.execute(f"DROP INDEX {index}")
    records = [tuple(row) for row in await connection.fetch(f"TABLE giftcert.certificate_history LIMIT {rows}")]
    taken: dict[str, list[float]] = {"with_index": [], "without_index": []}
    for number in range(2 * rounds):
        table = ("with_index", "without_index")[number % 2]
        await connection.execute(f"TRUNCATE {table}")
        started = time.perf_counter()
        await connection.copy_records_to_table(table, records=records)
        taken[table].append(time.perf_counter() - started)
    await connection.execute("DROP TABLE with_index, without_index")
    with_index, without_index = (statistics.median(times) for times in taken.values())
    print(  # noqa: T201
        f"\nCOPY of {rows:,} history rows: {without_index:.2f} s without the reports' index, "
        f"{with_index:.2f} s with it: {100 * (with_index / without_index - 1):+.0f} %"
    )


async def seconds(connection: Connection, sql: str, *arguments: object) -> float:
    """Time a query to its last row."""
    started = time.perf_counter()
    await connection.fetch(sql, *arguments)
    return time.perf_counter() - started


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificates", type=int, default=1_000_000)
    parser.add_argument("--database-url", help="an empty database; without it one is started")
    options = parser.parse_args()
    if options.database_url:
        asyncio.run(main(options.database_url, options.certificates))
    else:
        with Stack(broker="embedded", durable=False) as stack:
            asyncio.run(main(stack.postgres.url(), options.certificates))
