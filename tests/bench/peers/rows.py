"""The one table that every peer upserts, and the row that an event makes of it."""

from typing import Any, NamedTuple

import msgspec

# Room for the next balance on the same page, as giftledger's own table has; `data` is jsonb, or text as giftledger's.
TABLE = """
CREATE TABLE certificate (
    certificate_id text PRIMARY KEY,
    balance bigint NOT NULL,
    price bigint,
    status text,
    updated_at timestamptz,
    data {document} NOT NULL
) WITH (fillfactor = 80)
"""


class Row(NamedTuple):
    """A row; the date and the JSON as text, which Postgres reads fastest."""

    certificate_id: str
    balance: int
    price: int | None
    status: str | None
    updated_at: str | None
    data: str


def row(event: dict[str, Any]) -> Row:
    data = event["data"]
    return Row(
        data["_id"],
        data["balance"],
        data.get("price"),
        data.get("status"),
        data["updatedAt"]["value"],
        msgspec.json.encode(data).decode(),
    )
