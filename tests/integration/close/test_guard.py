"""Guards: a closed month stays what was cut, whatever SQL somebody writes, and what got in all the same is named."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import asyncpg
import pytest

from consumer.close.month import Period
from consumer.close.pack.folder import write_pack
from consumer.close.sign import sign
from consumer.common.errors import Fatal, Verdict, database_verdict
from consumer.common.settings import Settings
from consumer.operate.verify import verify
from consumer.postgres.database import Connection, Pool
from tests.builders import bought
from tests.closing import JULY, JUNE, Applied, closed, cut, findings, on, prepare, publish
from tests.databases import unguarded

RUNBOOK = Path(__file__).parents[3] / "deploy" / "README.md"
PERIOD, NEXT = Period(JUNE, "a1"), Period(JULY, "a1")
COLUMNS = (
    "booked_at, effective_at, change, change_at_consideration, balance, local_day, posting_day, period, movement,"
    " entry, livemode, is_inferred, certificate_id, event_id, caused_by, account_id, currency"
)
# A line of account $2 in month $1, of traffic $3.
A_LINE = f"""
    INSERT INTO giftcert.journal ({COLUMNS})
    SELECT
        clock_timestamp(), now(), 7, 7, 7, $1, $1, $1, 'issued', 1, $3::text = 'live', false, 'x', 'x', 'x', $2, 'CAD'
"""
REFUSED = (asyncpg.ObjectNotInPrerequisiteStateError, "closed")


@pytest.fixture
async def signed(books: Applied, connection: Connection, settings: Settings, key: Path) -> Path:
    await publish(settings, [bought(accountId="a1", shiftLocation={"primaryCurrencyCode": "CAD"}, **on(JUNE))])
    await books.catch_up()
    await closed(connection, settings, PERIOD, key)
    return key.with_name("keys.pem")


@asynccontextmanager
async def acting_as(
    connections: Pool, role: str, isolation: Literal["read_committed", "repeatable_read"] = "read_committed"
) -> AsyncIterator[Connection]:
    """Act as a role, in a transaction that is taken back."""
    async with connections.acquire() as connection:
        transaction = connection.transaction(isolation=isolation)
        await transaction.start()
        await connection.execute(f"SET LOCAL ROLE {role}")
        try:
            yield connection
        finally:
            await transaction.rollback()


async def put_in(connections: Pool, period: Period, traffic: str = "live") -> int:
    """Put a line into a month as the tables' owner, whom no trigger holds; give its number."""
    async with connections.acquire() as owner, owner.transaction():
        await owner.execute("ALTER TABLE giftcert.journal DISABLE TRIGGER USER")
        line: int = await owner.fetchval(f"{A_LINE} RETURNING id", *period, traffic)
        await owner.execute("ALTER TABLE giftcert.journal ENABLE TRIGGER USER")
    return line


@pytest.mark.parametrize("role", ["giftledger_writer", "giftledger_owner"])
async def test_a_line_of_a_closed_month_is_refused(signed: Path, connections: Pool, role: str) -> None:  # noqa: ARG001
    for month in (JUNE, JUNE.replace(month=5)):
        async with acting_as(connections, role) as writer:
            with pytest.raises(REFUSED[0], match=REFUSED[1]) as refused:
                await writer.execute(A_LINE, month, "a1", "live")
    assert database_verdict(refused.value) is Verdict.UNKNOWN, "a worker must not make dead letters of it"


async def test_a_line_of_a_closed_month_is_refused_among_others_that_are_copied(
    signed: Path,  # noqa: ARG001 - the month is closed
    connections: Pool,
) -> None:
    async with acting_as(connections, "giftledger_writer") as writer:
        await writer.execute(A_LINE, JULY, "a1", "live")
        rows = [
            (now, now, 7, 7, 7, month, month, month, "issued", 1, True, False, *"xxx", "a1", "CAD")
            for now in [datetime.now(UTC)]
            for month in (JULY, JUNE, JULY)
        ]
        with pytest.raises(REFUSED[0], match=REFUSED[1]):
            await writer.copy_records_to_table(
                "journal", schema_name="giftcert", columns=COLUMNS.split(", "), records=rows
            )


