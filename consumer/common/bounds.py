"""Bounds: wait for what may never end, and never longer than agreed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")

CANCEL_SECONDS = 2.0


async def within(seconds: float, work: Awaitable[Any]) -> bool:
    """Let ``work`` end by itself, or else cancel it; tell whether it ended well. Never raises what it raises.

    For the ways out of aiokafka and asyncpg, which hang while the other side is away, and leak CancelledError.
    """
    task = asyncio.ensure_future(work)
    await asyncio.wait({task}, timeout=seconds)
    if not task.done():
        await give_up(task)
    return task.done() and not task.cancelled() and task.exception() is None


async def give_up(task: "asyncio.Future[Any]") -> None:
    """Cancel a task and wait for its end, but not for ever."""
    task.cancel()
    await asyncio.wait({task}, timeout=CANCEL_SECONDS)
    if task.done() and not task.cancelled():
        task.exception()  # or asyncio would complain that nobody asked


@asynccontextmanager
async def running(*ways: Coroutine[Any, Any, T]) -> AsyncIterator[list[asyncio.Task[T]]]:
    """Go all ways at once while the block runs; those that have not ended by then are given up."""
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        yield tasks
    finally:
        for task in tasks:
            await give_up(task)


async def together(*ways: Coroutine[Any, Any, T]) -> list[T]:
    """Go all ways at once, and give their results in order. When one fails, give up the others and raise its error."""
    async with running(*ways) as tasks:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
        return [task.result() for task in tasks]


async def pause(seconds: float, *events: asyncio.Event) -> None:
    """Sleep, but not longer than until one of the events is set."""
    async with running(*(event.wait() for event in events)) as waits:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


class Timer:
    """A call that is made later, unless the timer is stopped or started again."""

    def __init__(self, loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
        self._loop, self._call = loop, call
        self._handle: asyncio.TimerHandle | None = None

    @property
    def is_running(self) -> bool:
        return self._handle is not None

    def start(self, seconds: float) -> None:
        self.stop()
        self._handle = self._loop.call_later(seconds, self._call)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
