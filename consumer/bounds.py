"""Bounds: wait for what may never end, and never longer than agreed."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

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


async def pause(seconds: float, stop: asyncio.Event) -> None:
    """Sleep, but not longer than until ``stop`` is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