@pytest.mark.parametrize(
    ("month", "account", "traffic"),
    [(JULY, "a1", "live"), (JUNE, "a2", "live"), (JUNE, None, "live"), (JUNE, "a1", "test")],
)
async def test_lines_of_open_months_of_other_accounts_and_of_test_traffic_are_booked(
    signed: Path,  # noqa: ARG001 - the month is closed
    connections: Pool,
    month: Any,
    account: str | None,
    traffic: str,
) -> None:
    async with acting_as(connections, "giftledger_writer") as writer:
        await writer.execute(A_LINE, month, account, traffic)


async def test_a_line_is_refused_where_an_older_snapshot_would_not_see_what_is_closed(
    signed: Path,  # noqa: ARG001 - the month is closed
    connections: Pool,
) -> None:
    async with acting_as(connections, "giftledger_writer", "repeatable_read") as writer:
        with pytest.raises(asyncpg.InvalidTransactionStateError, match="read what is committed"):
            await writer.execute(A_LINE, JULY, "a1", "live")


async def test_a_line_that_came_into_a_signed_month_is_named_and_blocks_the_next(
    signed: Path, connections: Pool, connection: Connection, settings: Settings
) -> None:
    await put_in(connections, PERIOD, "test")
    await put_in(connections, NEXT)
    assert await findings(connection, PERIOD, signed) == []

    line = await put_in(connections, PERIOD)

    assert await findings(connection, PERIOD, signed) == [
        (f"line {line}", "came into 2026-06 after that was cut: certificate x by 0.00007")
    ]
    outlook = await prepare(connection, settings, NEXT, by="Ann")
    assert f"1 lines came into closed months, from line {line} on" in [one.found for one in outlook.blockers]


async def test_verify_names_a_line_that_came_into_a_closed_month_and_mends_nothing_around_it(
    signed: Path,  # noqa: ARG001 - the month is closed
    connections: Pool,
    settings: Settings,
) -> None:
    line = await put_in(connections, PERIOD)

    found = await verify(settings, mend=True)

    assert (found.too_late, found.mended) == ([line], None)
    assert await connections.fetchval("SELECT max(id) FROM giftcert.journal") == line


@pytest.mark.parametrize("month", ["9999-12-01", "1999-12-01", "2026-05-01", "2026-06-01", "2026-08-01"])
async def test_months_are_closed_one_after_the_other(signed: Path, connections: Pool, month: str) -> None:  # noqa: ARG001
    async with acting_as(connections, "giftledger_closer") as closer:
        with pytest.raises(asyncpg.CheckViolationError, match="cannot be closed"):
            await closer.execute("UPDATE giftcert.closed_period SET month = $1::text::date", month)
    async with acting_as(connections, "giftledger_closer") as closer:
        await closer.execute("UPDATE giftcert.closed_period SET month = '2026-07-01'")


async def test_a_month_that_is_not_over_is_not_closed_by_anybody(connections: Pool) -> None:
    for month in ("'9999-12-01'", "'1999-12-01'", "date_trunc('month', now() - interval '12 hours')"):
        async with acting_as(connections, "giftledger_closer") as closer:
            with pytest.raises(asyncpg.CheckViolationError, match="cannot be closed"):
                await closer.execute(f"INSERT INTO giftcert.closed_period VALUES ('a2', {month})")  # noqa: S608


CLOSE = """
    INSERT INTO giftcert.close (month, account_id, prepared, cut_by)
    SELECT month, account_id, id, 'Eve' FROM giftcert.close_prepared WHERE month = $1 AND account_id = 'a1'
"""
PREPARE = (
    "INSERT INTO giftcert.close_prepared (month, account_id, prepared_by, warnings) VALUES ($1, 'a1', 'Eve', '[]')"
)
AT_COMMIT = "SET CONSTRAINTS ALL IMMEDIATE"


