"""Coverage: which part of what is outstanding the sender's own list confirmed, when a month was prepared.

It is asked of what is outstanding then and not at the month's end: the sender says what it has now, too.
"""

from collections.abc import Sequence

from consumer.close.month import Period
from consumer.close.signed.canonical import amount, units
from consumer.close.store import Covered
from consumer.postgres.database import Connection, statement


async def read_coverage(connection: Connection, period: Period) -> list[Covered]:
    """Read the coverage of each currency of an account; there is none where nobody ever asked the sender."""
    rows = await connection.fetch(statement("close/coverage"), period.account_id)
    return [Covered(row["currency"], amount(row["outstanding"]), amount(row["confirmed"])) for row in rows]


def below(coverage: Sequence[Covered], least: float) -> str:
    """Say of which currencies less than this share is confirmed; nothing where all are."""
    return ", ".join(
        f"{one.confirmed} of {one.outstanding} {one.currency}"
        for one in coverage
        if units(one.confirmed) < least * units(one.outstanding)
    )
