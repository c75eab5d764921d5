"""Prove: that a certificate's row is among those that were signed, without saying anything of the others."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from consumer.close import store
from consumer.close.month import Period
from consumer.close.signed.canonical import NotCanonical, canonical
from consumer.close.signed.form import Proof, formed
from consumer.close.signed.manifest import FORM, read_manifest, statement_of
from consumer.close.signed.merkle import path_of, root_from
from consumer.close.signed.rows import certificate_row, leaf_of
from consumer.close.verify.check import Finding, Notice, check_signatures
from consumer.close.verify.database import AT_ONCE, fitting_signatures
from consumer.close.verify.files import signature_of, signature_row
from consumer.common.errors import Fatal
from consumer.postgres.database import Connection, statement


async def prove(connection: Connection, period: Period, certificate_id: str) -> list[bytes]:
    """Give a proof for each row of a certificate: as a rule there is one. Raises Fatal where there is none."""
    close, _ = await store.close_of(connection, period)
    signatures = await fitting_signatures(connection, close)
    if close.manifest is None or not signatures:
        raise Fatal(f"{period} is not signed: `giftledger close sign` signs it.")
    rows = await connection.fetch(statement("close/certificate"), close.id, certificate_id)
    if not rows:
        raise Fatal(f"Nothing was left on certificate {certificate_id} at the end of {period}.")
    hashes, first = list[bytes](), -1
    async with connection.transaction(readonly=True):
        cursor = await connection.cursor(statement("close/leaves"), close.id)
        while leaves := await cursor.fetch(AT_ONCE):
            for leaf in leaves:
                if first < 0 and leaf["certificate_id"] == certificate_id:
                    first = len(hashes)
                hashes.append(leaf["leaf"])
    signed = statement_of(close.manifest, read_manifest(close.manifest))
    proofs = [
        canonical(
            {
                "form": f"{FORM} proof",
                "statement": signed,
                "signatures": [signature_row(one) for one in signatures],
                "row": certificate_row(row, row["salt"]),
                "index": index,
                "path": [node.hex() for node in path_of(hashes, index)],
            }
        )
        for index, row in enumerate(rows, first)
    ]
    own = {one.public_key: one.signed_by for one in signatures}
    for found in (one for proof in proofs for one in check_proof(proof, own) if not isinstance(one, Notice)):
        raise Fatal(f"{period} is not what it was: {found}. `giftledger close verify` says all of it.")
    return proofs


def check_proof(data: bytes, trusted: Mapping[bytes, str]) -> Iterator[Finding]:
    """Check a proof with nothing but public keys."""
    try:
        proof = formed(data, Proof)
    except NotCanonical as error:
        yield Finding("proof", str(error))
        return
    said: Any = proof["statement"]
    path = [bytes.fromhex(node) for node in proof["path"]]
    root = root_from(leaf_of(proof["row"]), proof["index"], said["certificates"]["rows"], path)
    if root is None or root.hex() != said["certificates"]["root"]:
        yield Finding("proof row", "is not among the rows that were signed")
    if proof["form"] != f"{FORM} proof":
        yield Finding("proof form", "is not one of ours")
    yield from check_signatures(said, map(signature_of, proof["signatures"]), trusted)


def read_proof(file: Path) -> bytes:
    """Read a proof's file. Raises Fatal."""
    try:
        return file.read_bytes().rstrip(b"\n")
    except OSError as error:
        raise Fatal(f"{file}: {error.strerror}") from None
