"""The pack: the figures are SQL's, the bytes are the same every time, and no text does anything but stand there."""

import csv
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from consumer.close.month import Period
from consumer.close.pack.folder import JOURNAL, REPORT, WORKBOOK, write_pack
from consumer.close.signed.keys import read_private, read_public
from consumer.close.signed.listing import Signer
from consumer.close.verify.check import Notice
from consumer.close.verify.files import verify_files
from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from consumer.postgres.database import Connection
from tests.builders import bought, paid_with
from tests.closing import JULY, JUNE, Applied, closed, confirmed, on, private_key, publish

PERIOD = Period(JULY, "a1")
EVIL = '=HYPERLINK("http://x")<script>alert(1)</script>'
# More digits than a workbook's number has.
LARGE = 2**53 - 1


@pytest.fixture
async def signed(books: Applied, connection: Connection, settings: Settings, key: Path) -> Path:
    """Close June and July of an account whose stations have names that somebody means badly."""
    evil: dict[str, Any] = {"accountId": "a1", "shiftLocation": {"stationId": EVIL, "primaryCurrencyCode": "CAD"}}
    plain: dict[str, Any] = {
        "accountId": "a1",
        "shiftLocation": {"stationId": "-toronto", "primaryCurrencyCode": "USD"},
    }
    await publish(
        settings,
        [
            bought(5_000_000, **evil | {"_id": "=1+1"}, **on(JUNE)),
            bought(LARGE, price=LARGE, **plain | {"_id": "large"}, **on(JUNE)),
            paid_with(4_000_000, **plain | {"_id": "=1+1"}, **on(JULY)),
        ],
    )
    await books.catch_up()
    await closed(connection, settings, Period(JUNE, "a1"), key)
    await publish(settings, [paid_with(4_500_000, **evil | {"_id": "=1+1"}, **on(JUNE.replace(day=9)))])
    await books.catch_up()
    await closed(connection, settings, PERIOD, key)
    return key.with_name("keys.pem")


