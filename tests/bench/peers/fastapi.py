"""FastAPI and aiokafka as their documentation shows them: a lifespan that starts a producer, a route that waits for it.

uvicorn serves it, a process of its own: see ingress.py. The signature is verified by giftledger's own function.
"""

import gc
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI, HTTPException, Request, Response

from consumer.common.settings import load
from consumer.ingress.signature import HEADER, SignatureError, verify
from consumer.kafka.options import MAX_BATCH_BYTES, connection_options

# A tenth faster with 64 connections than aiokafka's 0, though hardly to be told from it on a busy machine.
LINGER_MS = 2
TOPIC = os.environ["TOPIC"]
settings = load()
state: dict[str, AIOKafkaProducer] = {}


class Entity(msgspec.Struct):
    id: str = msgspec.field(name="_id")


class Event(msgspec.Struct, rename="camel"):
    id: str
    attempt_id: str
    livemode: bool
    event: str
    data: Entity


events = msgspec.json.Decoder(Event)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    state["producer"] = AIOKafkaProducer(
        **connection_options(settings),
        acks="all",
        enable_idempotence=settings.kafka_enable_idempotence,
        linger_ms=LINGER_MS,
        max_batch_size=MAX_BATCH_BYTES,
    )
    await state["producer"].start()
    gc.collect()
    gc.freeze()  # as giftledger's processes do, and worth as much here
    gc.set_threshold(10_000)
    yield
    await state["producer"].stop()


app = FastAPI(lifespan=lifespan, telemetry={"tracing": False, "metrics": False, "logs": False})


@app.post("/webhooks")  # type: ignore[untyped-decorator]  # FastAPI is not in this environment
async def webhook(request: Request) -> Response:
    now = time.time()
    body = await request.body()
    try:
        verified = verify(
            request.headers.get(HEADER),
            body,
            settings.signing_keys,
            tolerance=settings.webhook_tolerance_seconds,
            now=now,
        )
        event = events.decode(body)
    except SignatureError as error:
        raise HTTPException(401, error.rejection.value) from None
    except msgspec.DecodeError as error:
        raise HTTPException(400, str(error)) from None
    headers = {
        "event": event.event,
        "event-id": event.id,
        "attempt-id": event.attempt_id,
        "livemode": "true" if event.livemode else "false",
        "received-at": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "signing-key-id": verified.key_id,
    }
    await state["producer"].send_and_wait(
        TOPIC, body, event.data.id.encode(), headers=[(name, value.encode()) for name, value in headers.items()]
    )
    # A response of its own, which FastAPI passes on as it is.
    return Response(msgspec.json.encode({"attemptId": event.attempt_id}), media_type="application/json")
