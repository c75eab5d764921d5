"""Check the database: reachable, writable, migrated, with the rights that a worker needs and no more."""

import asyncio
import time
from importlib.resources import files

import asyncpg

from consumer.common.diagnosis import diagnose_database
from consumer.common.settings import Settings, SettingsError
from consumer.operate.check.finding import Finding, ok, problem, warning
from consumer.postgres.database import SCHEMA, Connection

CONNECT_SECONDS = 10.0
OLDEST, NEWEST = 15, 18
CLOCK_SECONDS = 1.0

# What the worker's statements do with each table.
RIGHTS = {
    "webhook_attempt": ("SELECT", "INSERT", "DELETE"),
    "certificate": ("SELECT", "INSERT", "UPDATE"),
    "certificate_history": ("SELECT", "INSERT"),
    "definition": ("SELECT", "INSERT", "UPDATE"),
    "account_currency": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "reporting_setting": ("SELECT", "UPDATE"),
}

_GRANT = "GRANT giftledger_writer TO <this user>, as a superuser or whoever migrates."


async def check_database(settings: Settings) -> list[Finding]:
    """Look at Postgres as the worker will."""
    try:
        connection = await asyncpg.connect(settings.database, timeout=CONNECT_SECONDS)
    except SettingsError:
        remedy = "Give it, for example postgresql://giftledger@localhost:5432/giftledger; or check --for ingress."
        return [problem("DATABASE_URL", "is not set", remedy)]
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        cause = diagnose_database(error)
        what, remedy = cause or (f"answers with {type(error).__name__}: {error}", "Look at the server's log.")
        return [problem("Postgres", what, remedy)]
    try:
        return await _connected(connection, settings)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        return [problem("Postgres", f"answers with {type(error).__name__}: {error}", "Look at the server's log.")]
    finally:
        await asyncio.wait_for(connection.close(), CONNECT_SECONDS)


async def _connected(connection: Connection, settings: Settings) -> list[Finding]:
    findings = [*await _server(connection), *await _clock(connection, settings)]
    schema = await _migrations(connection)
    findings += schema
    if not any(finding.subject == "schema" and finding.message == _NOTHING for finding in schema):
        findings += [*await _rights(connection), *await _reports(connection), *await _zone(connection, settings)]
    return findings


async def _server(connection: Connection) -> list[Finding]:
    found = await connection.fetchrow(
        "SELECT current_setting('server_version') AS version, "
        "current_setting('server_version_num')::integer AS number, "
        "current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS standby, "
        "current_setting('default_transaction_read_only')::boolean AS read_only"
    )
    if found is None:
        return []
    findings = []
    major = found["number"] // 10_000
    if major < OLDEST:
        findings.append(
            problem("Postgres", f"is version {found['version']}", f"Upgrade it: {OLDEST} to {NEWEST} are supported.")
        )
    elif major > NEWEST:
        findings.append(
            warning(
                "Postgres",
                f"is version {found['version']}, newer than what this version was tested on",
                f"{OLDEST} to {NEWEST} are; look whether a newer giftledger is out.",
            )
        )
    if found["encoding"] != "UTF8":
        findings.append(
            problem(
                "Postgres",
                f"the database's encoding is {found['encoding']}: it cannot hold every name that the sender sends",
                "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and move there.",
            )
        )
    if found["standby"] or found["read_only"]:
        findings.append(
            problem(
                "Postgres",
                "is a standby" if found["standby"] else "is read-only",
                "Point DATABASE_URL at the primary, for example with target_session_attrs=read-write.",
            )
        )
    return findings or [ok("Postgres", f"version {found['version']}")]


async def _clock(connection: Connection, settings: Settings) -> list[Finding]:
    before = time.time()
    theirs = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
    return [judge_clock(settings, before, theirs, time.time())]


def judge_clock(settings: Settings, before: float, theirs: float, after: float) -> Finding:
    """Judge the server's time by our own, before it was asked and after: Unix seconds."""
    # The answer was made at some moment between: what lies outside is skew.
    skew = max(theirs - after, before - theirs, 0.0)
    if skew < CLOCK_SECONDS:
        return ok("clock", "agrees with Postgres'")
    message = f"is {skew:.0f} s away from Postgres'"
    remedy = "Let all machines follow the same time server."
    if skew > settings.webhook_tolerance_seconds / 2:
        return problem("clock", f"{message}: signatures will be refused as too old", remedy)
    return warning("clock", f"{message}: ages and freshness are wrong by that", remedy)


