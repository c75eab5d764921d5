"""Replay: send dead letters back to where they came from."""

from collections.abc import Callable, Collection

from aiokafka.errors import TopicAuthorizationFailedError

from consumer.common.diagnosis import MISSING_RIGHTS_ON_KAFKA
from consumer.common.errors import Fatal, Unavailable
from consumer.common.settings import Settings
from consumer.kafka.batcher import Headers, acknowledged
from consumer.kafka.publisher import Publisher
from consumer.letters.dead_letters import PREFIX
from consumer.letters.letters import REPLAYED_FROM, Filter, Letter, dead_letters


async def replay(settings: Settings, places: Collection[str], sent: Callable[[], None]) -> None:
    """Send letters back with their original bytes, key and headers, and where they came from.

    The topic is read once more, so that one letter at a time is held in memory. Raises Fatal for a letter that does
    not say where it came from or may not be sent there, Unavailable when Kafka does not take one.
    """
    async with Publisher.connected_to(settings) as publisher:
        async for letter in dead_letters(settings, Filter(places=frozenset(places))):
            if not letter.topic:
                raise Fatal(f"Dead letter {letter.place} does not say which topic it came from")
            sending = publisher.send(
                letter.topic, key=letter.record.key, value=letter.record.value, headers=_headers(letter)
            )
            try:
                await acknowledged(sending, settings.publish_deadline_seconds)
            except Unavailable as error:
                if isinstance(error.__cause__, TopicAuthorizationFailedError):
                    raise Fatal(f"{error}. {MISSING_RIGHTS_ON_KAFKA}") from None
                raise
            sent()


def _headers(letter: Letter) -> Headers:
    original = [
        (name, value) for name, value in letter.record.headers if not name.startswith(PREFIX) and name != REPLAYED_FROM
    ]
    return [*original, (REPLAYED_FROM, f"{letter.record.topic}/{letter.place}".encode())]
