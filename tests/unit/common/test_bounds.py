"""Bounds: several ways at once end together, whatever becomes of one."""

import asyncio

import pytest

from consumer.common.bounds import together
from deploy.local.waiting import PATIENT_SECONDS


async def test_the_results_stand_in_the_order_of_the_ways() -> None:
    other_done = asyncio.Event()

    async def last() -> str:
        await other_done.wait()
        return "first in order"

    async def first() -> str:
        other_done.set()
        return "second in order"

    assert await together(last(), first()) == ["first in order", "second in order"]


async def test_when_one_fails_the_others_are_given_up_and_have_ended() -> None:
    ended = asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def fail() -> None:
        await asyncio.sleep(0)
        raise RuntimeError("the reason")

    with pytest.raises(RuntimeError, match="the reason"):
        async with asyncio.timeout(PATIENT_SECONDS):
            await together(endless(), fail())
    assert ended.is_set()


async def test_all_ways_end_with_the_one_that_waits_for_them() -> None:
    ended: list[int] = []

    async def endless(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(number)

    waiting = asyncio.create_task(together(endless(1), endless(2)))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert sorted(ended) == [1, 2]
