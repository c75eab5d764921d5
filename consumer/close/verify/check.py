"""Check: whether manifest, signatures and rows of a close belong together. Needs no database."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from consumer.close.signed import keys
from consumer.close.signed.canonical import Json, NotCanonical, digest, units
from consumer.close.signed.manifest import read_manifest, signed_statement, totals
from consumer.close.signed.merkle import Tree
from consumer.close.signed.rows import BALANCES, CERTIFICATE, FALLS, MOVEMENTS, leaf_of
from consumer.common.names import is_same_name


class Finding(NamedTuple):
    """Something that is not as it was signed: where it stands, and what is wrong with it."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class Notice(Finding):
    """Something that one should know, and that takes nothing away from what was signed."""


UNSIGNED = Finding("signatures", "there are none")


class Signature(NamedTuple):
    """A signature, and who is said to have made it, when (RFC 3339)."""

    signed_by: str
    signed_at: str
    public_key: bytes
    signature: bytes


def check_manifest(manifest: bytes, previous: bytes | None) -> Iterator[Finding]:
    """Check a manifest by itself, and beside the one of the month before."""
    try:
        said = read_manifest(manifest)
        before = read_manifest(previous) if previous else None
    except NotCanonical as error:
        yield Finding("manifest", str(error))
        return
    if said["previous"] != (digest(previous) if previous else None):
        yield Finding("manifest previous", "names another manifest than the one of the month before")
    if said["totals"] != totals(said["rollforward"]):
        yield Finding("manifest totals", "are not the sums of its roll-forward")
    openings = _closings(before) if before else None
    for row in said["rollforward"]:
        book = (row["currency"], row["issuing_station_id"])
        moved = sum(units(row[name]) * (-1 if name in FALLS else 1) for name in MOVEMENTS)
        if units(row["opening"]) + moved != units(row["closing"]):
            yield Finding(f"manifest rollforward {_book(book)}", "opening and movements do not come to its closing")
        if openings is not None and units(row["opening"]) != openings.pop(book, 0):
            yield Finding(f"manifest rollforward {_book(book)} opening", "is not the closing of the month before")
    for book, closing in (openings or {}).items():
        if closing:
            yield Finding(f"manifest rollforward {_book(book)}", "is missing; the month before closed with it")


def _closings(said: Json) -> dict[tuple[str, str | None], int]:
    return {(row["currency"], row["issuing_station_id"]): units(row["closing"]) for row in said["rollforward"]}


def check_signatures(
    statement: Json,
    signatures: Iterable[Signature],
    trusted: Mapping[bytes, str] | None,
    prepared_by: str | None = None,
) -> Iterator[Finding]:
    """Check the signatures of a statement: it is signed when one of them counts.

    One counts that fits, and is not by who prepared the month; with ``trusted`` (owners by public key) it must be by
    its owner's own key. Anybody who may insert could add others: they are notices where one counts.
    """
    judged = [(one, _against(statement, one, trusted, prepared_by)) for one in signatures]
    kind = Notice if any(wrong is None for _, wrong in judged) else Finding
    for one, wrong in judged:
        if wrong is not None:
            yield kind(f"signature of {one.signed_by}", wrong)
    if not judged:
        yield UNSIGNED


def _against(
    statement: Json, one: Signature, trusted: Mapping[bytes, str] | None, prepared_by: str | None
) -> str | None:
    """Say why a signature does not count; None where it does."""
    if not fits(statement, one):
        return "does not fit what is signed, its name and time, and its key"
    if prepared_by is not None and is_same_name(one.signed_by, prepared_by):
        return "was made by who prepared the month"
    return None if trusted is None else not_by_owner(one.signed_by, one.public_key, trusted)


def not_by_owner(name: str, public_key: bytes, trusted: Mapping[bytes, str]) -> str | None:
    """Say why a key is not one to be trusted of this name; None where it is."""
    owner = trusted.get(public_key)
    if owner is None:
        return "was made with a key that is not among those to be trusted"
    return None if is_same_name(owner, name) else f"was made with the key of {owner}"


def fits(statement: Json, one: Signature) -> bool:
    """Tell whether a signature is of this statement, whoever made it."""
    signed = signed_statement(statement, signed_by=one.signed_by, signed_at=one.signed_at)
    return keys.is_signed(one.public_key, one.signature, signed)


class Rows:
    """Checks the rows of certificates as they come, one after the other, against their manifest."""

    def __init__(self, said: Json) -> None:
        self._said = said
        self._tree = Tree()
        self._last: Any = None
        self._sums: dict[tuple[str, str | None], list[int]] = {}

    def add(self, row: Json, leaf: bytes) -> Iterator[Finding]:
        """Check the next row; ``leaf`` is the hash that stands beside it."""
        where = f"certificate {row['certificate_id']}"
        if leaf_of(row) != leaf:
            yield Finding(where, "its values are not those of its hash")
        place = place_of(row)
        if self._last is not None and place <= self._last:
            yield Finding(where, "stands out of order, or twice")
        self._last = place
        self._tree.add(leaf)
        sums = self._sums.setdefault((row["currency"], row["issuing_station_id"]), [0, 0])
        for number, name in enumerate(BALANCES):
            sums[number] += units(row[name])

    def finish(self) -> Iterator[Finding]:
        """Check what all rows come to."""
        said = self._said["certificates"]
        if self._tree.size != said["rows"]:
            yield Finding("certificates", f"there are {self._tree.size} rows, the manifest says {said['rows']}")
        if self._tree.root().hex() != said["root"]:
            yield Finding("certificates", "the root of their tree is not the one of the manifest")
        for row in self._said["rollforward"]:
            book = (row["currency"], row["issuing_station_id"])
            balance, paid = self._sums.pop(book, [0, 0])
            if balance != units(row["closing"]) or paid != units(row["closing_at_consideration"]):
                yield Finding(f"certificates {_book(book)}", "their sum is not the closing of the roll-forward")
        for book, (balance, paid) in self._sums.items():
            if balance or paid:
                yield Finding(f"certificates {_book(book)}", "the roll-forward has no such book")


def place_of(row: Any) -> tuple[str, str, bool, str]:
    """Give the place of a row of certificates among the others."""
    station = row["issuing_station_id"]
    return row["certificate_id"], row["currency"], station is not None, station or ""


def _book(book: tuple[str, str | None]) -> str:
    currency, station = book
    return f"{currency}, {'no station' if station is None else f'station {station}'}"


def differences(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Give the paths at which two values of JSON differ, with both values."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted({*one, *other}):
            yield from differences(one.get(name), other.get(name), f"{path} {name}".strip())
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True), 1):
            yield from differences(left, right, f"{path} {number}")
    elif one != other:
        yield path, one, other


def row_differences(stored: Any, derived: Any) -> list[str]:
    """Name the columns in which a stored row of a certificate differs from the derived one."""
    return [name for name in CERTIFICATE if stored[name] != derived[name]]
