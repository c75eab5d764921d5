"""Sign: what is signed of a close is derived from the lines up to its cut, once, and then signed by one or more.

All that is derived is written in one transaction: an end in the midst of it leaves nothing, and the next run begins
again. A signature is one row.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from asyncpg import Record

from consumer.close import store
from consumer.close.month import Period
from consumer.close.signed import keys
from consumer.close.signed.canonical import Json, canonical, digest
from consumer.close.signed.manifest import manifest_of, read_manifest, signed_statement, statement_of, versions
from consumer.close.signed.merkle import Tree
from consumer.close.signed.rows import CERTIFICATE, certificate_row, leaf_of, new_salt, records_row, rollforward_row
from consumer.close.store import Close
from consumer.close.verify.database import fitting_signatures, verify_close
from consumer.common.errors import Fatal
from consumer.common.names import is_same_name, require_name
from consumer.common.progress import progress
from consumer.postgres.database import SCHEMA, Connection, statement

# Rows that are hashed and written at once.
AT_ONCE = 5000


class Signed(NamedTuple):
    """A signature, and what it is of."""

    manifest: Json
    sha256: str
    signatures: int


async def sign(connection: Connection, period: Period, key_file: Path, *, by: str) -> Signed:
    """Derive what is signed of a close, if nobody has, and sign it. Raises Fatal."""
    key, named = keys.read_private(key_file), require_name(by)
    close, previous = await store.close_of(connection, period)
    if not await connection.fetchval(statement("close/only_one"), close.id):
        raise Fatal(f"{period} is being signed by another process.")
    public_key = keys.raw(key.public_key())
    await _refuse(connection, close, previous, named, public_key)
    if close.manifest is None:
        manifest = await _derive(connection, close, previous)
    elif found := [one async for one in verify_close(connection, period) if not one.where.startswith("signature")]:
        raise Fatal(f"{period} is not what it was: {found[0]}. `giftledger close verify` says all of it.")
    else:
        manifest = close.manifest
    said, signed_at = read_manifest(manifest), datetime.now(UTC)
    signature = key.sign(
        signed_statement(statement_of(manifest, said), signed_by=named, signed_at=store.utc(signed_at))
    )
    await connection.execute(statement("close/sign"), close.id, signed_at, named, public_key, signature)
    signatures = await fitting_signatures(connection, close._replace(manifest=manifest))
    return Signed(said, digest(manifest), len(signatures))


async def _refuse(connection: Connection, close: Close, previous: Close | None, by: str, public_key: bytes) -> None:
    """Refuse who prepared the month, who has signed it, and a month whose predecessor is not signed. Raises Fatal.

    Who signs with another's name or key, or with what fits nothing, keeps nobody from signing: only the same name and
    the same key are the same signer. Which signatures count is for who verifies to say.
    """
    if is_same_name(by, close.prepared.prepared_by):
        raise Fatal(f"{by} prepared {close.period}: somebody else must sign it.")
    if previous and not await fitting_signatures(connection, previous):
        raise Fatal(f"{previous.period} is not signed yet, and each close names the one before it.")
    signed = await fitting_signatures(connection, close)
    if any(is_same_name(by, one.signed_by) and public_key == one.public_key for one in signed):
        raise Fatal(f"{by} has signed {close.period} already.")


async def _derive(connection: Connection, close: Close, previous: Close | None) -> bytes:
    """Write rows and manifest of a close, all or nothing."""
    books = close.period.month, close.period.account_id, close.last_line
    async with connection.transaction():
        records = await connection.fetch(statement("close/derive_records"), close.last_settled)
        rollforward = await connection.fetch(statement("close/derive_rollforward"), *books)
        await _copy(connection, "close_records", close.id, records)
        await _copy(connection, "close_rollforward", close.id, rollforward)
        tree = Tree()
        async for leaf in _write_certificates(connection, close.id, books):
            tree.add(leaf)
        manifest = canonical(
            manifest_of(
                close,
                previous.manifest if previous else None,
                records=[records_row(row) for row in records],
                rollforward=[rollforward_row(row) for row in rollforward],
                rows=tree.size,
                root=tree.root(),
                versions=versions(),
            )
        )
        await connection.execute(
            "INSERT INTO giftcert.close_manifest (close_id, manifest) VALUES ($1, $2)", close.id, manifest.decode()
        )
    return manifest


async def _write_certificates(connection: Connection, close_id: int, books: tuple[object, ...]) -> AsyncIterator[bytes]:
    """Write the rows of certificates, salted; give the hash of each, in their order."""
    columns = ("close_id", *CERTIFICATE, "salt", "leaf")
    cursor = await connection.cursor(statement("close/derive_certificates"), *books)
    with progress("signing certificates") as advance:
        while rows := await cursor.fetch(AT_ONCE):
            salted = [(row, salt, leaf_of(certificate_row(row, salt))) for row in rows for salt in [new_salt()]]
            await connection.copy_records_to_table(
                "close_certificate",
                schema_name=SCHEMA,
                columns=columns,
                records=[(close_id, *(row[name] for name in CERTIFICATE), salt, leaf) for row, salt, leaf in salted],
            )
            for *_, leaf in salted:
                yield leaf
            advance(len(rows))


async def _copy(connection: Connection, table: str, close_id: int, rows: list[Record]) -> None:
    if rows:
        await connection.copy_records_to_table(
            table,
            schema_name=SCHEMA,
            columns=("close_id", *rows[0].keys()),
            records=[(close_id, *row.values()) for row in rows],
        )
