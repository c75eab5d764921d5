"""Progress of long work: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from consumer.common.saying import say

LINE_EVERY_SECONDS = 5.0


@contextmanager
def progress(doing: str, total: int = 0) -> Iterator[Callable[..., None]]:
    """Show progress on standard error; the result is called as ``advance(done=1, total=None)``."""
    if sys.stderr.isatty():
        yield from _bar(doing, total)
    else:
        yield from _lines(doing, total)


def _bar(doing: str, total: int) -> Iterator[Callable[..., None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(doing, total=total or None)

        def advance(done: int = 1, total: int | None = None) -> None:
            bar.update(task, advance=done, total=total)

        yield advance


def _lines(doing: str, total: int) -> Iterator[Callable[..., None]]:
    so_far, of, last = 0, total, time.monotonic()

    def show() -> None:
        say(f"{doing}: {so_far} of {of or '?'}", err=True)

    def advance(done: int = 1, total: int | None = None) -> None:
        nonlocal so_far, of, last
        so_far, of = so_far + done, total or of
        if time.monotonic() - last > LINE_EVERY_SECONDS:
            last = time.monotonic()
            show()

    yield advance
    if of:
        show()