@pytest.mark.parametrize("month", ["2026-05-01", "2026-07-01", "2026-08-01", "2999-12-01"])
async def test_a_close_stands_only_beside_the_month_that_is_closed_with_it(
    signed: Path,  # noqa: ARG001 - the month is closed
    connections: Pool,
    month: str,
) -> None:
    """A close of an open month would make its lines look as if they had come too late."""
    async with acting_as(connections, "giftledger_closer") as closer:
        await closer.execute(PREPARE, date.fromisoformat(month))
        await closer.execute(CLOSE, date.fromisoformat(month))
        with pytest.raises(asyncpg.CheckViolationError, match="written together"):
            await closer.execute(AT_COMMIT)


@pytest.mark.parametrize(
    "closing",
    [
        "UPDATE giftcert.closed_period SET month = '2026-07-01'",
        "INSERT INTO giftcert.closed_period VALUES ('a2', '2026-06-01')",
    ],
)
async def test_no_month_is_closed_without_a_close(signed: Path, connections: Pool, closing: str) -> None:  # noqa: ARG001
    async with acting_as(connections, "giftledger_closer") as closer:
        await closer.execute(closing)
        with pytest.raises(asyncpg.CheckViolationError, match="written together"):
            await closer.execute(AT_COMMIT)


async def test_a_close_is_of_a_preparation_of_the_same_month_and_account(signed: Path, connections: Pool) -> None:  # noqa: ARG001
    for month, account in (("2026-07-01", "a1"), ("2026-06-01", "a2"), ("2026-06-01", None)):
        async with acting_as(connections, "giftledger_closer") as closer:
            with pytest.raises(asyncpg.CheckViolationError, match="no preparation of it"):
                await closer.execute(
                    "INSERT INTO giftcert.close (month, account_id, prepared, cut_by)"
                    " SELECT $1, $2, id, 'Eve' FROM giftcert.close_prepared",
                    date.fromisoformat(month),
                    account,
                )


@pytest.mark.parametrize("column", ["last_line", "last_settled", "cut_at", "time_zone", "account_currencies"])
async def test_who_closes_does_not_say_where_the_books_stand(connections: Pool, column: str) -> None:
    async with acting_as(connections, "giftledger_closer") as closer:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await closer.execute(f"INSERT INTO giftcert.close ({column}) SELECT NULL")


async def test_the_database_notes_where_the_books_stand(signed: Path, connections: Pool) -> None:  # noqa: ARG001
    async with acting_as(connections, "giftledger_closer") as closer:
        await closer.execute(PREPARE, JULY)
        await closer.execute(CLOSE, JULY)
        await closer.execute("UPDATE giftcert.closed_period SET month = $1", JULY)
        await closer.execute(AT_COMMIT)
        close = await closer.fetchrow(
            "SELECT last_line = (SELECT last_value FROM giftcert.journal_id_seq) AS is_last_line,"
            " last_settled = (SELECT last_value FROM giftcert.settled_id_seq) AS is_last_settled,"
            " cut_at BETWEEN now() AND clock_timestamp() AS is_now,"
            " time_zone = (SELECT time_zone FROM giftcert.reporting_setting) AS is_zone, account_currencies"
            " FROM giftcert.close WHERE month = $1",
            JULY,
        )
        assert tuple(close or ()) == (True, True, True, True, "{}")
        # The closing lock is held: a worker that is booking would have been waited for.
        assert await closer.fetchval(
            "SELECT count(*) FROM pg_locks"
            " WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND pid = pg_backend_pid()"
        )


@pytest.mark.parametrize(
    ("key_bytes", "signature_bytes", "at"),
    [(0, 64, "now"), (32, 0, "now"), (33, 64, "now"), (32, 64, "20000-01-01"), (32, 64, "infinity")],
)
async def test_what_can_be_no_signature_is_refused(
    signed: Path,  # noqa: ARG001 - the month is closed
    connections: Pool,
    key_bytes: int,
    signature_bytes: int,
    at: str,
) -> None:
    async with acting_as(connections, "giftledger_closer") as closer:
        with pytest.raises(asyncpg.CheckViolationError):
            await closer.execute(
                "INSERT INTO giftcert.close_signature (close_id, signed_at, signed_by, public_key, signature)"
                " VALUES (1, $1::text::timestamptz, 'Eve', $2, $3)",
                at,
                bytes(key_bytes),
                bytes(signature_bytes),
            )


