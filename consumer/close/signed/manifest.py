"""Manifest: all that is said of a close; and the statement, the few lines about it that are signed.

A statement names the manifest and the root of the certificates' tree, and nothing else that is anybody's secret: it
goes into proofs of single certificates, which must say nothing of others.
"""

from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zoneinfo import TZPATH

from consumer.close.signed.canonical import Json, amount, canonical, digest, units
from consumer.close.signed.form import Manifest, formed
from consumer.close.signed.rows import FIGURES
from consumer.close.store import Close, utc
from consumer.postgres.requirements import our_migrations

FORM = "giftledger close 1"


def manifest_of(
    close: Close,
    previous: bytes | None,
    *,
    records: Sequence[Json],
    rollforward: Sequence[Json],
    rows: int,
    root: bytes,
    versions: Json,
) -> Json:
    """Say all that is said of a close; ``previous`` is the manifest of the month before it."""
    return {
        "form": FORM,
        "month": f"{close.period.month:%Y-%m}",
        "account_id": close.period.account_id,
        "previous": digest(previous) if previous else None,
        "prepared": {
            "at": utc(close.prepared.prepared_at),
            "by": close.prepared.prepared_by,
            "accepted": [one._asdict() for one in close.prepared.accepted],
            "coverage": [one._asdict() for one in close.prepared.coverage],
        },
        "cut": {
            "at": utc(close.cut_at),
            "by": close.cut_by,
            "last_line": str(close.last_line),
            "last_settled": str(close.last_settled),
        },
        "settings": {"reporting_time_zone": close.time_zone, "account_currencies": close.account_currencies},
        "versions": versions,
        "records": list(records),
        "totals": totals(rollforward),
        "rollforward": list(rollforward),
        "certificates": {"rows": rows, "root": root.hex()},
    }


def read_manifest(data: bytes) -> Json:
    """Read a manifest. Raises NotCanonical where it is none, naming the place."""
    return formed(data, Manifest)


def totals(rollforward: Iterable[Json]) -> list[Json]:
    """Add up the roll-forward of each currency; currencies are never added up."""
    sums: dict[str, dict[str, int]] = {}
    for row in rollforward:
        of_currency = sums.setdefault(row["currency"], dict.fromkeys(FIGURES, 0))
        for figure in FIGURES:
            of_currency[figure] += units(row[figure])
    return [
        {"currency": currency, **{figure: amount(sum_) for figure, sum_ in figures.items()}}
        for currency, figures in sorted(sums.items())
    ]


def statement_of(manifest: bytes, said: Json) -> Json:
    """Say the few lines about a close that are signed, and go into proofs."""
    return {
        "month": said["month"],
        "account_id": said["account_id"],
        "manifest": digest(manifest),
        "certificates": said["certificates"],
    }


def signed_statement(statement: Json, *, signed_by: str, signed_at: str) -> bytes:
    """Give the bytes that one signs: the statement, and who says so when (RFC 3339)."""
    return canonical({"form": f"{FORM} statement", **statement, "signed_by": signed_by, "signed_at": signed_at})


def versions() -> Json:
    """Say what derived the figures: our version, the newest migration, and whose time zone data."""
    return {
        "giftledger": version("giftledger"),
        "schema": max(our_migrations().values()),
        "time_zone_data": _time_zone_data(),
    }


def _time_zone_data() -> str:
    """Give the release of the IANA data that Python reads; the system's goes first."""
    for folder in TZPATH:
        for name in ("tzdata.zi", "+VERSION"):
            try:
                with (Path(folder) / name).open(encoding="utf-8") as file:
                    first = file.readline().split()
            except OSError:
                continue
            if first:
                return first[-1]
    try:
        return f"tzdata {version('tzdata')}"
    except PackageNotFoundError:
        return "unknown"
