"""`python -m tests.bench.closing_size`: what closing a month costs at size, and whether anybody notices.

Generates books as `reporting_size` does, beside topics whose records a worker has applied. Cuts months while webhooks
come in: every answer must be 200, and the pause of applying is what somebody waits for the closing lock meanwhile. Then
each command runs in a process of its own. DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS lead to books that were filled
before. Prints Markdown.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from consumer.books.days import month_after
from consumer.close import store
from consumer.close.findings import look_at_topics, warnings
from consumer.close.month import Period
from consumer.close.prepare import _cut, cut, look_at, prepare
from consumer.common.settings import Settings, load
from consumer.ingress.signature import sign
from consumer.postgres.database import Connection, connect, statement
from consumer.postgres.migrate import migrate
from consumer.traffic.world import ACCOUNTS
from consumer.worker.unfinished import unfinished
from deploy.local.services import Giftledger
from deploy.local.stack import Stack
from tests.bench.drain import DRAIN_SECONDS
from tests.bench.ingress import run_load
from tests.bench.load import Loaded, quantile
from tests.bench.reporting_size import SCAN, commit, generate, say
from tests.bench.sizes import POSTGRES
from tests.bench.workload import Published, Workload, fill
from tests.closing import private_key
from tests.services import commands, create_its_topics, deployment, metric, start_ingress, start_worker

BOOKS, OF_RECORDS = Period(date(2025, 12, 1), "account"), Period(date(2026, 1, 1), ACCOUNTS[0].account_id)
FIRST, MONTHS = date(2025, 8, 1), 6
RATE, CONNECTIONS, SECONDS, PAUSE_SECONDS = 100, 8, 90, 0.5


class Cost(NamedTuple):
    """What a step took: seconds by the clock, processor seconds and the most memory (MiB) of its process."""

    step: str
    seconds: float
    processor: float = float("nan")
    memory: float = float("nan")


class Signed(Workload):
    """The workload as the sender signs it."""

    secret = ""

    def __iter__(self) -> Iterator[Published]:
        for one in super().__iter__():
            signature = sign(self.secret, one.value).encode()
            yield one._replace(headers=[*one.headers, ("signature", signature)])


def main(stack: Stack, folder: Path, certificates: int, records: int) -> None:
    """Fill, cut under load, run each command, and print what all of it took."""
    with commands(stack, deployment(stack, TOPIC_PARTITIONS="6", LOG_LEVEL="warning")) as giftledger:
        settings = load(giftledger.environment)
        asyncio.run(_fill(settings, certificates))
        create_its_topics(giftledger)
        workload = Signed(records, records // 4)
        workload.secret = giftledger.secret
        asyncio.run(fill(settings, settings.topic("certificates"), workload))
        worker = start_worker(giftledger)
        applied = partial(metric, worker, "giftcert_messages_processed_total")
        worker.process.wait_until(lambda: applied() >= records, f"{records} records to be applied", DRAIN_SECONDS)
        _, sender = start_ingress(giftledger)
        loaded, pauses, costs = asyncio.run(_under_load(giftledger, sender.port))
        giftledger.stop()
        costs += _alone(giftledger, folder)
        scan = asyncio.run(_scan(settings))
    _print(loaded, pauses, costs, scan, records)


async def _fill(settings: Settings, certificates: int) -> None:
    await migrate(settings)
    connection = await connect(settings)
    try:
        await _heading(connection, certificates)
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM certificate)"):
            await generate(connection, certificates, years=1)
    finally:
        await connection.close()


async def _heading(connection: Connection, certificates: int) -> None:
    server = str(await connection.fetchval("SHOW server_version")).split()[0]
    say(
        "# What closing a month costs at size",
        "",
        f"{certificates:,} certificates, {5 * certificates:,} events. PostgreSQL {server}, commit {commit()}, "
        f"{datetime.now(UTC):%Y-%m-%d}. By `python -m tests.bench.closing_size`, by the clock of a machine of",
        f"{os.cpu_count()} cores, whose load was {os.getloadavg()[0]:.1f} when it began.",
        "",
    )


async def _scan(settings: Settings) -> float:
    """Give the seconds of one reading of all events, by one process."""
    connection = await connect(settings)
    try:
        await connection.execute("SET max_parallel_workers_per_gather = 0")
        started = time.perf_counter()
        await connection.fetch(SCAN)
        return time.perf_counter() - started
    finally:
        await connection.close()


async def _under_load(giftledger: Giftledger, port: int) -> tuple[Loaded, list[float], list[Cost]]:
    """Cut months while webhooks are posted. Raises CalledProcessError when not every webhook was accepted."""
    settings = load(giftledger.environment)
    posting = asyncio.create_task(
        asyncio.to_thread(run_load, giftledger.environment, port, CONNECTIONS, seconds=SECONDS, seed=2, rate=RATE)
    )
    waits: list[tuple[float, float]] = []
    probing = asyncio.create_task(_probe(settings, waits))
    pauses = []
    async with store.session(settings) as connection:
        costs = await _close(connection, settings)
        for period in _periods():
            await connection.execute(statement("close/prepare"), *period, "Ann", "[]", "[]")
            prepared = await store.prepared(connection, period)
            began = time.perf_counter()
            if prepared is None or await _cut(connection, period, prepared.id, "Ann", 10):
                raise AssertionError(f"{period} is not cut")
            ended = time.perf_counter()
            await asyncio.sleep(PAUSE_SECONDS)  # what is measured: work that goes on between two cuts
            pauses.append(max((wait for at, wait in waits if at + wait >= began and at <= ended), default=0.0))
    probing.cancel()
    with suppress(asyncio.CancelledError):
        await probing
    return await posting, pauses, costs


async def _close(connection: Connection, settings: Settings) -> list[Cost]:
    """Prepare and cut the large account; whatever warnings it has are accepted."""
    started = time.perf_counter()
    topics = await look_at_topics(connection, settings, BOOKS.month, unfinished)
    rules = [finding.rule for finding in await warnings(connection, settings, BOOKS, topics, [])]
    looked = time.perf_counter()
    outlook = await look_at(connection, settings, BOOKS, topics, rules=rules, because=["generated"] if rules else [])
    await prepare(connection, [outlook], by="Ann", rules=rules)
    prepared = time.perf_counter()
    done = await cut(connection, settings, BOOKS, topics, by="Ann", wait_seconds=10)
    if not (outlook.is_clear and done.is_clear):
        raise AssertionError(outlook, done)
    return [
        Cost("looking at the topics", looked - started),
        Cost("prepare, but for that and `giftledger verify`", prepared - looked),
        Cost("cut, with looking at all blockers again", time.perf_counter() - prepared),
    ]


def _periods() -> Iterator[Period]:
    month = FIRST
    for _ in range(MONTHS):
        for account_id in dict.fromkeys(account.account_id for account in ACCOUNTS):
            yield Period(month, account_id)
        month = month_after(month)


async def _probe(settings: Settings, waits: list[tuple[float, float]]) -> None:
    """Do what every transaction that books does first, again and again, and note when and how long it took."""
    connection = await connect(settings)
    try:
        while True:
            started = time.perf_counter()
            async with connection.transaction():
                await connection.execute(statement("books/enter"))
                waits.append((started, time.perf_counter() - started))
            await asyncio.sleep(0.001)  # a pace, no waiting: others come between
    finally:
        await connection.close()


def _alone(giftledger: Giftledger, folder: Path) -> list[Cost]:
    """Run the commands one after the other."""
    key, keys = private_key(folder, "Bob"), str(folder / "keys.pem")
    signing = ("--by", "Bob", "--key", str(key))
    for period in _periods():
        if period.account_id == OF_RECORDS.account_id:
            _run(giftledger, "sign", period, *signing)
    (row,) = asyncio.run(_one(giftledger))
    proof, pack = str(folder / "proof.json"), str(folder / "pack")
    month = f"{BOOKS.month:%Y-%m}"
    return [
        _run(giftledger, "sign", BOOKS, *signing),
        _run(giftledger, "verify", BOOKS, "--keys", keys),
        _timed(giftledger, "prove", ["prove", row, month, "--output", proof]),
        _timed(giftledger, "verify --proof", ["verify", "--proof", proof, "--keys", keys]),
        _run(giftledger, "pack", BOOKS, "--output", pack),
        _timed(giftledger, "verify --files", ["verify", "--files", f"{pack}/{month}-account-account", "--keys", keys]),
        _run(giftledger, "verify", OF_RECORDS, "--keys", keys),
        _run(giftledger, "verify", OF_RECORDS, "--keys", keys, "--from-topics"),
    ]


async def _one(giftledger: Giftledger) -> list[str]:
    connection = await connect(load(giftledger.environment))
    try:
        return [
            await connection.fetchval("SELECT certificate_id FROM certificate WHERE account_id = 'account' LIMIT 1")
        ]
    finally:
        await connection.close()


def _run(giftledger: Giftledger, command: str, period: Period, *options: str) -> Cost:
    arguments = [command, f"{period.month:%Y-%m}", "--account", str(period.account_id), *options]
    suffix = " --from-topics" if "--from-topics" in options else ""
    return _timed(giftledger, f"{command}{suffix}, {period}", arguments)


def _timed(giftledger: Giftledger, step: str, arguments: Sequence[str]) -> Cost:
    """Run a command to its end. Raises CalledProcessError where it fails."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "consumer", "close", *arguments]
    with subprocess.Popen(command, env={**os.environ, **giftledger.environment}) as process:  # noqa: S603 - ours
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Cost(step, time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _print(loaded: Loaded, pauses: Sequence[float], costs: Sequence[Cost], scan: float, records: int) -> None:
    median_, high, worst = (f"{1000 * quantile(list(pauses), share):.1f} ms" for share in (0.5, 0.95, 1))
    say(
        f"While {loaded.rate:,.0f} webhooks a second were posted, none of which was refused (p99 of an answer "
        f"{1000 * loaded.p99:.0f} ms), {len(pauses)} months were cut. Who books waited for the closing lock at most "
        f"{median_} (median of the cuts), {high} (p95), {worst} (worst).",
        "",
        f"A scan of all events took {scan:.2f} s; {records:,} records are in the topics.",
        "",
        "| step | seconds | scans | processor, our process | peak memory |",
        "|---|---:|---:|---:|---:|",
    )
    for cost in costs:
        own = "| |" if cost.memory != cost.memory else f"| {cost.processor:.1f} s | {cost.memory:.0f} MiB |"
        say(f"| {cost.step} | {cost.seconds:.1f} | {cost.seconds / scan:.1f} {own}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificates", type=int, default=1_000_000)
    parser.add_argument("--records", type=int, default=200_000, help="in the topics, of other accounts")
    options = parser.parse_args()
    with TemporaryDirectory() as name, Stack(Path(name), postgres_settings=POSTGRES) as stack:
        main(stack, Path(name), options.certificates, options.records)
