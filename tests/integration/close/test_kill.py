"""A kill in the middle of each step: a month is closed or not, signed or not, and the next run goes on."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from consumer.close.month import Period
from consumer.close.sign import sign
from consumer.common.settings import Settings
from consumer.postgres.database import Connection, Pool
from tests.builders import bought
from tests.closing import JUNE, Applied, cut, findings, on, prepare, publish, somebody_waits

PERIOD = Period(JUNE, "a1")
STATE = """
    SELECT
        (SELECT count(*) FROM giftcert.closed_period), (SELECT count(*) FROM giftcert.close),
        (SELECT count(*) FROM giftcert.close_certificate), (SELECT count(*) FROM giftcert.close_manifest),
        (SELECT count(*) FROM giftcert.close_signature)
"""


@pytest.mark.parametrize(
    ("step", "waits_for", "left"),
    [
        ("cut", "closed_period", (0, 0, 0, 0, 0)),
        ("sign", "close_rollforward", (1, 1, 0, 0, 0)),
        ("sign", "close_certificate", (1, 1, 0, 0, 0)),
        ("sign", "close_manifest", (1, 1, 0, 0, 0)),
        ("sign", "close_signature", (1, 1, 1, 1, 0)),
    ],
)
async def test_a_kill_leaves_nothing_half_done(  # noqa: PLR0917
    books: Applied,
    connection: Connection,
    connections: Pool,
    settings: Settings,
    environment: dict[str, str],
    key: Path,
    step: str,
    waits_for: str,
    left: tuple[int, ...],
) -> None:
    await publish(settings, [bought(accountId="a1", shiftLocation={"primaryCurrencyCode": "CAD"}, **on(JUNE))])
    await books.catch_up()
    assert (await prepare(connection, settings, PERIOD, by="Ann")).is_clear
    with_key = ("--key", str(key)) if step == "sign" else ()
    if step == "sign":
        await cut(connection, settings, PERIOD, by="Ann", wait_seconds=60)

    async with connections.acquire() as other, other.transaction():
        await other.execute(f"LOCK TABLE giftcert.{waits_for} IN EXCLUSIVE MODE")
        process = subprocess.Popen(  # noqa: ASYNC220, S603 - killed below
            [sys.executable, "-m", "consumer", "close", step, "2026-06", "--by", "Bob", *with_key],
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        await somebody_waits(connections)
        process.send_signal(signal.SIGKILL)
        process.wait()
        # Postgres sees that its client is gone when it answers; until then it waits with us.
        await connections.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database()"
        )
        while await connections.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    assert tuple(await connections.fetchrow(STATE) or ()) == left
    if step == "cut":
        assert (await cut(connection, settings, PERIOD, by="Ann", wait_seconds=60)).is_clear
    await sign(connection, PERIOD, key, by="Bob")
    assert await findings(connection, PERIOD, key.with_name("keys.pem")) == []
