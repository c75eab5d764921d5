"""Rows in temporary files: as they came, without a name, and with a clear word where there is no room."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from consumer.close.verify import spool
from consumer.close.verify.spool import Spool
from consumer.common.errors import Fatal

Row = tuple[str, int, str | None]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def rows(temporary: Path) -> Iterator[Spool[int, Row]]:  # noqa: ARG001 - there they are
    with closing(Spool[int, Row](Row, range(2))) as rows:
        yield rows


def test_rows_of_a_key_come_back_as_they_were_and_more_than_once(rows: Spool[int, Row]) -> None:
    said: list[Row] = [("a\n\u2028\x00é", -(2**80), None), ("", 0, "")]
    for row in said:
        rows.add(1, row)

    assert list(rows.read(1)) == said
    assert list(rows.read(1)) == said
    assert list(rows.read(0)) == []


def test_files_have_no_name_so_that_whatever_ends_the_process_leaves_none(
    rows: Spool[int, Row], temporary: Path
) -> None:
    rows.add(0, ("x" * 100_000, 0, None))

    assert list(temporary.iterdir()) == []


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spool[int, Row]]:
    """Have the kernel say of each page: no space left on device."""
    monkeypatch.setattr(spool, "TemporaryFile", partial(Path("/dev/full").open, "w+b"))
    with closing(Spool[int, Row](Row, range(1))) as rows:
        yield rows


def test_a_full_disk_is_said_with_where_to_find_room(full: Spool[int, Row]) -> None:
    with pytest.raises(Fatal, match=r"No space left.*TMPDIR"):
        full.add(0, ("x" * 100_000, 0, None))


def test_a_full_disk_is_said_where_it_shows_only_when_rows_are_read(full: Spool[int, Row]) -> None:
    full.add(0, ("small", 0, None))

    with pytest.raises(Fatal, match="No space left"):
        list(full.read(0))


def test_no_folder_for_temporary_files_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))

    with pytest.raises(Fatal, match="No such file or directory"):
        Spool[int, Row](Row, range(1))
