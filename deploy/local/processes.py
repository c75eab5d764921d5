"""Child processes that log to a file and cannot outlive us."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM, Signals
from typing import Self

from deploy.local import orphans
from deploy.local.interrupts import postponed
from deploy.local.waiting import PATIENT_SECONDS, wait_for

_TAIL_LINES = 25


class StackError(RuntimeError):
    """A part of the local stack cannot be had or does not work; the message says which and why."""


def output_of(*command: str | Path, user: tuple[int, int] | None = None, seconds: float = 60.0) -> str:
    """Run a command to its end and return what it printed. Raises StackError with that when it fails."""
    uid, gid = user or (None, None)
    try:
        done = subprocess.run(  # noqa: S603 - the callers name the command
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            cwd="/",
            user=uid,
            group=gid,
            extra_groups=None if user is None else [],
        )
    except subprocess.TimeoutExpired:
        raise StackError(f"{command[0]} did not end within {seconds:g} s") from None
    if done.returncode:
        raise StackError(f"{command[0]} failed with {done.returncode}:\n{done.stdout[-2000:].strip()}")
    return done.stdout


@dataclass(kw_only=True)
class Process:
    """A command, its own process group, and the file that takes its output.

    `env` is added to our own environment. `user` is a (uid, gid) to run as. `stop_signal` asks it to end;
    `orphan_signal` is what it gets should we die first.
    """

    name: str
    command: Sequence[str | Path]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    user: tuple[int, int] | None = None
    stop_signal: Signals = SIGTERM
    orphan_signal: Signals = SIGKILL
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
    _watched: bool = field(default=False, init=False, repr=False)

    def start(self) -> Self:
        """Start it, also again after it has ended. Raises StackError when it runs already."""
        if self.running:
            raise StackError(f"{self.name} is running already, as process {self.pid}")
        with postponed():
            self._child = self._popen()
            orphans.watch_process(self._child.pid, self.orphan_signal)
            self._watched = True
        return self

    @property
    def pid(self) -> int:
        if self._child is None:
            raise StackError(f"{self.name} was not started")
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def returncode(self) -> int | None:
        """None while it runs; -9 after SIGKILL, as subprocess has it."""
        return None if self._child is None else self._child.poll()

    def wait(self, seconds: float = PATIENT_SECONDS) -> int:
        """Return its exit code. Raises TimeoutError, with the log's tail, if it runs on after `seconds`."""
        try:
            wait_for(lambda: not self.running, f"the end of {self.name}", seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.tail()}") from None
        return self._reap()

    def wait_until(self, condition: Callable[[], object], what: str, seconds: float = PATIENT_SECONDS) -> None:
        """Wait until `condition` holds.

        Raises StackError as soon as the process ends, TimeoutError after `seconds`; both show the log's tail.
        """

        def holds() -> object:
            if not self.running:
                raise StackError(f"{self.name} ended with {self.returncode} before {what}\n{self.tail()}")
            return condition()

        try:
            wait_for(holds, f"{what} ({self.name})", seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.tail()}") from None

    def terminate(self, grace: float = 10.0) -> int | None:
        """Ask it to end, kill it after `grace` seconds, return its exit code; None if never started."""
        try:
            if self.running:
                self.signal(self.stop_signal)
                self.resume()
                with contextlib.suppress(TimeoutError):
                    wait_for(lambda: not self.running, f"the end of {self.name}", grace)
        finally:  # a second Ctrl-C cuts the grace short
            code = self.kill()
        return code

    def kill(self) -> int | None:
        """SIGKILL it and its process group, return its exit code; None if it was never started."""
        if self._child is None:
            return None
        self._signal_group(SIGKILL)
        return self._reap()

    def pause(self) -> None:
        """SIGSTOP it and its process group, and wait until all of its own threads have stopped."""
        self._signal_group(SIGSTOP)
        if self._watched and sys.platform != "darwin":
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        self._signal_group(SIGCONT)

    def signal(self, signal: Signals) -> None:
        """Send a signal to the process alone, not to its children. Nothing happens if it has ended."""
        if self._child is not None:
            self._child.send_signal(signal)

    def tail(self, lines: int = _TAIL_LINES) -> str:
        """Return the end of its log, under a line that says which log."""
        text = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([f"--- {self.log} ---", *text[-lines:]])

    def _signal_group(self, signal: Signals) -> None:
        if self._watched:  # else the group's number may be someone else's by now
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal)

    def _popen(self) -> subprocess.Popen[bytes]:
        uid, gid = self.user or (None, None)
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - the callers name the command
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.env},
                cwd=self.cwd,
                user=uid,
                group=gid,
                extra_groups=None if self.user is None else [],
                start_new_session=True,  # Ctrl-C in the terminal is for us, who then stop it in order
            )

    def _reap(self) -> int:
        if self._child is None:
            raise StackError(f"{self.name} was not started")
        code = self._child.wait()
        if self._watched:
            orphans.forget_process(self._child.pid)
            self._watched = False
        return code


def alive(pid: int) -> bool:
    """Whether a process, not necessarily a child of ours, exists and has not ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # What a container's first process never reaps has ended all the same.
    return state(pid) not in {"Z", "X"}


def state(pid: int) -> str:
    """Return what Linux says of a process: R, S, D, T (stopped), Z (zombie), X; else nothing."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""
