"""Nothing that we start outlives us, also after SIGKILL.

A small watchdog process holds the other end of a pipe. However we end, the kernel closes our end; the
watchdog then ends the processes and removes the folders that are still on its list. PR_SET_PDEATHSIG would
need no second process, but it fires when the *thread* that started the child ends, it exists on Linux only,
and it removes no folder.
"""

import atexit
import subprocess
import sys
import threading
from pathlib import Path
from signal import SIGKILL, Signals

from deploy.local.interrupts import postponed

_WATCHDOG = Path(__file__).with_name("watchdog.py")
_lock = threading.Lock()
_pipe: subprocess.Popen[bytes] | None = None


def watch_process(pid: int, signal: Signals = SIGKILL) -> None:
    """End the process group `pid` with `signal` (with SIGKILL where that is not enough) when we are gone."""
    _tell(f"watch-process {pid} {signal.value}")


def forget_process(pid: int) -> None:
    _tell(f"forget-process {pid}")


def watch_folder(folder: Path) -> None:
    """Remove `folder` and everything in it when we are gone."""
    _tell(f"watch-folder {folder}")


def forget_folder(folder: Path) -> None:
    _tell(f"forget-folder {folder}")


def _tell(line: str) -> None:
    with postponed(), _lock:
        pipe = _watchdog().stdin
        if pipe is None:
            raise AssertionError("the watchdog is started with a pipe")
        pipe.write(line.encode() + b"\n")
        pipe.flush()


def _watchdog() -> subprocess.Popen[bytes]:
    global _pipe  # noqa: PLW0603 - one watchdog a process: what it watches for is the end of the process
    if _pipe is None:
        _pipe = subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, "-I", "-S", str(_WATCHDOG)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # Ctrl-C in the terminal is for us, not for it
        )
        atexit.register(_pipe.communicate)
    return _pipe
