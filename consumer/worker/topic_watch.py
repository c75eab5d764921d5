"""Topics that are deleted and made anew under a running worker: loud, and read from their beginning.

The worker's offsets are those of the topic that is gone. Where the new one has grown beyond them, it would read on in
its middle, and nothing would tell.
"""

import asyncio
from collections.abc import Sequence

from aiokafka.errors import KafkaError

from consumer.common.errors import Fatal
from consumer.kafka.topic_ids import topic_ids
from consumer.worker.group import Group

LOOK_SECONDS = 5.0
ANSWER_SECONDS = 5.0


async def watch_topics(group: Group, topics: Sequence[str]) -> None:
    """Look now and then whether the topics are still those of the start. Raises Fatal where one is not."""
    known: dict[str, bytes] = {}
    while True:
        for topic, topic_id in (await _ids(group, topics)).items():
            if known.setdefault(topic, topic_id) != topic_id:
                await _start_over(group, topic)
        await asyncio.sleep(LOOK_SECONDS)


async def _ids(group: Group, topics: Sequence[str]) -> dict[str, bytes]:
    """Ask Kafka; nothing when it does not answer."""
    if not group.joined:
        return {}
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await topic_ids(group.consumer._client, topics)  # noqa: SLF001 - aiokafka has no request for it
    except (KafkaError, OSError, TimeoutError):
        return {}


async def _start_over(group: Group, topic: str) -> None:
    if await group.set_back(topic):
        offsets = "The group's offsets are set back to its beginning, where the next start of this process reads on"
    else:
        offsets = "The group's offsets could not be set back: set them to the earliest before you start a worker"
    raise Fatal(
        f"Topic {topic} was deleted and made anew while this worker read it. {offsets}; what was applied already "
        "changes nothing. What the old topic held and was not applied is lost: let the sender send it again."
    )
