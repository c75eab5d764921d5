"""Reporting: brings the views of ``sql/reporting`` into the database, and the twins that report test traffic.

One file is one view or function, named after it. The files of the folder itself are rendered twice: ``{schema}``
and ``{livemode}`` stand for what the twins differ in. Their order follows from their references.
"""

import re
from graphlib import TopologicalSorter
from importlib.resources import files

import asyncpg

from consumer.common.errors import Fatal
from consumer.postgres.database import OWNER, Connection

TWINS = {"reporting": "true", "reporting_test": "false"}

_FOLDER = files("sql") / "reporting"


async def install(connection: Connection) -> None:
    """Bring the reports to this version, whole or not at all; safe to repeat, and for two processes at once.

    A report that only gains columns is replaced in its place, so that views built on it live on; otherwise all
    reports are dropped and made anew. Raises Fatal when that would take somebody's own view with it.
    """
    async with connection.transaction():
        await connection.execute(f"SET LOCAL ROLE {OWNER}")
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('giftledger reports'))")
        await connection.execute(_step("time_zones"))
        try:
            async with connection.transaction():
                await _create(connection)
        except (asyncpg.InvalidTableDefinitionError, asyncpg.InvalidFunctionDefinitionError):
            await _drop(connection)
            await _create(connection)
        await connection.execute(_step("grants"))
        # The transaction may be part of a larger one, which goes on as whoever it was.
        await connection.execute("SET LOCAL ROLE NONE")


def statements() -> list[str]:
    """Give the SQL of every report, each after those that it is made of."""
    internal, reports = _read("internal"), _read()
    twins = [
        {name: sql.replace("{schema}", schema).replace("{livemode}", livemode) for name, sql in reports.items()}
        for schema, livemode in TWINS.items()
    ]
    return [sql for group in (internal, *twins) for sql in _in_order(group)]


async def _create(connection: Connection) -> None:
    await connection.execute(_step("forget_columns"))
    for sql in statements():
        await connection.execute(sql)
    await connection.execute(_step("columns"))


async def _drop(connection: Connection) -> None:
    try:
        await connection.execute(_step("drop"))
    except asyncpg.DependentObjectsStillExistError as error:
        raise Fatal(
            "The reports change their shape, and other views are built on them. Drop those, migrate, and create "
            f"them again: {error.detail}"
        ) from error


def _step(name: str) -> str:
    return (_FOLDER / "install" / f"{name}.sql").read_text(encoding="utf-8")


def _read(folder: str = "") -> dict[str, str]:
    return {
        file.name.removesuffix(".sql"): file.read_text(encoding="utf-8")
        for file in (_FOLDER / folder).iterdir()
        if file.name.endswith(".sql")
    }


def _in_order(group: dict[str, str]) -> list[str]:
    """Sort a group of files so that each comes after those that it mentions."""
    order = TopologicalSorter[str]()
    for name in sorted(group):
        mentioned = set(re.findall(r"\breporting\w*\.(\w+)", group[name]))
        order.add(name, *sorted((mentioned & set(group)) - {name}))
    return [group[name] for name in order.static_order()]
