"""The other end of orphans.py: a process of its own, standard library only."""

import contextlib
import os
import shutil
import sys
import time
from pathlib import Path
from signal import SIGCONT, SIGKILL

_GRACE = 8.0  # a postmaster that is told to quit kills a child that does not after 5 s


def main() -> None:
    processes: dict[int, int] = {}
    folders: set[str] = set()
    for line in sys.stdin:  # until the pipe is closed, by intent or by death
        verb, _, rest = line.rstrip("\n").partition(" ")
        if verb == "watch-process":
            pid, signal = map(int, rest.split())
            processes[pid] = signal
        elif verb == "forget-process":
            processes.pop(int(rest), None)
        elif verb == "watch-folder":
            folders.add(rest)
        elif verb == "forget-folder":
            folders.discard(rest)
    _end(processes)
    for folder in folders:
        _remove(folder)


def _end(processes: dict[int, int]) -> None:
    for pid, signal in processes.items():
        _signal(pid, signal)
        _signal(pid, SIGCONT)
    deadline = time.monotonic() + _GRACE
    while any(map(_runs, processes)) and time.monotonic() < deadline:
        time.sleep(0.01)
    for pid in processes:
        _signal(pid, SIGKILL)


def _remove(folder: str) -> None:
    deadline = time.monotonic() + _GRACE
    while os.path.lexists(folder) and time.monotonic() < deadline:  # who is dying may write a last file
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return _signal(pid, 0)
    return state != "Z"  # ended, but its new parent may be slow to reap it


def _signal(group: int, signal: int) -> bool:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal)
        return True
    return False


if __name__ == "__main__":
    main()
