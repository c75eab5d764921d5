"""A disk that is full while a month is signed: nothing is half signed, and the next run signs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from consumer.close import store
from consumer.close.month import Period
from consumer.close.sign import sign
from consumer.common.settings import Settings
from consumer.postgres.database import Connection, Pool
from deploy.local.postgres import Postgres
from deploy.local.stack import Stack
from tests.builders import bought
from tests.closing import JUNE, Applied, cut, findings, on, prepare, publish

PERIOD = Period(JUNE, "a1")
STATE = """
    SELECT
        (SELECT count(*) FROM giftcert.close_records), (SELECT count(*) FROM giftcert.close_rollforward),
        (SELECT count(*) FROM giftcert.close_certificate), (SELECT count(*) FROM giftcert.close_manifest),
        (SELECT count(*) FROM giftcert.close_signature)
"""


@contextmanager
def without_room(file: Path) -> Iterator[None]:
    """Have the kernel say of each page that a table's empty file should get: no space left on device."""
    assert file.stat().st_size == 0
    beside = file.with_name(f"{file.name}.aside")
    file.rename(beside)
    file.symlink_to("/dev/full")
    try:
        yield
    finally:
        file.unlink()
        beside.rename(file)


@pytest.mark.parametrize(
    ("table", "left"),
    [
        ("close_records", (0, 0, 0, 0, 0)),
        ("close_rollforward", (0, 0, 0, 0, 0)),
        ("close_certificate", (0, 0, 0, 0, 0)),
        ("close_manifest", (0, 0, 0, 0, 0)),
        ("close_signature", (1, 1, 1, 1, 0)),
    ],
)
async def test_a_full_disk_leaves_nothing_half_signed(  # noqa: PLR0917
    stack: Stack,
    books: Applied,
    connection: Connection,
    connections: Pool,
    settings: Settings,
    key: Path,
    table: str,
    left: tuple[int, ...],
) -> None:
    if not isinstance(stack.postgres, Postgres):
        pytest.skip("whose files are not ours")
    await publish(settings, [bought(accountId="a1", shiftLocation={"primaryCurrencyCode": "CAD"}, **on(JUNE))])
    await books.catch_up()
    assert (await prepare(connection, settings, PERIOD, by="Ann")).is_clear
    assert (await cut(connection, settings, PERIOD, by="Ann", wait_seconds=5)).is_clear
    await connections.execute("CHECKPOINT")
    folder = Path(await connections.fetchval("SELECT current_setting('data_directory')"))

    with without_room(folder / await connections.fetchval("SELECT pg_relation_filepath($1)", f"giftcert.{table}")):
        async with store.session(settings) as own:
            with pytest.raises(asyncpg.DiskFullError, match="No space left on device"):
                await sign(own, PERIOD, key, by="Bob")

    async with store.session(settings) as own:
        assert tuple(await own.fetchrow(STATE) or ()) == left
        await sign(own, PERIOD, key, by="Bob")
        assert await findings(own, PERIOD, key.with_name("keys.pem")) == []
