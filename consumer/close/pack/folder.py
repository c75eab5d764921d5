"""Pack: what an auditor gets of a signed month, a folder of files. The same close gives the same bytes."""

import csv
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from consumer.close import store
from consumer.close.month import Period
from consumer.close.pack.page import html
from consumer.close.pack.tables import read_pack
from consumer.close.pack.workbook import write_workbook
from consumer.close.signed.canonical import amount, digest
from consumer.close.signed.listing import Signer, write_listing
from consumer.close.signed.rows import CERTIFICATE
from consumer.close.verify.database import AT_ONCE
from consumer.close.verify.files import CERTIFICATES, MANIFEST, write_close
from consumer.common.csv_text import literal
from consumer.common.errors import Fatal
from consumer.postgres.database import Connection, statement

REPORT, WORKBOOK, JOURNAL = "report.html", "report.xlsx", "journal.csv"
_AMOUNTS = frozenset({"change", "change_at_consideration", "balance_after"})


async def write_pack(connection: Connection, period: Period, folder: Path, signer: Signer | None = None) -> None:
    """Write the pack of a signed close, whole or not at all; what was there is replaced. Raises Fatal."""
    beside = folder.with_name(f".{folder.name}.unfinished")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        await write_close(connection, period, beside)
        await _write_reports(connection, period, beside)
        write_listing(beside, (beside / MANIFEST).read_bytes(), signer)
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)
    except OSError as error:
        raise Fatal(f"{folder}: {error.strerror}. Nothing was written there.") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


async def _write_reports(connection: Connection, period: Period, folder: Path) -> None:
    close, before = await store.close_of(connection, period)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        pack = await read_pack(connection, close, before, digest(close.manifest or b""))
        (folder / REPORT).write_text(html(pack), encoding="utf-8")
        with (folder / JOURNAL).open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file, lineterminator="\n")
            cursor = await connection.cursor(
                statement("close/pack_lines"), period.month, period.account_id, close.last_line
            )
            lines.writerow(await _columns(connection))
            while rows := await cursor.fetch(AT_ONCE):
                lines.writerows([_cell(name, value) for name, value in row.items()] for row in rows)
    write_workbook(folder / WORKBOOK, pack, _certificates(folder / CERTIFICATES), close.cut_at)


async def _columns(connection: Connection) -> Sequence[str]:
    prepared = await connection.prepare(statement("close/pack_lines"))
    return [column.name for column in prepared.get_attributes()]


def _cell(name: str, value: Any) -> Any:
    """Write a value of the journal."""
    if name in _AMOUNTS:
        return amount(value)
    if isinstance(value, str):
        return literal(value)
    return store.utc(value) if hasattr(value, "astimezone") else value


def _certificates(file: Path) -> Iterator[list[Any]]:
    with file.open("rb") as lines:
        for line in lines:
            row = json.loads(line)
            yield [row[name] for name in CERTIFICATE]
