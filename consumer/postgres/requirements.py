"""Requirements: what a process must find in the database before it can work, and who can see to it.

A worker waits for them, `giftledger check` lists them, and a command that works on the tables refuses without them.
"""

from importlib.resources import files

import asyncpg

from consumer.common.diagnosis import Diagnosis
from consumer.common.settings import Settings
from consumer.postgres.database import SCHEMA, Connection
from consumer.postgres.figure_settings import disagreement, standing

# What the worker's statements do with each table.
RIGHTS = {
    "other_attempt": ("SELECT", "INSERT", "DELETE"),
    "certificate": ("SELECT", "INSERT", "UPDATE"),
    "certificate_document": ("SELECT", "INSERT", "UPDATE"),
    "certificate_history": ("SELECT", "INSERT"),
    "definition": ("SELECT", "INSERT", "UPDATE"),
    "journal": ("SELECT", "INSERT"),
    "journal_total": ("SELECT", "INSERT", "DELETE"),
    "journal_totalled": ("SELECT", "UPDATE"),
    "month_total": ("SELECT", "INSERT", "DELETE"),
    "redemption_total": ("SELECT", "INSERT", "DELETE"),
    "station_name": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "balance_outbox": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "balance_publisher": ("SELECT", "UPDATE"),
    "balance_topic": ("SELECT", "INSERT", "UPDATE"),
    "settled": ("SELECT", "INSERT"),
    "closed_period": ("SELECT",),
    "close": ("SELECT",),
    "rebooking_task": ("SELECT", "INSERT", "UPDATE"),
    "exception": ("SELECT", "INSERT", "DELETE"),
    "exception_acknowledgement": ("SELECT", "INSERT"),
    "reconciliation_run": ("SELECT", "INSERT", "UPDATE"),
    "reconciliation_list": ("SELECT", "INSERT", "UPDATE"),
    "reconciliation_item": ("SELECT", "INSERT", "UPDATE"),
    "sender_pace": ("SELECT", "UPDATE"),
    "sender_undelivered": ("SELECT", "INSERT", "DELETE"),
    "account_currency": ("SELECT",),
    "reporting_setting": ("SELECT",),
}

NEVER_MIGRATED = Diagnosis(
    "giftledger has never been migrated into this database",
    "Run `giftledger migrate`, or name the right database in DATABASE_URL.",
)
_GRANT = "GRANT giftledger_writer TO <this user>, as a superuser or whoever migrates."


async def unmet(connection: Connection, settings: Settings) -> Diagnosis | None:
    """Give the first thing that a worker lacks here; None when it can work."""
    return (
        await unmet_schema(connection)
        or await unmet_rights(connection)
        or disagreement(settings, await standing(connection))
    )


async def unmet_schema(connection: Connection) -> Diagnosis | None:
    """Say what of this version's schema is missing."""
    try:
        applied = await applied_migrations(connection)
    except asyncpg.InsufficientPrivilegeError:
        return Diagnosis("this user may not see which migrations were applied", _GRANT)
    if not applied:
        return NEVER_MIGRATED
    missing = sorted(name for version, name in our_migrations().items() if version not in applied)
    if missing:
        return Diagnosis(f"the schema lacks {', '.join(missing)}", "Run `giftledger migrate` with this version.")
    return None


async def applied_migrations(connection: Connection) -> set[str]:
    """Give the versions of the applied migrations; none where nothing was ever migrated.

    Raises InsufficientPrivilegeError where this user may not see them.
    """
    table = await connection.fetchval(
        "SELECT relation.oid FROM pg_class AS relation JOIN pg_namespace AS namespace "
        "ON namespace.oid = relnamespace WHERE nspname = $1 AND relname = 'schema_migration'",
        SCHEMA,
    )
    if table is None:
        return set()
    return {row["version"] for row in await connection.fetch("SELECT version FROM giftcert.schema_migration")}


def our_migrations() -> dict[str, str]:
    """Give the migrations that this version brings: version → name."""
    return {
        file.name.partition("_")[0]: file.name.removesuffix(".sql")
        for file in (files("sql") / "migrations").iterdir()
        if file.name.endswith(".sql")
    }


async def unmet_rights(connection: Connection) -> Diagnosis | None:
    """Say which rights of a worker this user lacks."""
    missing = await connection.fetch(
        """
        SELECT current_user AS name, wanted.right || ' on ' || relname AS lack
        FROM unnest($1::text[], $2::text[]) AS wanted (name, "right")
        JOIN pg_class AS relation ON relname = wanted.name
        JOIN pg_namespace AS namespace ON namespace.oid = relnamespace AND nspname = $3
        WHERE NOT CASE
            WHEN wanted.right = 'DELETE' THEN has_table_privilege(relation.oid, wanted.right)
            ELSE has_any_column_privilege(relation.oid, wanted.right)
        END
        UNION ALL
        SELECT current_user, 'USAGE on schema ' || nspname FROM pg_namespace
        WHERE nspname = $3 AND NOT has_schema_privilege(oid, 'USAGE')
        UNION ALL
        SELECT current_user, 'TEMPORARY on the database'
        WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')
        """,
        [table for table, rights in RIGHTS.items() for _ in rights],
        [right for rights in RIGHTS.values() for right in rights],
        SCHEMA,
    )
    if not missing:
        return None
    lacks = ", ".join(row["lack"] for row in missing)
    remedy = _GRANT if len(missing) > 1 else f"{_GRANT} TEMPORARY: GRANT TEMPORARY ON DATABASE … TO <this user>."
    return Diagnosis(f"{missing[0]['name']} lacks {lacks}", remedy)