async def test_the_same_close_gives_the_same_bytes_which_verify(
    signed: Path, connection: Connection, tmp_path: Path
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    await write_pack(connection, PERIOD, one)
    await write_pack(connection, PERIOD, other)
    await write_pack(connection, PERIOD, other)

    assert _bytes(one) == _bytes(other)
    assert {REPORT, WORKBOOK, JOURNAL, "manifest.json", "certificates.jsonl"} <= _bytes(one).keys()
    assert [type(found) for found in verify_files(one, PERIOD, read_public(signed))] == [Notice]  # nobody signed it


async def test_a_signed_list_of_the_packs_files_names_whatever_is_exchanged(
    signed: Path, connection: Connection, tmp_path: Path
) -> None:
    pack, keys = tmp_path / "pack", read_public(signed)
    await write_pack(connection, PERIOD, pack, Signer("Bob", read_private(tmp_path / "Bob.pem")))
    assert list(verify_files(pack, PERIOD, keys)) == []

    for name, good in _bytes(pack).items():
        (pack / name).write_bytes(good + b" ")
        assert {name, Path(name).stem} & _named(pack, keys), name
        (pack / name).unlink()
        assert _named(pack, keys), name
        (pack / name).write_bytes(good)
    (pack / "another.html").touch()
    assert _named(pack, keys) == {"another.html"}


def _named(pack: Path, keys: dict[bytes, str]) -> set[str]:
    """Name the files that are said to be others; what cannot be read is said by an error."""
    try:
        found = list(verify_files(pack, PERIOD, keys))
    except Fatal as error:
        return {Path(str(error).partition(":")[0]).name}
    return {word for one in found for word in one.where.split()}


async def test_the_list_counts_as_signed_only_by_a_trusted_key_and_its_owner(
    signed: Path, connection: Connection, tmp_path: Path
) -> None:
    pack, keys, bob = tmp_path / "pack", read_public(signed), read_private(tmp_path / "Bob.pem")
    (tmp_path / "elsewhere").mkdir()
    mallory = read_private(private_key(tmp_path / "elsewhere", "Bob"))
    for signer, said in (
        (Signer("Bob", mallory), "was made with a key that is not among those to be trusted"),
        (Signer("Mallory", bob), "was made with the key of Bob"),
    ):
        await write_pack(connection, PERIOD, pack, signer)
        assert list(verify_files(pack, PERIOD, keys)) == [("pack-signature.json", said)]

    await write_pack(connection, PERIOD, pack)
    (unsigned,) = verify_files(pack, PERIOD, keys)
    assert (type(unsigned), unsigned.what) == (Notice, "nobody has signed it: reports and journal may be anybody's")
    (pack / "pack.json").unlink()
    assert {one.where for one in verify_files(pack, PERIOD, keys)} == {REPORT, WORKBOOK, JOURNAL}


def _bytes(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


async def test_the_workbook_read_by_another_library_says_what_sql_says(
    signed: Path,  # noqa: ARG001 - the months are closed
    connection: Connection,
    tmp_path: Path,
) -> None:
    await write_pack(connection, PERIOD, tmp_path / "pack")
    values = openpyxl.load_workbook(tmp_path / "pack" / WORKBOOK, data_only=True)
    formulas = openpyxl.load_workbook(tmp_path / "pack" / WORKBOOK)

    told = {
        (row["currency"], row["issuing_station_id"]): Decimal(str(row["closing"]))
        for row in _rows(values["Roll-forward"])
    }
    booked = await connection.fetch(
        "SELECT currency, issuing_station_id, closing FROM reporting.books_monthly WHERE month = $1", JULY
    )
    assert {key: closing for key, closing in told.items() if key[1]} == {
        (row["currency"], row["issuing_station_id"]): Decimal(str(float(row["closing"]))) for row in booked
    }
    (large,) = [row for row in _rows(values["Certificates 1"]) if row["certificate_id"] == "large"]
    assert large["beyond 15 digits"].startswith("balance 90071992547.40991")
    checks = [cell.value for cell in next(formulas["Roll-forward"].iter_cols(min_col=14, max_col=14))][1:3]
    assert all(str(check).startswith("=ROUND(C") for check in checks)
    for sheet in formulas:
        for line in sheet.iter_rows():
            for cell in line:
                assert cell.data_type != "f" or str(cell.value).startswith(("=ROUND(", "=SUMIF(")), cell.coordinate
    assert "=1+1" in {row["certificate_id"] for row in _rows(values["Certificates 1"])}


def _rows(sheet: Any) -> list[dict[str, Any]]:
    names, *lines = sheet.iter_rows(values_only=True)
    return [dict(zip(names, line, strict=True)) for line in lines]


class Page(HTMLParser):
    """Collects what a browser would do with a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href", "onload", "onclick"}]

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"


async def test_the_coverage_stands_in_page_and_workbook_as_it_was_signed(
    books: Applied, connection: Connection, settings: Settings, key: Path, tmp_path: Path
) -> None:
    station = {"stationId": "toronto", "primaryCurrencyCode": "CAD"}
    await publish(settings, [bought(5_000_000, _id="one", accountId="a1", shiftLocation=station, **on(JUNE))])
    await books.catch_up()
    await confirmed(connection, "one")
    await closed(connection, settings, Period(JUNE, "a1"), key)
    await connection.execute("TRUNCATE giftcert.reconciliation_item")  # what the sender says later changes nothing

    await write_pack(connection, Period(JUNE, "a1"), tmp_path / "pack")

    book = openpyxl.load_workbook(tmp_path / "pack" / WORKBOOK)
    (row, *_) = _rows(book["Coverage"])
    assert (row["outstanding"], row["confirmed"]) == (50, 50)
    assert "Coverage: confirmed by the sender" in (tmp_path / "pack" / REPORT).read_text(encoding="utf-8")


async def test_the_page_shows_the_figures_and_runs_nothing(
    signed: Path,  # noqa: ARG001 - the months are closed
    connection: Connection,
    tmp_path: Path,
) -> None:
    await write_pack(connection, PERIOD, tmp_path / "pack")

    page = Page()
    page.feed((tmp_path / "pack" / REPORT).read_text(encoding="utf-8"))
    assert (page.tags & {"script", "iframe", "link", "img"}, page.links) == (set(), [])
    assert {"svg", "rect", "table"} <= page.tags
    for shown in (EVIL, "90071992547.40991", "40.00000", "Bob, ", "2026-06", "-5.00000"):
        assert shown in page.text, shown


async def test_the_journal_is_every_line_of_the_month_and_no_formula(
    signed: Path,  # noqa: ARG001 - the months are closed
    connection: Connection,
    tmp_path: Path,
) -> None:
    await write_pack(connection, PERIOD, tmp_path / "pack")

    with (tmp_path / "pack" / JOURNAL).open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    booked = await connection.fetch("SELECT id, change FROM giftcert.journal WHERE period = $1 ORDER BY id", JULY)
    assert [(int(line["line"]), Decimal(line["change"])) for line in lines] == [
        (row["id"], Decimal(row["change"]) / 100_000) for row in booked
    ]
    assert {line["certificate_id"] for line in lines} == {"'=1+1"}


async def test_a_disk_that_is_full_leaves_no_pack(
    signed: Path,  # noqa: ARG001 - the months are closed
    connection: Connection,
    tmp_path: Path,
) -> None:
    """A place where nothing can be made stands for it: what is unfinished never stands under the pack's name."""
    (tmp_path / "file").touch()
    with pytest.raises(Fatal, match="Nothing was written there"):
        await write_pack(connection, PERIOD, tmp_path / "file" / "pack")