PREPARED = "INSERT INTO giftcert.close_prepared (month, account_id, prepared_by, warnings, coverage) VALUES"
OF_A_CERTIFICATE = (
    "INSERT INTO giftcert.close_certificate"
    " (certificate_id, currency, salt, leaf, close_id, balance, balance_at_consideration)"
    " VALUES ('x', 'CAD', '', '', 1,"
)
OF_THE_ROLLFORWARD = (
    "INSERT INTO giftcert.close_rollforward (currency, close_id, opening, issued, first_seen, adjusted_up, redeemed,"
    " adjusted_down, voided, closing, for_earlier_months, closing_at_consideration)"
    " VALUES ('MXN', 1, 0, 0, 0, 0, 0, 0, 0,"
)


@pytest.mark.parametrize(
    "inserted",
    [
        f"{PREPARED} ('0044-03-01 BC', 'a1', 'Eve', '[]', '[]')",
        f"{PREPARED} ('infinity', 'a1', 'Eve', '[]', '[]')",
        *(f"{PREPARED} ('2026-07-01', 'a1', 'Eve', '{no_table}', '[]')" for no_table in ("{}", '["a"]', "[[1, 2, 3]]")),
        f"""{PREPARED} ('2026-07-01', 'a1', 'Eve', '[["rule", "found"]]', '[]')""",
        *(
            f"{PREPARED} ('2026-07-01', 'a1', 'Eve', '[]', '{no_table}')"
            for no_table in ("{}", '["a"]', '[["CAD", 1, 1]]')
        ),
        *(
            f"""{PREPARED} ('2026-07-01', 'a1', 'Eve', '[]', '[["CAD", "1.00000", "{no_amount}"]]')"""
            for no_amount in ("", "x", "1.0", "NaN", "1.00000 ")
        ),
        *(f"{OF_A_CERTIFICATE} 0, '{no_amount}')" for no_amount in ("NaN", "infinity", "-infinity")),
        f"{OF_A_CERTIFICATE} 'NaN', 0)",
        f"{OF_THE_ROLLFORWARD} 'NaN', 0, 0)",
        f"{OF_THE_ROLLFORWARD} 0, 0, '-infinity')",
    ],
)
async def test_what_no_reader_could_read_is_refused(signed: Path, connections: Pool, inserted: str) -> None:  # noqa: ARG001
    async with acting_as(connections, "giftledger_closer") as closer:
        with pytest.raises(asyncpg.CheckViolationError):
            await closer.execute(inserted)


@pytest.mark.parametrize("column", ["warnings", "coverage"])
async def test_what_is_no_json_is_refused(connections: Pool, column: str) -> None:
    values = {"warnings": "[]", "coverage": "[]"} | {column: "no"}
    async with acting_as(connections, "giftledger_closer") as closer:
        with pytest.raises(asyncpg.InvalidTextRepresentationError):
            await closer.execute(f"{PREPARED} ('2026-07-01', 'a1', 'Eve', $1, $2)", *values.values())


