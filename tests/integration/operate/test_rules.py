"""The rules by name: those that a command knows are those that the reports explain."""

import re

from consumer.operate.rules import RULES
from consumer.postgres.database import Pool

EXPLAINED = (
    "SELECT col_description(attrelid, attnum) FROM pg_attribute"
    " WHERE attrelid = 'reporting.data_quality_exceptions'::regclass AND attname = 'rule'"
)
# Words of the explanation that are no rules.
OTHER_WORDS: set[str] = set()


async def test_commands_know_every_rule_that_the_reports_explain_and_no_other(connections: Pool) -> None:
    explained = re.findall(r"[a-z]+(?:_[a-z]+)+", await connections.fetchval(EXPLAINED))

    assert sorted({*explained} - OTHER_WORDS) == list(RULES)