_NOTHING = "giftledger has never been migrated into this database"


async def _migrations(connection: Connection) -> list[Finding]:
    ours = {
        file.name.partition("_")[0]: file.name.removesuffix(".sql")
        for file in (files("sql") / "migrations").iterdir()
        if file.name.endswith(".sql")
    }
    table = await connection.fetchval(
        "SELECT relation.oid FROM pg_class AS relation JOIN pg_namespace AS namespace "
        "ON namespace.oid = relnamespace WHERE nspname = $1 AND relname = 'schema_migration'",
        SCHEMA,
    )
    if table is None:
        return [problem("schema", _NOTHING, "giftledger migrate, or name the right database in DATABASE_URL.")]
    try:
        rows = await connection.fetch(f"SELECT version FROM {SCHEMA}.schema_migration")  # noqa: S608 - our constant
    except asyncpg.InsufficientPrivilegeError:
        return [problem("schema", "this user may not see which migrations were applied", _GRANT)]
    applied = {row["version"] for row in rows}
    missing = sorted(name for version, name in ours.items() if version not in applied)
    if missing:
        return [problem("schema", f"lacks {', '.join(missing)}", "giftledger migrate, before this version starts.")]
    if newer := sorted(applied - ours.keys()):
        return [
            warning(
                "schema",
                f"is newer than this program: {', '.join(newer)}",
                "Harmless while an older version runs out; otherwise deploy the version that migrated.",
            )
        ]
    return [ok("schema", f"{len(applied)} migrations, none missing")]


async def _rights(connection: Connection) -> list[Finding]:
    findings = []
    user = await connection.fetchval("SELECT current_user")
    if await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        findings.append(
            warning(
                "rights",
                f"{user} is a superuser: a mistake of this program could do anything",
                "Make a user for the worker and GRANT giftledger_writer TO it; migrate with another.",
            )
        )
    missing = await connection.fetch(
        """
        SELECT wanted.right || ' on ' || relname AS lack
        FROM unnest($1::text[], $2::text[]) AS wanted (name, "right")
        JOIN pg_class AS relation ON relname = wanted.name
        JOIN pg_namespace AS namespace ON namespace.oid = relnamespace AND nspname = $3
        WHERE NOT has_table_privilege(relation.oid, wanted.right)
        UNION ALL
        SELECT 'USAGE on schema ' || nspname FROM pg_namespace
        WHERE nspname = $3 AND NOT has_schema_privilege(oid, 'USAGE')
        UNION ALL
        SELECT 'TEMPORARY on the database' WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')
        """,
        [table for table, rights in RIGHTS.items() for _ in rights],
        [right for rights in RIGHTS.values() for right in rights],
        SCHEMA,
    )
    if missing:
        lacks = ", ".join(row["lack"] for row in missing)
        remedy = _GRANT if len(missing) > 1 else f"{_GRANT} TEMPORARY: GRANT TEMPORARY ON DATABASE … TO <this user>."
        findings.append(problem("rights", f"{user} lacks {lacks}", remedy))
    return findings or [ok("rights", f"{user} may do what a worker does, and is no superuser")]


async def _reports(connection: Connection) -> list[Finding]:
    wanted = {
        file.name.removesuffix(".sql") for file in (files("sql") / "reporting").iterdir() if file.name.endswith(".sql")
    }
    there = {
        row["name"]
        for row in await connection.fetch(
            "SELECT relname AS name FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace "
            "WHERE nspname = 'reporting' UNION ALL "
            "SELECT proname FROM pg_proc JOIN pg_namespace AS n ON n.oid = pronamespace WHERE nspname = 'reporting'"
        )
    }
    if missing := sorted(wanted - there):
        return [problem("reports", f"lack {', '.join(missing)}", "giftledger migrate")]
    return [ok("reports", f"all {len(wanted)} are installed")]


async def _zone(connection: Connection, settings: Settings) -> list[Finding]:
    zone = settings.reporting_time_zone
    if await connection.fetchval("SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = $1)", zone):
        return []
    return [
        warning(
            "REPORTING_TIME_ZONE",
            f"{zone} is not known to this Postgres: reports use UTC instead",
            "Choose a name of pg_timezone_names, or update the server's time zone data.",
        )
    ]
