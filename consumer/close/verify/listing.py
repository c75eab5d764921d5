"""Verify the listing of a pack: that the files which one reads are those that were packed."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from consumer.close.signed.canonical import Json, NotCanonical, digest
from consumer.close.signed.listing import (
    LISTING,
    LISTING_SIGNATURE,
    hashes,
    is_listing_signed,
    read_listing,
    read_listing_signature,
)
from consumer.close.verify.check import Finding, Notice, not_by_owner


def check_listing(folder: Path, manifest: bytes, trusted: Mapping[bytes, str], known: set[str]) -> Iterator[Finding]:
    """Check the files of a folder against its listing, and that by whom it is signed.

    Without a listing there may be only the files ``known``, which are checked by themselves. Raises OSError.
    """
    files = {path.name: path for path in folder.iterdir() if path.name not in {LISTING, LISTING_SIGNATURE}}
    if not (folder / LISTING).exists():
        for name in sorted(files.keys() - known):
            yield Finding(name, f"there is no {LISTING} that lists it")
        return
    listing = (folder / LISTING).read_bytes()
    try:
        said = read_listing(listing)
    except NotCanonical as error:
        yield Finding(LISTING, str(error))
        return
    if said["manifest"] != digest(manifest):
        yield Finding(f"{LISTING} manifest", "is another one")
    yield from _files(files, said)
    yield from _signature(folder, listing, trusted)


def _files(files: Mapping[str, Path], said: Json) -> Iterator[Finding]:
    listed: Mapping[str, str] = said["files"]
    regular = {name: path for name, path in files.items() if path.is_file()}
    for name in sorted(files.keys() - listed.keys()):
        yield Finding(name, f"is not listed in {LISTING}")
    for name in sorted(listed.keys() - regular.keys()):
        yield Finding(name, f"is listed in {LISTING}, and not there")
    for name, found in hashes(path for name, path in sorted(regular.items()) if name in listed).items():
        if found != listed[name]:
            yield Finding(name, f"is not the file that {LISTING} lists")


def _signature(folder: Path, listing: bytes, trusted: Mapping[bytes, str]) -> Iterator[Finding]:
    if not (folder / LISTING_SIGNATURE).exists():
        yield Notice(LISTING, "nobody has signed it: reports and journal may be anybody's")
        return
    try:
        said = read_listing_signature((folder / LISTING_SIGNATURE).read_bytes())
    except NotCanonical as error:
        yield Finding(LISTING_SIGNATURE, str(error))
        return
    if not is_listing_signed(listing, said):
        yield Finding(LISTING_SIGNATURE, f"does not fit {LISTING}")
    elif wrong := not_by_owner(said["signed_by"], bytes.fromhex(said["public_key"]), trusted):
        yield Finding(LISTING_SIGNATURE, wrong)
