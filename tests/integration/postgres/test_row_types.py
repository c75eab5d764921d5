"""Rows go to statements as they are: the types that a session makes for them have their columns in the same order."""

from collections.abc import Sequence

import pytest

from consumer.apply.apply import HISTORY
from consumer.apply.attempts import SETTLED
from consumer.books import certificate, journal
from consumer.postgres.database import Pool
from schemas.definitions import COLUMNS

ROWS = {
    "incoming_certificate": certificate.COLUMNS,
    "next_state": certificate.NEXT_STATE,
    "incoming_event": HISTORY,
    "incoming_line": journal.COLUMNS,
    "incoming_settlement": SETTLED,
    "incoming_definition": COLUMNS,
}


@pytest.mark.parametrize(("name", "columns"), ROWS.items(), ids=ROWS)
async def test_the_type_of_a_row_has_its_columns_in_its_order(
    connections: Pool, name: str, columns: Sequence[str]
) -> None:
    rows = await connections.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 ORDER BY attnum",
        f"pg_temp.{name}",
    )

    assert [row["attname"] for row in rows] == list(columns)