@pytest.mark.parametrize("no_manifest", ["no JSON", "{}", "[" * 10_000])
async def test_a_manifest_that_is_none_is_named_and_hinders_no_other_month(
    signed: Path,
    connections: Pool,
    connection: Connection,
    settings: Settings,
    no_manifest: str,
) -> None:
    for step in (
        await prepare(connection, settings, NEXT, by="Ann"),
        await cut(connection, settings, NEXT, by="Ann", wait_seconds=60),
    ):
        assert step.is_clear, step
    async with connections.acquire() as closer, closer.transaction():
        await closer.execute("SET LOCAL ROLE giftledger_closer")
        close_id = await closer.fetchval(
            "INSERT INTO giftcert.close_manifest SELECT id, $2 FROM giftcert.close WHERE month = $1 RETURNING close_id",
            JULY,
            no_manifest,
        )
        await closer.execute(
            "INSERT INTO giftcert.close_signature VALUES ($1, now(), 'Eve', $2, $3)", close_id, bytes(32), bytes(64)
        )

    assert [where for where, _ in await findings(connection, NEXT, signed)] == ["manifest"]
    with pytest.raises(Fatal, match="is not what it was: manifest"):
        await sign(connection, NEXT, signed.with_name("Bob.pem"), by="Bob")
    with pytest.raises(Fatal, match="is not signed"):
        await write_pack(connection, NEXT, signed.with_name("pack"))
    assert await findings(connection, PERIOD, signed) == []
    assert await connections.fetchval("SELECT count(*) FROM reporting.closes") == 2


async def test_the_runbook_tells_a_false_close_from_false_lines(signed: Path, connections: Pool) -> None:  # noqa: ARG001
    (query,) = re.findall(r"```sql\n(SELECT close\.id.*?)```", RUNBOOK.read_text(encoding="utf-8"), re.DOTALL)
    assert await connections.fetch(query) == []
    line = await put_in(connections, PERIOD)

    assert [(row["line"], row["close_is_false"]) for row in await connections.fetch(query)] == [(line, False)]

    await connections.execute("DELETE FROM giftcert.journal WHERE id = $1", line)
    await unguarded(
        connections,
        "INSERT INTO giftcert.close"
        " (month, account_id, prepared, cut_by, cut_at, last_line, last_settled, time_zone, account_currencies)"
        " SELECT $1, 'a1', id, 'Eve', now(), 0, 0, 'UTC', '{}' FROM giftcert.close_prepared",
        JULY,
    )
    found = await connections.fetch(query)
    assert {(row["cut_by"], row["close_is_false"], row["closed_up_to"]) for row in found} == {("Eve", True, JUNE)}


@pytest.mark.parametrize("role", ["giftledger_writer", "giftledger_closer", "giftledger_reporting"])
async def test_nobody_chooses_a_number_that_a_sequence_gives(connections: Pool, role: str) -> None:
    """A close is a position among these numbers."""
    columns = await connections.fetch(
        "SELECT attrelid::regclass::text AS relation, attname AS name,"
        " pg_get_serial_sequence(attrelid::regclass::text, attname) AS sequence FROM pg_attribute"
        " JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'giftcert'::regnamespace AND attidentity <> ''"
    )
    assert len(columns) >= 7
    for relation, name, sequence in columns:
        may = await connections.fetchval(
            "SELECT has_column_privilege($1, $2::text, $3::text, 'INSERT')"
            " OR has_sequence_privilege($1, $4, 'UPDATE, USAGE')",
            role,
            relation,
            name,
            sequence,
        )
        assert not may, (relation, name)


async def test_a_writer_is_refused_a_number_and_a_time_of_his_own(connections: Pool) -> None:
    for refused in (
        "INSERT INTO giftcert.settled (id) OVERRIDING SYSTEM VALUE VALUES (1)",
        "COPY giftcert.journal (id) FROM STDIN",
        "SELECT setval('giftcert.journal_id_seq', 1)",
        "SELECT nextval('giftcert.journal_id_seq')",
        "UPDATE giftcert.rebooking_task SET created_at = now()",
        "INSERT INTO giftcert.exception_acknowledgement (acknowledged_at) VALUES (now())",
        "INSERT INTO giftcert.closed_period VALUES (NULL, '2026-06-01')",
        "INSERT INTO giftcert.close_signature DEFAULT VALUES",
        "UPDATE giftcert.reporting_setting SET time_zone = 'UTC'",
        "DELETE FROM giftcert.account_currency",
    ):
        async with acting_as(connections, "giftledger_writer") as writer:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await writer.execute(refused)
