"""Republish: certificates go to the topics once more, under new versions."""

from collections.abc import Sequence

from consumer.balances.outbox import put_in
from consumer.balances.verify import Topics
from consumer.books.rebooking import all_certificates
from consumer.common.errors import Fatal
from consumer.common.progress import progress
from consumer.common.settings import Settings
from consumer.postgres.database import connect


async def republish(settings: Settings, ids: Sequence[str]) -> int:
    """Put certificates, live and test, into the outbox; give how many. Raises Fatal where one is not known."""
    connection = await connect(settings)
    try:
        rows = await connection.fetch(
            "SELECT certificate_id, livemode FROM certificate WHERE certificate_id = ANY ($1)", ids
        )
        if unknown := sorted(set(ids) - {row["certificate_id"] for row in rows}):
            raise Fatal(f"No certificate is known as {', '.join(unknown)}: nothing was put into the outbox.")
        await put_in(connection, [(row["certificate_id"], row["livemode"]) for row in rows])
        return len(rows)
    finally:
        await connection.close()


async def republish_all(settings: Settings) -> int:
    """Put all certificates into the outbox, and those that only the topics know; give how many.

    Their versions are higher than any in the topics, also where the database was restored to a time before those.
    """
    topics = Topics(settings)
    connection = await connect(settings)
    try:
        await topics.read_on()
        await connection.execute("SELECT giftcert.raise_balance_version($1)", topics.highest_version)
        count, unseen = 0, set(topics.last)
        with progress("republishing") as advance:
            async for keys in all_certificates(connection):
                await put_in(connection, keys)
                unseen.difference_update(keys)
                count += len(keys)
                advance(len(keys))
        await put_in(connection, list(unseen))
        return count + len(unseen)
    finally:
        await connection.close()
