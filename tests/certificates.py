"""Certificates that are made for a test, by an authority that nobody else trusts."""

from datetime import datetime
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


def write_identity(folder: Path, authority: trustme.CA | None = None) -> tuple[Path, Path]:
    """Write what a server on 127.0.0.1 proves itself with, and what its clients trust; give (identity, authority)."""
    authority = authority or trustme.CA()
    identity = write_certificate(folder / "identity.pem", authority, "127.0.0.1")
    return identity, write_authority(folder / "authority.pem", authority)


def write_certificate(
    file: Path, authority: trustme.CA, name: str, password: str | None = None, until: datetime | None = None
) -> Path:
    """Write a key and its certificate for 127.0.0.1, whose common name is ``name``."""
    issued = authority.issue_cert("127.0.0.1", "localhost", common_name=name, not_after=until)
    # trustme's own form of a key is none that Java reads.
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    file.write_bytes(pkcs8 + b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    return file


def write_authority(file: Path, authority: trustme.CA | None = None) -> Path:
    """Write the certificate of an authority, without one that of somebody else."""
    (authority or trustme.CA()).cert_pem.write_to_path(str(file))
    return file
