"""`python -m tests.reporting.dictionary`: writes the report dictionary from the database's own comments.

What a report or a column means stands in its comment and nowhere else; sql/README.md is printed from them.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg

from consumer.common.settings import load
from consumer.postgres.database import Connection
from consumer.postgres.migrate import migrate
from deploy.local.stack import Stack

SQL = Path(__file__).resolve().parents[2] / "sql"
README = SQL / "README.md"
QUESTIONS = SQL / "reporting" / "questions"

COMMAND = "make dictionary"

INTRODUCTION = f"""\
# The report dictionary

Schema `reporting` holds the reports of live traffic; schema `reporting_test` holds the same reports of test traffic.
Grant the role `giftledger_reporting` to whoever reads them: it sees these two schemas and nothing else.

Every amount is a `numeric(20,5)` in the currency that stands beside it. Amounts of different currencies, 'unspecified'
among them, are never to be added. Days and months are those of the station's clock, else of `REPORTING_TIME_ZONE`.
Names and e-mail addresses are in no report.

This file is printed from the comments in the database: change those in `sql/reporting`, then run `{COMMAND}`.
"""

_REPORTS = """
SELECT relation.oid, relation.relname AS name, obj_description(relation.oid, 'pg_class') AS meaning
FROM pg_class AS relation
WHERE relation.relnamespace = 'reporting'::regnamespace AND relation.relkind = 'v'
ORDER BY name
"""
_COLUMNS = """
SELECT attname AS name, format_type(atttypid, atttypmod) AS type, col_description(attrelid, attnum) AS meaning
FROM pg_attribute
WHERE attrelid = $1 AND attnum > 0
ORDER BY attnum
"""
_FUNCTIONS = """
SELECT
    proname AS name,
    pg_get_function_arguments(oid) AS arguments,
    pg_get_function_result(oid) AS result,
    obj_description(oid, 'pg_proc') AS meaning
FROM pg_proc
WHERE pronamespace = 'reporting'::regnamespace
ORDER BY name
"""


def questions() -> dict[str, str]:
    """Give the example questions and the SQL that answers them."""
    answers = {}
    for path in sorted(QUESTIONS.glob("*.sql")):
        question, _, sql = path.read_text(encoding="utf-8").partition("\n")
        answers[question.removeprefix("-- ")] = sql.strip()
    return answers


async def dictionary(connection: Connection) -> str:
    """Print the dictionary of a migrated database."""
    parts = [INTRODUCTION, "## Questions\n"]
    parts += [f"**{question}**\n\n```sql\n{sql}\n```\n" for question, sql in questions().items()]
    parts.append("## Reports\n")
    for report in await connection.fetch(_REPORTS):
        columns = await connection.fetch(_COLUMNS, report["oid"])
        parts.append("\n".join(_report(report, columns)))
    for function in await connection.fetch(_FUNCTIONS):
        parts.append(
            f"### {function['name']} (function)\n\n{_labelled(function['meaning'])}\n\n"
            f"`{function['name']}({function['arguments']})` returns `{function['result']}`\n"
        )
    return "\n".join(parts)


def _report(report: asyncpg.Record, columns: list[asyncpg.Record]) -> Iterator[str]:
    yield f"### {report['name']}\n"
    yield f"{_labelled(report['meaning'])}\n"
    yield "| column | type | meaning |"
    yield "|---|---|---|"
    for column in columns:
        yield f"| `{column['name']}` | {column['type']} | {column['meaning']} |"
    yield ""


def _labelled(meaning: str) -> str:
    """Set the labels (grain, reader, definition) apart, one a line."""
    lines = (line.partition(": ") for line in meaning.splitlines())
    return "\n".join(f"- **{label}**: {text}" for label, _, text in lines)


async def _printed(url: str) -> str:
    await migrate(load({"DATABASE_URL": url}))
    connection = await asyncpg.connect(url)
    try:
        return await dictionary(connection)
    finally:
        await connection.close()


if __name__ == "__main__":
    with Stack(broker="embedded", durable=False) as stack:
        README.write_text(asyncio.run(_printed(stack.postgres.url())), encoding="utf-8")
