"""Verifying: whatever is altered is named, with and without the database, and one certificate is proven alone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from consumer.close import store
from consumer.close.month import Period
from consumer.close.sign import sign
from consumer.close.signed.canonical import canonical
from consumer.close.signed.keys import read_public
from consumer.close.verify import evidence
from consumer.close.verify.check import Finding, Notice
from consumer.close.verify.evidence import gathered
from consumer.close.verify.files import verify_files, write_close
from consumer.close.verify.from_topics import verify_from_topics
from consumer.close.verify.proof import check_proof, prove
from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from consumer.kafka import scan
from consumer.postgres.database import Connection, Pool, statement
from tests.builders import bought, definition, paid_with
from tests.closing import JULY, JUNE, Applied, closed, findings, manifest, on, private_key, publish

PERIOD, NEXT = Period(JUNE, "a1"), Period(JULY, "a1")
TORONTO: dict[str, Any] = {"accountId": "a1", "shiftLocation": {"stationId": "toronto", "primaryCurrencyCode": "CAD"}}
ONLINE: dict[str, Any] = {"accountId": "a1", "displayCurrency": {"buy": 1, "sell": 1, "isocode": "USD"}}
OURS, OTHERS = "60c921a917bda93f5c896b01", "60c921a917bda93f5c896b02"
TABLES = {
    "close": "manifest",
    "close_prepared": "manifest prepared",
    "close_records": "close_records",
    "close_rollforward": "close_rollforward",
    "close_certificate": "certificate",
    "close_signature": "signature of",
    "closed_period": "closed_period",
}
CHANGED = {
    "text": "coalesce({0}, '') || 'x'",
    "date": "({0} - interval '1 month')::date",
    "timestamp with time zone": "{0} + interval '1 second'",
    "bytea": "set_byte({0}, 0, 255 - get_byte({0}, 0))",
    "int8multirange": "{0} + '{{[0,1)}}'",
    "numeric": "{0} + 1",
    "bigint": "{0} + 1",
    "integer": "{0} + 1",
}
JSON_TEXT = {
    "account_currencies": '\'{{"x":"CAD"}}\'',
    "warnings": '\'[["rule","found","because"]]\'',
    "coverage": '\'[["CAD","7.00000","1.00000"]]\'',
}


@pytest.fixture
async def signed(books: Applied, connection: Connection, settings: Settings, key: Path) -> Path:
    """Close June and July, with a late event between them; give the file of public keys."""
    day = JUNE.replace(day=4)
    dead = paid_with(1, **TORONTO | {"_id": OURS}, **on(day))
    await publish(
        settings,
        [
            bought(5_000_000, **TORONTO | {"_id": OURS}, **on(day)),
            bought(3_000_000, **ONLINE | {"_id": OTHERS}, **on(day)),
            dead,
            paid_with(4_000_000, **TORONTO | {"_id": OURS}, **on(JUNE.replace(day=9))),
            paid_with(1_500_000, **TORONTO | {"_id": OURS}, **on(JULY.replace(day=9))),
        ],
    )
    await books.catch_up(dying=[dead["attemptId"]])
    await closed(connection, settings, PERIOD, key)
    await publish(
        settings,
        [
            paid_with(4_900_000, **TORONTO | {"_id": OURS}, **on(JUNE.replace(day=6))),
            paid_with(0, **ONLINE | {"_id": OTHERS}, **on(JULY.replace(month=8, day=2))),
        ],
    )
    await books.catch_up()
    await closed(connection, settings, NEXT, key)
    return key.with_name("keys.pem")


async def test_every_value_of_every_signed_row_that_is_altered_is_named(
    signed: Path, connection: Connection, connections: Pool
) -> None:
    assert await findings(connection, NEXT, signed) == []
    await connections.execute("ALTER TABLE giftcert.closed_period DISABLE TRIGGER USER")  # which refuses most of it
    columns = await connections.fetch(
        "SELECT table_name, column_name, CASE data_type WHEN 'USER-DEFINED' THEN udt_name ELSE data_type END AS type"
        " FROM information_schema.columns WHERE table_schema = 'giftcert' AND table_name = ANY ($1)",
        list(TABLES),
    )
    tried = 0
    for table, column, kind in columns:
        change = JSON_TEXT.get(column, CHANGED[kind]).format(column)
        newest = f"(SELECT ctid FROM giftcert.{table} ORDER BY ctid DESC LIMIT 1)"  # noqa: S608
        before = await connections.fetchrow(f"SELECT {column} FROM giftcert.{table} WHERE ctid = {newest}")  # noqa: S608
        try:
            await connections.execute(f"UPDATE giftcert.{table} SET {column} = {change} WHERE ctid = {newest}")  # noqa: S608
        except (asyncpg.ForeignKeyViolationError, asyncpg.UniqueViolationError, asyncpg.GeneratedAlwaysError):
            continue  # no row of a close can be moved to another
        found = await _named(connection, signed)
        await connections.execute(f"UPDATE giftcert.{table} SET {column} = $1 WHERE ctid = {newest}", *(before or ()))  # noqa: S608
        assert any(one.where.startswith(TABLES[table]) for one in found), (table, column, found)
        tried += 1
    assert tried >= 35
    assert await findings(connection, NEXT, signed) == []


async def _named(connection: Connection, keys: Path) -> list[Finding]:
    try:
        return await findings(connection, NEXT, keys)
    except Fatal as error:  # the close itself is another month's, or another account's
        return [Finding("manifest", str(error))]


async def test_every_value_of_the_manifest_that_is_altered_is_named(
    signed: Path, connection: Connection, connections: Pool
) -> None:
    close, _ = await store.close_of(connection, NEXT)
    paths = list(_leaves(manifest(close)))
    assert len(paths) > 40
    for path in paths:
        said = manifest(close)
        place: Any = said
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = _another(place[path[-1]])
        await _write(connections, close.id, canonical(said))
        found = await findings(connection, NEXT, signed)
        assert any(one.where.startswith("signature of") or "is none" in one.what for one in found), path
        if path[0] not in {"certificates", "form", "versions"}:
            assert any(one.where.startswith(f"manifest {path[0]}") or "is none" in one.what for one in found), path
    await _write(connections, close.id, close.manifest or b"")
    assert await findings(connection, NEXT, signed) == []


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if steps is None:
        yield path
        return
    for step, part in steps:
        yield from _leaves(part, (*path, step))


def _another(value: Any) -> Any:
    if isinstance(value, str) and value[-1:].isdigit():
        return value[:-1] + str((int(value[-1]) + 1) % 10)
    return value + 1 if isinstance(value, int) else (value or "") + "x"


async def _write(connections: Pool, close_id: int, data: bytes) -> None:
    await connections.execute(
        "UPDATE giftcert.close_manifest SET manifest = $1 WHERE close_id = $2", data.decode(), close_id
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE giftcert.journal SET change = change + 1 WHERE id = 1", "certificate "),
        ("DELETE FROM giftcert.journal WHERE id = 1", "certificate "),
        ("UPDATE giftcert.settled SET offsets = '{}' WHERE id = 1", "close_records"),
        ("DELETE FROM giftcert.close_signature", "signatures"),
        ("DELETE FROM giftcert.close_certificate WHERE close_id = 2", "certificates"),
    ],
)
async def test_books_that_say_something_else_since_are_named(
    signed: Path, connection: Connection, connections: Pool, change: str, named: str
) -> None:
    await connections.execute(change)

    assert any(one.where.startswith(named) for one in await findings(connection, NEXT, signed))


async def test_files_are_verified_without_the_database_and_what_is_altered_is_named(
    signed: Path, connection: Connection, tmp_path: Path
) -> None:
    folder, keys = tmp_path / "pack", read_public(signed)
    await write_close(connection, NEXT, folder)
    assert list(verify_files(folder, NEXT, keys)) == []
    for file in sorted(folder.iterdir()):
        good = file.read_bytes()
        for line in good.splitlines():
            for path in _leaves(json.loads(line)):
                said = json.loads(line)
                place: Any = said
                for step in path[:-1]:
                    place = place[step]
                place[path[-1]] = _another(place[path[-1]])
                file.write_bytes(good.replace(line, canonical(said)))
                assert list(verify_files(folder, NEXT, keys)), (file.name, path)
        file.write_bytes(good)
    assert list(verify_files(folder, NEXT, keys)) == []
    assert [one.where for one in verify_files(folder, PERIOD, keys)] == ["manifest"]


async def test_a_signature_counts_only_with_a_key_that_is_trusted(
    signed: Path, connection: Connection, tmp_path: Path
) -> None:
    stranger = tmp_path / "elsewhere"
    stranger.mkdir()
    private_key(stranger, "Mallory")

    assert {one.where for one in await findings(connection, PERIOD, stranger / "keys.pem")} == {"signature of Bob"}
    assert await findings(connection, PERIOD, signed) == []


async def test_a_signature_counts_only_with_the_key_of_who_signed(signed: Path, connection: Connection) -> None:
    """Or one person alone could prepare under one name and sign under another."""
    owned_by(signed, "Ann")

    assert await findings(connection, PERIOD, signed) == [("signature of Bob", "was made with the key of Ann")]


async def test_stray_signatures_are_notices_and_keep_nobody_from_signing_or_verifying(
    signed: Path, connection: Connection, connections: Pool, tmp_path: Path
) -> None:
    """Whoever may close may insert: what is none, under whichever name and key, and one of a stranger that fits."""
    dora, elsewhere = private_key(tmp_path, "Dora"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    await sign(connection, PERIOD, private_key(elsewhere, "Mallory"), by="Mallory")
    (hers,) = [key for key, owner in read_public(signed).items() if owner == "Dora"]
    await connections.execute(
        "INSERT INTO giftcert.close_signature (close_id, signed_at, signed_by, public_key, signature)"
        " VALUES (1, now(), 'Dora', $1, $2)",
        hers,
        bytes(64),
    )

    found = await findings(connection, PERIOD, signed)
    assert {(type(one), one.where) for one in found} == {
        (Notice, "signature of Mallory"),
        (Notice, "signature of Dora"),
    }
    assert {one.where for one in await findings(connection, NEXT, signed)} == {
        f"{PERIOD} signature of Mallory",
        f"{PERIOD} signature of Dora",
    }
    assert (await sign(connection, PERIOD, dora, by="Dora")).signatures == 3
    await write_close(connection, PERIOD, tmp_path / "files")
    assert {type(one) for one in verify_files(tmp_path / "files", PERIOD, read_public(signed))} == {Notice}
    (proof,) = await prove(connection, PERIOD, OURS)
    assert {str(one) for one in check_proof(proof, read_public(signed))} == {
        "signature of Mallory: was made with a key that is not among those to be trusted"
    }


async def test_a_signature_of_who_prepared_the_month_does_not_count(
    signed: Path, connection: Connection, connections: Pool
) -> None:
    await connections.execute("UPDATE giftcert.close_prepared SET prepared_by = E' BOB\\u00a0'")

    found = await findings(connection, PERIOD, signed)

    assert ("signature of Bob", "was made by who prepared the month") in found
    assert not any(isinstance(one, Notice) for one in found)


def owned_by(keys: Path, name: str) -> None:
    """Say of Bob's public key that it is somebody else's."""
    keys.write_text(keys.read_text().replace("Bob", name))


async def test_several_sign_and_each_once(signed: Path, connection: Connection, tmp_path: Path) -> None:
    for again in ("Bob", " boB\u00a0"):
        with pytest.raises(Fatal, match="has signed"):
            await sign(connection, PERIOD, tmp_path / "Bob.pem", by=again)
    done = await sign(connection, PERIOD, private_key(tmp_path, "Dora"), by="Dora")

    assert done.signatures == 2
    assert await findings(connection, PERIOD, signed) == []


async def test_who_signs_with_anothers_name_or_key_takes_nothing_from_him(
    books: Applied, connection: Connection, settings: Settings, tmp_path: Path
) -> None:
    await publish(settings, [bought(5_000_000, **TORONTO, **on(JUNE))])
    await books.catch_up()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    await closed(connection, settings, PERIOD, private_key(elsewhere, "Bob"))  # Mallory's, who signs as Bob
    key = private_key(tmp_path, "Bob")
    await sign(connection, PERIOD, key, by="Cecilia")
    assert not any(isinstance(one, Notice) for one in await findings(connection, PERIOD, tmp_path / "keys.pem"))

    await sign(connection, PERIOD, key, by=" bOB ")

    found = await findings(connection, PERIOD, tmp_path / "keys.pem")
    assert sorted((type(one), *one) for one in found) == [
        (Notice, "signature of Bob", "was made with a key that is not among those to be trusted"),
        (Notice, "signature of Cecilia", "was made with the key of Bob"),
    ]
    (listed,) = await connection.fetch(statement("close/list"))
    assert listed["signed_by"] == "Bob, Cecilia, bOB"


async def test_a_row_that_can_be_no_signature_is_the_same_notice_in_the_files(
    signed: Path, connection: Connection, connections: Pool, tmp_path: Path
) -> None:
    """A database that was upgraded may hold such rows."""
    await connections.execute("ALTER TABLE giftcert.close_signature DROP CONSTRAINT close_signature_form")
    await connections.execute("INSERT INTO giftcert.close_signature VALUES (2, now(), 'Eve', '', '')")
    await write_close(connection, NEXT, tmp_path / "files")

    found = await findings(connection, NEXT, signed)

    assert [(type(one), one.where) for one in found] == [(Notice, "signature of Eve")]
    assert list(verify_files(tmp_path / "files", NEXT, read_public(signed))) == found


async def test_nobody_signs_what_was_altered_since(
    signed: Path,  # noqa: ARG001 - the months are closed
    connection: Connection,
    connections: Pool,
    tmp_path: Path,
) -> None:
    await connections.execute("UPDATE giftcert.close_rollforward SET closing = closing + 1")

    with pytest.raises(Fatal, match="is not what it was"):
        await sign(connection, PERIOD, private_key(tmp_path, "Dora"), by="Dora")


async def test_one_certificate_is_proven_and_nothing_is_said_of_others(signed: Path, connection: Connection) -> None:
    keys = read_public(signed)

    (proof,) = await prove(connection, PERIOD, OURS)

    assert list(check_proof(proof, keys)) == []
    said = json.loads(proof)
    assert (said["row"]["balance"], said["row"]["currency"], said["index"]) == ("40.00000", "CAD", 0)
    for others in (OTHERS, "30.00000", "USD"):
        assert others.encode() not in proof
    for path in _leaves(said):
        altered = json.loads(proof)
        place: Any = altered
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = _another(place[path[-1]])
        assert list(check_proof(canonical(altered), keys)), path


async def test_what_was_spent_cannot_be_proven(signed: Path, connection: Connection) -> None:  # noqa: ARG001
    with pytest.raises(Fatal, match="Nothing was left"):
        await prove(connection, PERIOD, "unknown")


async def from_topics(connection: Connection, settings: Settings, period: Period) -> list[Finding]:
    async with gathered(connection, settings, [period]) as said:
        return [finding async for finding in verify_from_topics(connection, said, period)]


async def test_both_months_are_derived_again_from_the_topics(
    signed: Path,  # noqa: ARG001 - the months are closed
    connection: Connection,
    settings: Settings,
) -> None:
    assert await from_topics(connection, settings, PERIOD) == []
    assert await from_topics(connection, settings, NEXT) == []


async def test_the_topics_are_read_once_for_all_that_is_verified(
    signed: Path,  # noqa: ARG001 - the months are closed
    connection: Connection,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = []

    def scanning(*arguments: Any, **options: Any) -> Any:
        opened.append(arguments)
        return scan.scanning(*arguments, **options)

    monkeypatch.setattr(evidence, "scanning", scanning)
    unsigned = Period(JULY.replace(month=8), "a1")

    async with gathered(connection, settings, [PERIOD, NEXT, unsigned]) as said:
        for period in (PERIOD, NEXT):
            assert [finding async for finding in verify_from_topics(connection, said, period)] == []
        with pytest.raises(Fatal, match="is not signed"):
            await anext(verify_from_topics(connection, said, unsigned))

    assert len(opened) == 1


async def test_certificates_that_differ_are_named_in_their_order_from_whichever_file(
    signed: Path,  # noqa: ARG001 - the months are closed
    connection: Connection,
    connections: Pool,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(evidence, "_AT_ONCE", 1)
    await connections.execute("UPDATE giftcert.close_certificate SET balance = balance + 1")
    await connections.execute(
        "UPDATE giftcert.close_certificate SET certificate_id = '~' WHERE certificate_id = $1 AND close_id = 1", OURS
    )

    found = await from_topics(connection, settings, PERIOD)

    assert [one.where for one in found] == [f"certificate {name}" for name in (OTHERS, "~", OURS)]
    assert "was not signed" in found[-1].what


async def test_a_record_that_says_something_else_than_was_applied_is_named_with_what_it_moves(
    books: Applied, connection: Connection, settings: Settings, key: Path
) -> None:
    await publish(settings, [definition(currencyCode="CAD"), bought(5_000_000, **TORONTO, **on(JUNE))])
    await books.catch_up(altered=(b'"balance":5000000', b'"balance":5000001'))
    await closed(connection, settings, PERIOD, key)

    found = {str(one) for one in await from_topics(connection, settings, PERIOD)}

    assert "rollforward CAD, station toronto closing: is 50.00001, the records come to 50.00000" in found
    assert any(one.startswith("certificate 60c921a917bda93f5c896b00: is 50.00001") for one in found)


async def test_a_record_whose_body_its_sender_did_not_sign_is_named(
    books: Applied, connection: Connection, settings: Settings, key: Path
) -> None:
    await publish(settings, [bought(5_000_000, **TORONTO, **on(JUNE))], forged=True)
    await books.catch_up()
    await closed(connection, settings, PERIOD, key)

    (found,) = await from_topics(connection, settings, PERIOD)

    assert "offset 0" in found.where
    assert "signature does not fit" in found.what


async def test_signatures_that_are_not_checked_are_said_to_be_so(
    books: Applied, connection: Connection, settings: Settings, key: Path
) -> None:
    await publish(settings, [bought(5_000_000, **TORONTO, **on(JUNE))], forged=True)
    await books.catch_up()
    await closed(connection, settings, PERIOD, key)
    unverified = msgspec.structs.replace(settings, webhook_signing_keys={}, webhook_verification="off")

    (found,) = await from_topics(connection, unverified, PERIOD)

    assert isinstance(found, Notice)
    assert str(found).startswith("signatures: not checked")


async def test_records_that_are_gone_are_not_provable(
    books: Applied, connection: Connection, settings: Settings, key: Path
) -> None:
    await publish(settings, [bought(5_000_000, **TORONTO, **on(JUNE))])
    await books.catch_up()
    await connection.execute(
        "INSERT INTO giftcert.settled (settled_at, kafka_partition, outcome, topic, offsets)"
        " SELECT now(), kafka_partition, 'applied', topic, '{[7,9)}' FROM giftcert.settled"
    )
    await closed(connection, settings, PERIOD, key)

    (found,) = await from_topics(connection, settings, PERIOD)

    assert found.what == "not provable: it no longer holds 2 of the records"
