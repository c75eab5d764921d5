"""Reporting: brings the views of ``sql/reporting`` into the database, and the twins that report test traffic.

One file is one view or function, after whose name it is called. Files of the folder itself are rendered twice:
``{schema}`` and ``{livemode}`` stand for what the twins differ in. Their order follows from their references.
"""

import re
from graphlib import TopologicalSorter
from importlib.resources import files

import asyncpg

from consumer.database import Connection

OWNER = "giftledger_owner"
TWINS = {"reporting": "true", "reporting_test": "false"}

_FOLDER = files("sql") / "reporting"


class ReportInUseError(Exception):
    """A report has to change its shape, and somebody's own view is built on it."""


async def install(connection: Connection) -> None:
    """Bring the reports to this version, whole or not at all; safe to repeat, and for two processes at once.

    A report keeps its identity, so that views built on it live on, as long as it only gains columns. Otherwise
    all reports are dropped and made anew. Raises ReportInUseError when that would take somebody's view with it.
    """
    async with connection.transaction():
        await connection.execute(f"SET LOCAL ROLE {OWNER}")
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('giftledger.reporting'))")
        await connection.execute(_step("time_zones"))
        try:
            async with connection.transaction():
                await _create(connection)
        except (asyncpg.InvalidTableDefinitionError, asyncpg.InvalidFunctionDefinitionError):
            await _drop(connection)
            await _create(connection)
        await connection.execute(_step("grants"))


def statements() -> list[str]:
    """Give the SQL of every report, each after those that it is made of."""
    internal, reports = _read("internal"), _read()
    rendered = [
        {name: sql.replace("{schema}", schema).replace("{livemode}", livemode) for name, sql in reports.items()}
        for schema, livemode in TWINS.items()
    ]
    return [sql for group in (internal, *rendered) for sql in _in_order(group)]


async def _create(connection: Connection) -> None:
    await connection.execute(_step("forget_columns"))
    for sql in statements():
        await connection.execute(sql)
    await connection.execute(_step("columns"))


async def _drop(connection: Connection) -> None:
    try:
        await connection.execute(_step("drop"))
    except asyncpg.DependentObjectsStillExistError as error:
        raise ReportInUseError(
            f"The reports change their shape, and other objects are built on them. Drop those first, and "
            f"create them again afterwards: {error.detail}"
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
    """Sort a group so that each statement comes after those whose names it mentions behind a schema."""
    references = {
        name: set(re.findall(r"\breporting\w*\.(\w+)", sql)) & set(group) - {name} for name, sql in group.items()
    }
    order = TopologicalSorter({name: sorted(references[name]) for name in sorted(group)})
    return [group[name] for name in order.static_order()]
