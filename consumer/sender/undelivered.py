"""Undelivered: the webhooks that the sender could not deliver: how many, how old, and sending them again.

Nothing is ever deleted there: what the sender no longer keeps, nobody can send.
"""

from datetime import UTC, datetime

import structlog

from consumer.postgres.database import Connection, statement
from consumer.sender.answers import Undelivered, read_undelivered
from consumer.sender.client import NoAnswer, SenderApi, is_plain

log = structlog.get_logger()

_PATH = "webhooks/undelivered"


async def list_undelivered(api: SenderApi) -> list[Undelivered]:
    """Give what the sender has as undelivered, each once, the oldest first. Raises NoAnswer."""
    found = {webhook.id: webhook for webhook in await api.get(_PATH, read_undelivered)}
    return sorted(
        found.values(), key=lambda webhook: (webhook.created_at or datetime.max.replace(tzinfo=UTC), webhook.id)
    )


async def retry(api: SenderApi, webhook_id: str) -> None:
    """Have the sender send one again. Raises NoAnswer."""
    if not is_plain(webhook_id):
        raise NoAnswer("its id is not one that can stand in a path")
    await api.put(f"{_PATH}/{webhook_id}/retry")


async def watch_undelivered(connection: Connection, api: SenderApi) -> None:
    """Write down how many there are and how old the oldest is, for the metrics. A failure is logged, not raised."""
    try:
        await note(connection, await list_undelivered(api))
    except NoAnswer as error:
        log.warning("the undelivered webhooks were not had", reason=str(error))


async def note(connection: Connection, found: list[Undelivered]) -> None:
    """Write down what was found."""
    dates = [webhook.created_at for webhook in found if webhook.created_at]
    async with connection.transaction():
        await connection.execute(statement("sender/undelivered_forget"))
        await connection.execute(statement("sender/undelivered_note"), len(found), min(dates, default=None))
