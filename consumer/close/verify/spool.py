"""Spool: rows that memory need not hold, in temporary files without a name: however the process ends, they are gone."""

from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from typing import Any, Generic, TypeVar

import msgspec

from consumer.common.errors import Fatal

Key = TypeVar("Key", bound=Hashable)
Row = TypeVar("Row")


class Spool(Generic[Key, Row]):
    """Rows of one type, a file for each key, in the order in which they came. Raises Fatal where there is no room."""

    def __init__(self, kind: Any, keys: Iterable[Key]) -> None:
        self._encoder, self._decoder = msgspec.json.Encoder(), msgspec.json.Decoder(kind)
        with _said():
            self._files = {key: TemporaryFile() for key in keys}  # noqa: SIM115 - close() does

    def add(self, key: Key, row: Row) -> None:
        """Write a row."""
        with _said():
            self._files[key].write(self._encoder.encode(row) + b"\n")

    def read(self, key: Key) -> Iterator[Row]:
        """Give the rows of a key."""
        with _said():
            self._files[key].seek(0)
        yield from map(self._decoder.decode, self._files[key])

    def close(self) -> None:
        """Forget all rows."""
        for file in self._files.values():
            with suppress(OSError):  # a full disk, which was said before
                file.close()


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Fatal(
            f"Temporary files: {error.strerror}. They take about 400 bytes a record; TMPDIR names another folder."
        ) from None
