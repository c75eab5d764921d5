"""Verify a close in the database: against what was signed, and against the lines of the journal up to its cut."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from consumer.close import store
from consumer.close.month import Period
from consumer.close.signed.canonical import Json, NotCanonical, amount
from consumer.close.signed.manifest import manifest_of, read_manifest, statement_of
from consumer.close.signed.rows import certificate_row, records_row, rollforward_row
from consumer.close.store import Close
from consumer.close.verify.check import (
    Finding,
    Rows,
    Signature,
    check_manifest,
    check_signatures,
    differences,
    fits,
    place_of,
    row_differences,
)
from consumer.common.progress import progress
from consumer.postgres.database import Connection, statement

AT_ONCE = 5000


async def verify_close(
    connection: Connection, period: Period, trusted: Mapping[bytes, str] | None = None
) -> AsyncIterator[Finding]:
    """Give all that is not as it was signed. Raises Fatal where the month is not closed."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await store.close_of(connection, period)
        chain = await store.closes(connection, period)
        last = await connection.fetchval(statement("close/last_closed"), period.account_id)
        if last is None or last < period.month:
            yield Finding("closed_period", f"says that {period.month:%Y-%m} is open")
        if chain[-1].prepared.period != period:
            yield Finding("manifest prepared", f"is the preparation of {chain[-1].prepared.period}")
        for line in await connection.fetch(statement("books/closed_too_late"), period.account_id, period.month):
            yield Finding(
                f"line {line['line']}", f"came into {line['period']:%Y-%m} after that was cut: {_moves(line)}"
            )
        before: Close | None = None
        for close in chain:
            async for finding in _link(connection, close, before, trusted):
                yield finding if close is chain[-1] else finding._replace(where=f"{close.period} {finding.where}")
            before = close
        if (said := _read(chain[-1].manifest)) is not None:
            async for finding in _against_the_books(connection, chain[-1], chain[-2] if len(chain) > 1 else None, said):
                yield finding


async def read_signatures(connection: Connection, close_id: int) -> list[Signature]:
    """Read the signatures of a close."""
    return [
        Signature(row["signed_by"], store.utc(row["signed_at"]), row["public_key"], row["signature"])
        for row in await connection.fetch(statement("close/signatures"), close_id)
    ]


def _moves(line: Any) -> str:
    return f"certificate {line['certificate_id']} by {amount(line['change'])}"


async def fitting_signatures(connection: Connection, close: Close) -> list[Signature]:
    """Read the signatures of a close that are of it; none where there is no manifest, or where it is none."""
    said = _read(close.manifest)
    if close.manifest is None or said is None:
        return []
    signed = statement_of(close.manifest, said)
    return [one for one in await read_signatures(connection, close.id) if fits(signed, one)]


def _read(manifest: bytes | None) -> Json | None:
    try:
        return read_manifest(manifest or b"")
    except NotCanonical:
        return None


async def _link(
    connection: Connection, close: Close, before: Close | None, trusted: Mapping[bytes, str] | None
) -> AsyncIterator[Finding]:
    """Check manifest and signatures of one close of the chain."""
    if close.manifest is None:
        yield Finding("manifest", "there is none yet: the month is cut and not signed")
        return
    for finding in check_manifest(close.manifest, before.manifest if before else None):
        yield finding
    if (said := _read(close.manifest)) is not None:
        signed = statement_of(close.manifest, said)
        signatures = await read_signatures(connection, close.id)
        for finding in check_signatures(signed, signatures, trusted, close.prepared.prepared_by):
            yield finding


async def _against_the_books(
    connection: Connection, close: Close, before: Close | None, said: Json
) -> AsyncIterator[Finding]:
    """Check the rows of a close against its manifest, and against what the books come to."""
    rows = Rows(said)
    async for stored, derived in _side_by_side(connection, close):
        if stored is not None:
            for finding in rows.add(certificate_row(stored, stored["salt"]), stored["leaf"]):
                yield finding
        for finding in _row(stored, derived):
            yield finding
    for finding in rows.finish():
        yield finding
    async for finding in _tables(connection, close, before, said):
        yield finding


def _row(stored: Any, derived: Any) -> Iterator[Finding]:
    where = f"certificate {(stored or derived)['certificate_id']}"
    if stored is None:
        yield Finding(where, "the books have it, and the signed rows do not")
    elif derived is None:
        yield Finding(where, "stands among the signed rows, and the books know nothing left on it")
    else:
        for name in row_differences(stored, derived):
            yield Finding(f"{where} {name}", f"is {stored[name]}, the books say {derived[name]}")


async def _side_by_side(connection: Connection, close: Close) -> AsyncIterator[tuple[Any, Any]]:
    """Give stored and derived rows of certificates in their order, None where there is only the other."""
    books = close.period.month, close.period.account_id, close.last_line
    stored = _rows(connection, "close/certificates", close.id)
    derived = _rows(connection, "close/derive_certificates", *books)
    left, right = await anext(stored, None), await anext(derived, None)
    with progress("verifying certificates") as advance:
        while left is not None or right is not None:
            is_left = right is None or (left is not None and place_of(left) <= place_of(right))
            is_right = left is None or (right is not None and place_of(right) <= place_of(left))
            yield (left if is_left else None), (right if is_right else None)
            if is_left:
                left = await anext(stored, None)
            if is_right:
                right = await anext(derived, None)
            advance()


async def _rows(connection: Connection, name: str, *arguments: object) -> AsyncIterator[Any]:
    cursor = await connection.cursor(statement(name), *arguments)
    while rows := await cursor.fetch(AT_ONCE):
        for row in rows:
            yield row


async def _tables(connection: Connection, close: Close, before: Close | None, said: Any) -> AsyncIterator[Finding]:
    """Check that the manifest says what stands in the tables, and these what books and workers come to."""
    books = close.period.month, close.period.account_id, close.last_line
    stored = {
        "records": [records_row(row) for row in await connection.fetch(statement("close/records"), close.id)],
        "rollforward": [
            rollforward_row(row) for row in await connection.fetch(statement("close/rollforward"), close.id)
        ],
    }
    derived = {
        "records": [
            records_row(row) for row in await connection.fetch(statement("close/derive_records"), close.last_settled)
        ],
        "rollforward": [
            rollforward_row(row) for row in await connection.fetch(statement("close/derive_rollforward"), *books)
        ],
    }
    for path, one, other in differences(stored, derived):
        yield Finding(f"close_{path}", f"is {one}, the books say {other}")
    should = manifest_of(
        close,
        before.manifest if before else None,
        **stored,
        rows=said["certificates"]["rows"],
        root=bytes.fromhex(said["certificates"]["root"]),
        versions=said["versions"],
    )
    for path, one, other in differences(said, should):
        yield Finding(f"manifest {path}", f"is {one}, the tables say {other}")
