"""Listing: the files of a pack with their hashes, and who says so: what one reads is what was packed."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consumer.close.signed.canonical import Json, canonical, digest
from consumer.close.signed.form import Listing, ListingSignedBy, formed
from consumer.close.signed.keys import is_signed, raw
from consumer.close.signed.manifest import FORM

LISTING, LISTING_SIGNATURE = "pack.json", "pack-signature.json"


class Signer(NamedTuple):
    """Who signs a pack, and his key."""

    by: str
    key: Ed25519PrivateKey


def write_listing(folder: Path, manifest: bytes, signer: Signer | None) -> None:
    """List what lies in a folder, and sign that where somebody does; the same files give the same bytes."""
    listing = canonical(
        {"form": f"{FORM} pack", "manifest": digest(manifest), "files": hashes(sorted(folder.iterdir()))}
    )
    (folder / LISTING).write_bytes(listing)
    if signer:
        signature = {
            "signed_by": signer.by,
            "public_key": raw(signer.key.public_key()).hex(),
            "signature": signer.key.sign(_signed(listing, signer.by)).hex(),
        }
        (folder / LISTING_SIGNATURE).write_bytes(canonical(signature))


def hashes(files: Iterable[Path]) -> dict[str, str]:
    """Give the SHA-256 of files in hex, by name."""
    found = {}
    for path in files:
        with path.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def read_listing(data: bytes) -> Json:
    """Read a listing. Raises NotCanonical."""
    return formed(data, Listing)


def read_listing_signature(data: bytes) -> Json:
    """Read who signed a listing. Raises NotCanonical."""
    return formed(data, ListingSignedBy)


def is_listing_signed(listing: bytes, said: Json) -> bool:
    """Tell whether this signature is of this listing, whoever made it."""
    key, signature = bytes.fromhex(said["public_key"]), bytes.fromhex(said["signature"])
    return is_signed(key, signature, _signed(listing, said["signed_by"]))


def _signed(listing: bytes, by: str) -> bytes:
    return canonical({"form": f"{FORM} pack statement", "pack": digest(listing), "signed_by": by})
