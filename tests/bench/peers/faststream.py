"""FastStream with asyncpg, a process of its own: `python -m tests.bench.peers.faststream MODE`.

one         as the documentation shows it: a message, an upsert. Acknowledged when it is fetched, the default.
one-acked   the same, acknowledged when it is done (NACK_ON_ERROR): an offset commit a message.
batch       batch=True: up to 2,000 messages, one upsert of arrays, acknowledged when it is done.
text        the same into a table whose document is text.
"""

import logging
import os
import sys
from typing import Any

import asyncpg
import uvloop
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker

from tests.bench.peers.rows import Row, row

UPDATE = """
ON CONFLICT (certificate_id) DO UPDATE SET
    balance = excluded.balance, price = excluded.price, status = excluded.status,
    updated_at = excluded.updated_at, data = excluded.data
"""
ONE = f"INSERT INTO certificate VALUES ($1, $2, $3, $4, $5::text::timestamptz, $6) {UPDATE}"  # noqa: S608 - of constants
MANY = """
INSERT INTO certificate
SELECT id, balance, price, status, updated_at::timestamptz, data::{document}
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[])
    AS new (id, balance, price, status, updated_at, data)
"""
MAX_RECORDS = 2000


async def main(mode: str) -> None:
    logging.basicConfig(level=logging.WARNING)
    broker = KafkaBroker(
        os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        logger=logging.getLogger("faststream"),  # not a line a message
        apply_types=False,  # no validation a message either: what is fastest
    )
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1) as pool:
        _subscribe(broker, pool, mode)
        await FastStream(broker).run()


def _subscribe(broker: KafkaBroker, pool: "asyncpg.Pool[asyncpg.Record]", mode: str) -> None:
    many = MANY.format(document="text" if mode == "text" else "jsonb") + UPDATE

    async def upsert(event: dict[str, Any]) -> None:
        await pool.execute(ONE, *row(event))

    async def upsert_all(events: list[dict[str, Any]]) -> None:
        newest: dict[str, Row] = {found.certificate_id: found for found in map(row, events)}
        await pool.execute(many, *zip(*newest.values(), strict=True))

    options: dict[str, Any] = {"group_id": os.environ["GROUP"], "auto_offset_reset": "earliest"}
    if mode != "one":
        options["ack_policy"] = AckPolicy.NACK_ON_ERROR
    if mode in {"batch", "text"}:
        broker.subscriber(os.environ["TOPIC"], batch=True, max_records=MAX_RECORDS, **options)(upsert_all)
    else:
        broker.subscriber(os.environ["TOPIC"], **options)(upsert)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
