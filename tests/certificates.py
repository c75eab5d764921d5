"""Certificates that are made for a test, by an authority that nobody else trusts."""

from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


def write_identity(folder: Path) -> tuple[Path, Path]:
    """Write what a server on 127.0.0.1 proves itself with, and what its clients trust; give (identity, authority)."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    # trustme's own form of a key is none that Java reads.
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    identity = folder / "identity.pem"
    identity.write_bytes(pkcs8 + b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    return identity, write_authority(folder / "authority.pem", authority)


def write_authority(file: Path, authority: trustme.CA | None = None) -> Path:
    """Write the certificate of an authority, without one that of somebody else."""
    (authority or trustme.CA()).cert_pem.write_to_path(str(file))
    return file
