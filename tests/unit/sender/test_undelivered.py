"""The list of webhooks that the sender could not deliver."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from consumer.sender.undelivered import list_undelivered

if TYPE_CHECKING:
    from consumer.sender.client import SenderApi


class Api:
    """Answers every question with the same list."""

    async def get(self, path: str, read: Callable[[bytes], Any]) -> Any:
        assert path == "webhooks/undelivered"
        return read(b'[{"_id":"b","createdAt":{"value":"2026-06-02T12:00:00Z"}},{"_id":"a"},{"_id":"b"},{"_id":"a"}]')


async def test_one_that_is_listed_twice_is_sent_again_once() -> None:
    found = await list_undelivered(cast("SenderApi", Api()))

    assert [webhook.id for webhook in found] == ["a", "b"]
