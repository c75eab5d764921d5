"""Files: a close as files, which anybody can verify without the database."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from consumer.close import store
from consumer.close.month import Period
from consumer.close.signed.canonical import NotCanonical, canonical
from consumer.close.signed.form import RowAndLeaf, SignedBy, formed
from consumer.close.signed.manifest import read_manifest, statement_of
from consumer.close.signed.rows import certificate_row
from consumer.close.verify.check import Finding, Rows, Signature, check_manifest, check_signatures
from consumer.close.verify.database import AT_ONCE, fitting_signatures, read_signatures
from consumer.close.verify.listing import check_listing
from consumer.common.errors import Fatal
from consumer.postgres.database import Connection, statement

MANIFEST, PREVIOUS, SIGNATURES, CERTIFICATES = (
    "manifest.json",
    "previous.json",
    "signatures.jsonl",
    "certificates.jsonl",
)


async def write_close(connection: Connection, period: Period, folder: Path) -> None:
    """Write a signed close into a folder; the same close gives the same bytes. Raises Fatal."""
    close, before = await store.close_of(connection, period)
    signatures = await read_signatures(connection, close.id)
    if close.manifest is None or not await fitting_signatures(connection, close):
        raise Fatal(f"{period} is not signed: `giftledger close sign` signs it.")
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - a command writes files and serves nobody
    (folder / MANIFEST).write_bytes(close.manifest)
    (folder / PREVIOUS).write_bytes((before and before.manifest) or b"")
    (folder / SIGNATURES).write_bytes(b"".join(canonical(signature_row(one)) + b"\n" for one in signatures))
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        cursor = await connection.cursor(statement("close/certificates"), close.id)
        with (folder / CERTIFICATES).open("wb") as file:
            while rows := await cursor.fetch(AT_ONCE):
                file.writelines(_line(row) for row in rows)


def _line(row: Any) -> bytes:
    return canonical(certificate_row(row, row["salt"]) | {"leaf": row["leaf"].hex()}) + b"\n"


def signature_row(one: Signature) -> dict[str, str]:
    """Write a signature as a value of JSON."""
    return {
        "signed_by": one.signed_by,
        "signed_at": one.signed_at,
        "public_key": one.public_key.hex(),
        "signature": one.signature.hex(),
    }


def signature_of(row: Mapping[str, str]) -> Signature:
    """Read a signature."""
    return Signature(
        row["signed_by"], row["signed_at"], bytes.fromhex(row["public_key"]), bytes.fromhex(row["signature"])
    )


def verify_files(folder: Path, period: Period | None, trusted: Mapping[bytes, str]) -> Iterator[Finding]:
    """Give all that is not as it was signed; ``period`` is what the folder should hold. Raises Fatal."""
    try:
        yield from _verify(folder, period, trusted)
    except OSError as error:
        raise Fatal(f"{error.filename}: {error.strerror}") from None


def _verify(folder: Path, period: Period | None, trusted: Mapping[bytes, str]) -> Iterator[Finding]:
    manifest = (folder / MANIFEST).read_bytes()
    yield from check_manifest(manifest, (folder / PREVIOUS).read_bytes() or None)
    try:
        said = read_manifest(manifest)
    except NotCanonical:
        return
    if period and (said["month"], said["account_id"]) != (f"{period.month:%Y-%m}", period.account_id):
        yield Finding("manifest", f"is of {said['month']}, account {said['account_id']}")
    signatures = []
    for number, line in _lines(folder / SIGNATURES):
        try:
            signatures.append(signature_of(formed(line, SignedBy)))
        except NotCanonical as error:
            yield Finding(f"{SIGNATURES} line {number}", str(error))
    yield from check_signatures(statement_of(manifest, said), signatures, trusted, said["prepared"]["by"])
    rows = Rows(said)
    for number, line in _lines(folder / CERTIFICATES):
        try:
            row = formed(line, RowAndLeaf)
        except NotCanonical as error:
            yield Finding(f"{CERTIFICATES} line {number}", str(error))
            continue
        yield from rows.add(row, bytes.fromhex(row.pop("leaf")))
    yield from rows.finish()
    yield from check_listing(folder, manifest, trusted, {MANIFEST, PREVIOUS, SIGNATURES, CERTIFICATES})


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            yield number, line.removesuffix(b"\n")
