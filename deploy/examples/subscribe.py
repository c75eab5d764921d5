import asyncio, json, os
from aiokafka import AIOKafkaConsumer

async def main() -> None:
    consumer = AIOKafkaConsumer(
        os.environ.get("TOPIC_PREFIX", "giftcert") + ".certificates",
        bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        group_id="my-subscriber",  # your own: groups do not disturb one another
        auto_offset_reset="earliest", enable_auto_commit=False,
    )
    done: set[bytes] = set()  # yours is a table, written in the transaction of your effect
    async with consumer:
        async for record in consumer:
            headers = dict(record.headers)
            if headers["livemode"] == b"true" and headers["attempt-id"] not in done:
                data = json.loads(record.value)["data"]  # a full snapshot; money in 1/100000
                print(headers["event"].decode(), data["_id"], data["balance"], flush=True)
                done.add(headers["attempt-id"])
            await consumer.commit()  # after the effect: what a crash repeats, `done` absorbs
asyncio.run(main())
