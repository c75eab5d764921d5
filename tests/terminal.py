"""A terminal of 80 columns and 24 rows with a program in it, as a person has it."""

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self
from uuid import uuid4

from deploy.local.waiting import wait_for

COLUMNS, ROWS = 80, 24
CONTROL_C = b"\x03"
_MARK = "GIFTLEDGER_TEST_TERMINAL"
_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """Runs a command as the foreground of a terminal of its own; what is left of it is killed at the end."""

    def __init__(self, command: Sequence[str | Path], environment: Mapping[str, str], folder: Path) -> None:
        self._mark = uuid4().hex
        self._seen = bytearray()
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.child = subprocess.Popen(  # noqa: S603 - the tests name the command
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**environment, _MARK: self._mark, "TERM": "xterm"},
            cwd=folder,
            preexec_fn=_become_foreground,  # noqa: PLW1509 - no thread of ours is busy in it
            start_new_session=True,
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.child.wait(10)
        self._reader.join(10)
        os.close(self._ours)

    @property
    def text(self) -> str:
        """Everything that was printed, as plain text."""
        return _SEQUENCE.sub("", self._seen.decode(errors="replace")).replace("\r\n", "\n")

    def type(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def wait_for(self, what: str, seconds: float = 120) -> None:
        """Wait until it has printed something."""

        def shown() -> bool:
            assert self.child.poll() is None or what in self.text, f"ended without {what!r}:\n{self.text[-2000:]}"
            return what in self.text

        wait_for(shown, f"{what!r} on the terminal", seconds)

    def processes(self) -> list[int]:
        """Name the processes that were started from here and still run, whoever their parent is now."""
        mark = f"{_MARK}={self._mark}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
        return found

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # EIO: nobody has the other end any more
            while part := os.read(self._ours, 65_536):
                self._seen += part


def _become_foreground() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
