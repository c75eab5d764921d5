"""Disconnect: a producer is given up within a bound; aiokafka's own stop has none."""

from aiokafka import AIOKafkaProducer

from consumer.common.bounds import within

CLOSE_SECONDS = 1.0


async def disconnect(producer: AIOKafkaProducer) -> None:
    """Stop a producer, and whatever of it does not stop by itself."""
    await within(CLOSE_SECONDS, producer.stop())
    await within(CLOSE_SECONDS, producer.client.close())
    if sender := producer._sender.sender_task:  # noqa: SLF001 - nothing else ends it for certain
        sender.cancel()
