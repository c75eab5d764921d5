"""Check the database: reachable, writable, migrated, with the rights that a worker needs and no more."""

import asyncio
import time
from importlib.resources import files

import asyncpg

from consumer.common.diagnosis import diagnose_database
from consumer.common.errors import THE_WAY_THERE
from consumer.common.settings import NONE, Settings, SettingsError
from consumer.operate.check.finding import Finding, Level, ok, problem, warning
from consumer.postgres.database import Connection, session, shared_session
from consumer.postgres.figure_settings import disagreement, standing
from consumer.postgres.requirements import applied_migrations, our_migrations, unmet_rights, unmet_schema

CONNECT_SECONDS = 10.0
OLDEST, NEWEST = 15, 18
CLOCK_SECONDS = 1.0


async def check_database(settings: Settings) -> list[Finding]:
    """Look at Postgres as the worker will."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS), session(settings) as connection:
            if shared := await shared_session(connection, settings):
                return [problem("Postgres", *shared)]
            return await _connected(connection, settings)
    except SettingsError:
        remedy = "Give it, for example postgresql://giftledger@localhost:5432/giftledger; or check --for ingress."
        return [problem("DATABASE_URL", "is not set", remedy)]
    except (asyncpg.PostgresError, *THE_WAY_THERE) as error:
        what, remedy = diagnose_database(error) or (
            f"answers with {type(error).__name__}: {error}",
            "Look at the server's log.",
        )
        return [problem("Postgres", what, remedy)]


async def _connected(connection: Connection, settings: Settings) -> list[Finding]:
    findings = [*await _server(connection), *await _clock(connection, settings)]
    schema = await _schema(connection)
    if _wrong(schema):
        return findings + schema
    rights = await _rights(connection)
    findings += schema + rights + await _reports(connection)
    return findings if _wrong(rights) else findings + await _figure_settings(connection, settings)


def _wrong(findings: list[Finding]) -> bool:
    return any(finding.level is Level.PROBLEM for finding in findings)


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


async def _schema(connection: Connection) -> list[Finding]:
    if trouble := await unmet_schema(connection):
        return [problem("schema", *trouble)]
    applied, ours = await applied_migrations(connection), our_migrations()
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
    user = await connection.fetchval("SELECT current_user")
    if await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        return [
            warning(
                "rights",
                f"{user} is a superuser: a mistake of this program could do anything",
                "Make a user for the worker and GRANT giftledger_writer TO it; migrate with another.",
            )
        ]
    if trouble := await unmet_rights(connection):
        return [problem("rights", *trouble)]
    findings = [ok("rights", f"{user} may do what a worker does, and is no superuser")]
    if not await connection.fetchval("SELECT has_schema_privilege('reporting', 'USAGE')"):
        remedy = "As whoever made the roles: GRANT giftledger_reporting TO giftledger_writer."
        findings.append(warning("rights", f"{user} may not read the reports: two metrics will be missing", remedy))
    return findings


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


async def _figure_settings(connection: Connection, settings: Settings) -> list[Finding]:
    subject = "settings in the database"
    there = await standing(connection)
    if trouble := disagreement(settings, there):
        return [problem(subject, *trouble)]
    currencies = ", ".join(f"{account}={code}" for account, code in sorted(there.account_currencies.items()))
    found = f"REPORTING_TIME_ZONE={there.time_zone}, ACCOUNT_CURRENCIES={currencies or NONE}"
    if await connection.fetchval("SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = $1)", there.time_zone):
        return [ok(subject, found)]
    remedy = "Run `giftledger migrate` with a name of pg_timezone_names, or update the server's time zone data."
    return [warning(subject, f"{found}: this Postgres does not know the zone, and reports use UTC instead", remedy)]
