"""Topics: those of balances are the ones that we know, or they are filled anew."""

from collections.abc import Mapping, Sequence

from consumer.balances.lead import Lead
from consumer.balances.outbox import put_in
from consumer.books.rebooking import all_certificates
from consumer.common.diagnosis import Diagnosis
from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from consumer.kafka.topic_ids import topic_ids
from consumer.kafka.topics import admin, existing_partitions
from consumer.postgres.database import Connection, statement
from schemas.registry import BALANCES, BALANCES_TEST

Partitions = Mapping[str, Sequence[int]]


async def recognised(connection: Connection, settings: Settings, lead: Lead) -> Partitions:
    """Give the partitions of the topics. One that is new to us, or was made anew, is filled with all certificates.

    Raises Superseded, and Fatal where one does not exist, or has other partitions than before.
    """
    of = {settings.topic(BALANCES): True, settings.topic(BALANCES_TEST): False}
    partitions = await existing_partitions(settings, list(of))
    ids = await _ids(settings, list(of))
    known = {row["name"]: row for row in await connection.fetch("SELECT * FROM giftcert.balance_topic")}
    for name, livemode in of.items():
        topic_id, before = ids.get(name), known.get(name)
        if before is None or before["topic_id"] != topic_id:
            await _fill(connection, lead, livemode=livemode)
            await connection.execute(statement("balances/recognise"), name, len(partitions[name]), topic_id)
        elif problem := repartitioned(name, len(partitions[name]), before["partitions"]):
            raise Fatal(str(problem))
    return partitions


def repartitioned(name: str, now: int, before: int) -> Diagnosis | None:
    """Say what is wrong with a topic whose number of partitions has changed."""
    if now == before:
        return None
    return Diagnosis(
        f"Topic {name} has {now} partitions and had {before}: certificates would have records in two of them",
        "Delete the topic and run `giftledger topics`: it is filled anew.",
    )


async def _fill(connection: Connection, lead: Lead, *, livemode: bool) -> None:
    """Put all certificates, live or test, into the outbox: which may take longer than a lease."""
    async for keys in all_certificates(connection):
        await put_in(connection, [key for key in keys if key[1] is livemode])
        await lead.go_on()


async def _ids(settings: Settings, topics: Sequence[str]) -> dict[str, bytes]:
    async with admin(settings) as client:
        return await topic_ids(client._client, topics)  # noqa: SLF001 - it has no request for ids
