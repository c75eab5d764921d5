"""Tables: what a pack shows of a month, read from what was signed and the lines up to its cut alone.

So the same close gives the same tables, whenever it is packed. Amounts are texts in currency units.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from consumer.close.signed.canonical import Json, amount
from consumer.close.signed.manifest import read_manifest
from consumer.close.signed.rows import FIGURES
from consumer.close.store import Close
from consumer.close.verify.check import Signature
from consumer.close.verify.database import read_signatures
from consumer.postgres.database import Connection, statement

AGES = ("0-30 days", "31-90 days", "91-180 days", "181-365 days", "1-2 years", "2-3 years", "over 3 years")
UNKNOWN_AGE = "unknown"
_AMOUNTS = frozenset({"redeemed", "change", "closing", "outstanding", "confirmed"})


class Table(NamedTuple):
    """Rows under their columns; those of ``amounts`` are amounts of the row's currency."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    amounts: frozenset[str] = frozenset()


class Pack(NamedTuple):
    """All that is shown of a month."""

    said: Json
    sha256: str
    signatures: Sequence[Signature]
    rollforward: Table
    totals: Table
    settlement: Table
    earlier: Table
    trend: Table
    aging: Table
    coverage: Table
    accepted: Table
    acknowledged: Table
    records: Table

    @property
    def title(self) -> str:
        account = self.said["account_id"]
        return f"Gift certificates, {self.said['month']}, {'no account' if account is None else f'account {account}'}"

    @property
    def tables(self) -> tuple[Table, ...]:
        return (
            *(self.totals, self.rollforward, self.settlement, self.earlier, self.trend, self.aging),
            *(self.coverage, self.accepted, self.acknowledged, self.records),
        )


async def read_pack(connection: Connection, close: Close, before: Close | None, sha256: str) -> Pack:
    """Read what is shown of a signed close."""
    said = read_manifest(close.manifest or b"")
    books = close.period.month, close.period.account_id, close.last_line

    async def rows(name: str, *arguments: object) -> list[Any]:
        return await connection.fetch(statement(f"close/{name}"), *arguments)

    aging = [
        {**row, "class": UNKNOWN_AGE if row["class"] is None else AGES[row["class"]]}
        for row in await rows("pack_aging", close.period.month, close.id)
    ]
    cuts = before.cut_at if before else None, close.cut_at
    return Pack(
        said,
        sha256,
        await read_signatures(connection, close.id),
        rollforward=_of_manifest("Roll-forward", ("currency", "issuing_station_id", *FIGURES), said["rollforward"]),
        totals=_of_manifest("Totals", ("currency", *FIGURES), said["totals"]),
        settlement=_table(
            "Settlement",
            ("currency", "issuing_station_id", "redeeming_station_id", "redeemed"),
            await rows("pack_settlement", *books),
        ),
        earlier=_table(
            "Restatements: booked in this month for earlier ones",
            ("posting_month", "currency", "movement", "change", "lines"),
            await rows("pack_earlier", *books),
        ),
        trend=_table("Twelve months", ("month", "currency", "closing"), await rows("pack_trend", *books)),
        aging=_table("Aging at the month's end", ("currency", "class", "outstanding", "certificates"), aging),
        coverage=_of_manifest(
            "Coverage: confirmed by the sender within seven days, when the month was prepared",
            ("currency", "outstanding", "confirmed"),
            said["prepared"]["coverage"],
        ),
        accepted=_of_manifest("Accepted warnings", ("rule", "found", "because"), said["prepared"]["accepted"]),
        acknowledged=_table(
            "Acknowledged exceptions since the last close",
            ("rule", "entity", "entity_id", "observed", "expected", "acknowledged_by", "because"),
            await rows("pack_acknowledged", *cuts),
        ),
        records=_of_manifest(
            "Records of the topics",
            ("topic", "partition", "first_offset", "next_offset", "passed_over"),
            said["records"],
        ),
    )


def _of_manifest(title: str, columns: Sequence[str], rows: Sequence[Json]) -> Table:
    return Table(
        title, columns, [[row[name] for name in columns] for row in rows], (_AMOUNTS | {*FIGURES}) & {*columns}
    )


def _table(title: str, columns: Sequence[str], rows: Sequence[Any]) -> Table:
    amounts = _AMOUNTS & {*columns}
    return Table(
        title,
        columns,
        [[amount(row[name]) if name in amounts else _plain(row[name]) for name in columns] for row in rows],
        amounts,
    )


def _plain(value: Any) -> Any:
    return value.isoformat()[:7] if hasattr(value, "isoformat") else value


def signed_lines(pack: Pack) -> list[str]:
    """Say who signed, when."""
    return [f"{one.signed_by}, {one.signed_at}" for one in pack.signatures]
