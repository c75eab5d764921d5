"""A pipeline in tests: records into real topics, a worker in this process, and conditions to wait for."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from aiokafka import AIOKafkaProducer

from consumer.common.settings import Settings
from consumer.kafka.options import producer_options
from consumer.kafka.record import Record
from consumer.kafka.scan import scanning
from consumer.kafka.topics import create_topics
from consumer.worker.worker import run_worker
from deploy.local.waiting import PATIENT_SECONDS, pause
from schemas.registry import DEAD_LETTER, Malformed, route
from tests.builders import encode

T = TypeVar("T")

RECEIVED_AT = ("received-at", b"2026-06-01T12:00:00.000Z")


async def publish(settings: Settings, *bodies: dict[str, Any] | bytes, **options: Any) -> None:
    """Put webhooks on their topics, as the ingress does; bytes that are none go to the certificates.

    ``options`` are the producer's, for one that is not the ingress'.
    """
    await create_topics(settings)
    producer = AIOKafkaProducer(**(producer_options(settings) | {"linger_ms": 5} | options))
    await producer.start()
    try:
        sent = [await producer.send(*_record(settings, body), headers=[RECEIVED_AT]) for body in bodies]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def _record(settings: Settings, body: dict[str, Any] | bytes) -> tuple[str, bytes, bytes]:
    value = body if isinstance(body, bytes) else encode(body)
    try:
        routed = route(value)
    except Malformed:
        return settings.topic("certificates"), value, b"unreadable"
    return settings.topic(routed.topic), value, routed.key.encode()


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator["asyncio.Task[None]"]:
    """Run a worker while the block runs; what it dies of is raised at the end."""
    stop = asyncio.Event()
    task = asyncio.create_task(run_worker(settings, stop))
    try:
        yield task
    finally:
        stop.set()
        await task


async def until(condition: Callable[[], Awaitable[T]], what: str, seconds: float = PATIENT_SECONDS) -> T:
    """Give the first true answer of ``condition``. Raises TimeoutError, naming what was missing."""
    started = time.monotonic()
    while True:
        asked = time.monotonic()
        if answer := await condition():
            return answer
        if (now := time.monotonic()) - started >= seconds:
            raise TimeoutError(f"still missing after {seconds:g} s: {what}")
        await asyncio.sleep(pause(asking=now - asked, waited=now - started))


async def dead_letters(settings: Settings) -> Sequence[Record]:
    """Read the whole dead-letter topic."""
    async with scanning(settings, [settings.topic(DEAD_LETTER)]) as scan:
        return [record async for records in scan.read() for record in records]
