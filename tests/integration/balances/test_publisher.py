"""The publisher: what the tables say comes to the topics, and an older state is never the last one."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka.admin import NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError
from prometheus_client import generate_latest

from consumer.balances.lead import Superseded, leading
from consumer.balances.limits import Limits
from consumer.balances.outbox import changed_behind
from consumer.balances.publisher import Publisher
from consumer.balances.record import record_of
from consumer.balances.republish import republish, republish_all
from consumer.balances.topics import recognised
from consumer.balances.verify import verify
from consumer.books.rebooking import FIRST
from consumer.common import metrics
from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from consumer.kafka.topics import admin, create_topics, existing_partitions
from consumer.kafka.transactions import BatchTooLarge, Outgoing, Transactions
from consumer.postgres.database import Pool
from tests.applying import applied
from tests.balances import BALANCES, BALANCES_TEST, all_published, publishing, subscribed
from tests.builders import CERTIFICATE_ID, DEFINITION_ID, bought, definition, event, paid_with
from tests.pipeline import until

PERSONAL: dict[str, Any] = {
    "firstName": "Zoë",
    "lastName": "Personal-Name",
    "email": "zoe@personal.example",
    "customerNumber": "customer-777",
}


@asynccontextmanager
async def publisher(settings: Settings, connections: Pool) -> AsyncIterator[Publisher]:
    """Lead, and have a publisher that makes a round when it is told to."""
    async with leading(connections) as lead:
        assert lead is not None
        async with connections.acquire() as connection:
            partitions = await recognised(connection, settings, lead)
        async with Transactions.opened(settings, settings.topic(BALANCES), partitions) as transactions:
            yield Publisher(settings, connections, transactions, lead, Limits())


async def round_of_another(settings: Settings, connections: Pool) -> None:
    """Let another process take over, as it does when the leader's lease has run out, and publish what has changed."""
    await connections.execute("UPDATE balance_publisher SET leads_until = '-infinity'")
    async with publisher(settings, connections) as other:
        await other.round(asyncio.Event())


def freeze_the_first(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch, *, with_what_it_read: bool
) -> None:
    """Freeze the first who sends, before he does or when he has, until a change is published by the next leader."""
    send, is_frozen = Transactions.send, False

    async def freeze() -> None:
        nonlocal is_frozen
        if not is_frozen:
            is_frozen = True
            await applied(connections, event(paid_with(4_000_000, updated=60)))
            await round_of_another(settings, connections)

    async def freeze_and_send(self: Transactions, records: Iterable[Outgoing], *_: object) -> None:
        read = list(records)
        if with_what_it_read:
            await freeze()
        await send(self, read)
        await freeze()

    monkeypatch.setattr(Transactions, "send", freeze_and_send)


def needs_fence(settings: Settings) -> None:
    if not settings.kafka_enable_idempotence:
        pytest.skip("this broker has no transactions, and fences nobody")


async def test_a_subscriber_reads_the_state_that_the_tables_have(settings: Settings, connections: Pool) -> None:
    at = {"stationId": "s1", "name": "Toronto", "timeZone": "America/Toronto"}
    purchase = bought(
        4_000_000, price=3_000_000, certDefId=DEFINITION_ID, accountId="a", shiftLocation=at, createdAt=None, **PERSONAL
    )
    payment = paid_with(2_000_000, updated=60, shiftLocation={"name": "Ottawa"}, **PERSONAL)
    async with publishing(settings):
        await applied(connections, event(definition(currencyCode="CAD")), event(purchase), event(payment))
        await all_published(connections)

    read = await subscribed(settings)

    state = read.last[CERTIFICATE_ID]
    assert state is not None
    assert state.pop("version") >= 1
    assert state == {
        "certificate_id": CERTIFICATE_ID,
        "livemode": True,
        "event_id": payment["id"],
        "account_id": "a",
        "definition_id": DEFINITION_ID,
        "currency": "CAD",
        "balance": {"decimal": "20.00000", "units": 2_000_000},
        "consideration": {"decimal": "15.00000", "units": 1_500_000},
        "face_value": {"decimal": "40.00000", "units": 4_000_000},
        "price": {"decimal": "30.00000", "units": 3_000_000},
        "is_voided": False,
        "issuing_station": {"id": "s1", "name": "Toronto"},
        "last_station": {"id": None, "name": "Ottawa"},
        "issued_at": "2026-06-01T12:00:00Z",
        "updated_at": "2026-06-01T12:01:00Z",
    }
    text = str(read.records)
    assert not [word for word in PERSONAL.values() if word in text]


async def test_a_record_is_a_cloud_event_and_its_id_is_its_version(settings: Settings, connections: Pool) -> None:
    async with publishing(settings):
        await applied(connections, event(bought()))
        await all_published(connections)

    read = await subscribed(settings)

    (record,), state = read.records, read.last[CERTIFICATE_ID]
    assert state is not None
    headers = {name: value.decode() for name, value in record.headers}
    assert headers.pop("ce_time").endswith("Z")
    assert headers == {
        "ce_specversion": "1.0",
        "ce_id": f"{CERTIFICATE_ID}/{state['version']}",
        "ce_source": f"urn:giftledger:{settings.topic(BALANCES)}",
        "ce_type": "giftledger.balance.changed",
        "ce_subject": CERTIFICATE_ID,
        "ce_dataschema": "urn:giftledger:balance:1",
        "content-type": "application/json",
    }


async def test_a_record_names_the_trace_of_the_webhook_that_changed_it(settings: Settings, connections: Pool) -> None:
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with publishing(settings):
        await applied(connections, event(bought()))
        await all_published(connections)
        await applied(connections, event(paid_with(4_000_000, updated=60), traceparent=traceparent))
        await all_published(connections)
        await republish(settings, [CERTIFICATE_ID])
        await all_published(connections)

    traces = [dict(record.headers).get("traceparent") for record in (await subscribed(settings)).records]

    assert traces == [None, traceparent.encode(), None]


async def test_live_and_test_traffic_have_topics_of_their_own(settings: Settings, connections: Pool) -> None:
    async with publishing(settings):
        await applied(connections, event(bought(1)), event(bought(2, envelope={"livemode": False})))
        await all_published(connections)

    live, test = await subscribed(settings), await subscribed(settings, BALANCES_TEST)

    units = [state["balance"]["units"] for read in (live, test) for state in read.last.values() if state]
    assert units == [1, 2]


async def test_a_void_is_a_state_without_a_balance(settings: Settings, connections: Pool) -> None:
    async with publishing(settings):
        await applied(connections, event(bought()), event(paid_with(3_000_000, updated=60, deleted=True)))
        await all_published(connections)

    state = (await subscribed(settings)).last[CERTIFICATE_ID]

    assert state is not None
    assert (state["is_voided"], state["balance"]["units"], state["consideration"]["units"]) == (True, 0, 0)


async def test_what_the_tables_no_longer_hold_is_a_tombstone(settings: Settings, connections: Pool) -> None:
    async with publishing(settings):
        await applied(connections, event(bought()))
        await all_published(connections)
        for table in ("certificate", "certificate_history"):
            await connections.execute(f"DELETE FROM {table}")  # noqa: S608
        (difference,) = (await verify(settings)).differing
        assert difference.what.startswith("is in no table")
        await republish_all(settings)
        await all_published(connections)

    read = await subscribed(settings)

    assert read.last == {CERTIFICATE_ID: None}
    assert dict(read.records[-1].headers)["ce_type"] == b"giftledger.balance.erased"
    assert (await verify(settings)).differing == []


async def test_a_change_while_the_state_before_it_is_on_its_way_is_published_too(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create_topics(settings)
    await applied(connections, event(bought()))
    send = Transactions.send

    async def change_and_send(self: Transactions, records: Iterable[Outgoing], *_: object) -> None:
        sent = list(records)
        await applied(connections, event(paid_with(4_000_000, updated=60)))
        await send(self, sent)

    async with publisher(settings, connections) as ours:
        with monkeypatch.context() as changing:
            changing.setattr(Transactions, "send", change_and_send)
            await ours.round(asyncio.Event())
        await ours.round(asyncio.Event())

    read = await subscribed(settings)
    assert [state["balance"]["units"] for state in read.last.values() if state] == [4_000_000]
    assert len(read.records) == 2
    await all_published(connections)


async def test_who_was_frozen_with_a_state_in_his_hands_cannot_send_it_when_he_wakes(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_fence(settings)
    await create_topics(settings)
    await applied(connections, event(bought()))
    freeze_the_first(settings, connections, monkeypatch, with_what_it_read=True)
    with pytest.raises(KafkaError):
        async with publisher(settings, connections) as frozen:
            await frozen.round(asyncio.Event())

    read = await subscribed(settings)
    assert [state["balance"]["units"] for state in read.last.values() if state] == [4_000_000]
    assert (await verify(settings)).differing == []


async def test_who_was_frozen_before_he_committed_commits_nothing_when_he_wakes(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_fence(settings)
    await create_topics(settings)
    await applied(connections, event(bought()))
    freeze_the_first(settings, connections, monkeypatch, with_what_it_read=False)
    with pytest.raises(KafkaError):
        async with publisher(settings, connections) as frozen:
            await frozen.round(asyncio.Event())

    assert len((await subscribed(settings)).records) == 1
    assert (await verify(settings)).differing == []


async def test_nothing_is_committed_unless_all_has_arrived(settings: Settings, connections: Pool) -> None:
    needs_fence(settings)
    await create_topics(settings)
    await applied(connections, event(bought()))
    async with connections.acquire() as connection:
        (changed,) = await changed_behind(connection, FIRST, 10)
    good = record_of(settings, changed)

    with pytest.raises(BatchTooLarge):
        await sent_at_once(settings, [good, good._replace(key=b"another", value=bytes(2_000_000))])

    assert (await subscribed(settings)).records == []


async def sent_at_once(settings: Settings, records: list[Outgoing]) -> None:
    partitions = await existing_partitions(settings, [settings.topic(BALANCES), settings.topic(BALANCES_TEST)])
    async with Transactions.opened(settings, "once", partitions) as transactions, transactions.transaction():
        await transactions.send(records)


async def test_where_nobody_is_fenced_what_was_sent_behind_the_next_leader_is_published_once_more(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if settings.kafka_enable_idempotence:
        pytest.skip("this broker fences")
    await create_topics(settings)
    await applied(connections, event(bought()))
    freeze_the_first(settings, connections, monkeypatch, with_what_it_read=True)
    with pytest.raises(Superseded):
        async with publisher(settings, connections) as frozen:
            await frozen.round(asyncio.Event())
    await round_of_another(settings, connections)

    assert (await verify(settings)).differing == []


async def test_of_two_publishers_one_stands_by_and_goes_on_when_the_other_ends(
    settings: Settings, connections: Pool
) -> None:
    await create_topics(settings)
    async with AsyncExitStack() as first:
        await first.enter_async_context(publisher(settings, connections))
        async with leading(connections) as second:
            assert second is None
    async with leading(connections) as second:
        assert second is not None


async def test_a_page_that_is_full_is_not_the_last_one(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumer.balances.publisher.PAGE", 3)
    await applied(connections, *(event(bought(number, _id=f"c{number}")) for number in range(6)))
    await create_topics(settings)
    async with publisher(settings, connections) as ours:
        await ours.round(asyncio.Event())

    assert len((await subscribed(settings)).last) == 6
    await all_published(connections)


async def test_who_is_asked_to_stop_does_so_between_two_pages(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumer.balances.publisher.PAGE", 3)
    await applied(connections, *(event(bought(number, _id=f"c{number}")) for number in range(6)))
    await create_topics(settings)
    stop = asyncio.Event()
    stop.set()
    async with publisher(settings, connections) as ours:
        assert not await ours.round(stop)

    assert len((await subscribed(settings)).last) == 3
    assert await connections.fetchval("SELECT count(*) FROM balance_outbox") == 3


async def test_a_topic_that_was_made_anew_is_filled_anew(settings: Settings, connections: Pool) -> None:
    needs_fence(settings)
    async with publishing(settings):
        await applied(connections, event(bought()), event(bought(_id="another")))
        await all_published(connections)
    await _delete(settings)

    async with publishing(settings):
        await until(lambda: _holds(settings, 2), "both certificates")

    assert (await verify(settings)).differing == []


async def test_a_topic_that_is_made_anew_under_a_publisher_without_work_is_filled_anew(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_fence(settings)
    monkeypatch.setattr("consumer.balances.process.RECOGNISE_SECONDS", 0.5)
    async with publishing(settings):
        await applied(connections, event(bought()), event(bought(_id="another")))
        await all_published(connections)
        await _delete(settings)
        await create_topics(settings)

        await until(lambda: _holds(settings, 2), "both certificates")


async def _delete(settings: Settings) -> None:
    name = settings.topic(BALANCES)
    async with admin(settings) as client:
        await client.delete_topics([name])
        await until(lambda: _is_gone(client, name), "the topic's end")


async def _is_gone(client: object, name: str) -> bool:
    return name not in await client.list_topics()  # type: ignore[attr-defined]


async def _holds(settings: Settings, count: int) -> bool:
    return len((await subscribed(settings)).last) == count


async def test_a_topic_with_more_partitions_than_before_is_refused(settings: Settings, connections: Pool) -> None:
    needs_fence(settings)
    async with publishing(settings):
        await applied(connections, event(bought()))
        await all_published(connections)
    async with admin(settings) as client:
        await client.create_partitions({settings.topic(BALANCES): NewPartitions(5)})

    with pytest.raises(Fatal, match="has 5 partitions and had 3"):
        await round_of_another(settings, connections)


async def test_republishing_gives_a_higher_version_and_names_what_is_unknown(
    settings: Settings, connections: Pool
) -> None:
    async with publishing(settings):
        await applied(connections, event(bought()))
        await all_published(connections)
        assert await republish(settings, [CERTIFICATE_ID]) == 1
        await all_published(connections)
    with pytest.raises(Fatal, match="unknown-one"):
        await republish(settings, [CERTIFICATE_ID, "unknown-one"])

    versions = [
        int(dict(record.headers)["ce_id"].rpartition(b"/")[2]) for record in (await subscribed(settings)).records
    ]
    assert len(versions) == 2
    assert versions[1] > versions[0]


async def test_versions_go_on_above_the_topics_where_the_database_was_restored(
    settings: Settings, connections: Pool
) -> None:
    async with publishing(settings):
        await applied(connections, event(bought()), event(paid_with(1, updated=60)))
        await connections.execute("SELECT setval('balance_version', 1000)")
        await applied(connections, event(paid_with(0, updated=90)))
        await all_published(connections)
        await connections.execute("SELECT setval('balance_version', 5)")
        await republish(settings, [CERTIFICATE_ID])
        await all_published(connections)
        assert "behind version" in (await verify(settings)).differing[0].what

        await republish_all(settings)
        await all_published(connections)

    assert (await verify(settings)).differing == []


@pytest.mark.parametrize("damage", ["missing", "other"])
async def test_verify_names_what_the_topic_does_not_say(settings: Settings, connections: Pool, damage: str) -> None:
    async with publishing(settings):
        await applied(connections, event(bought()))
        await all_published(connections)
    if damage == "missing":
        await applied(connections, event(bought(_id="another")))
    else:
        await applied(connections, event(paid_with(1, updated=60)))
    found = await verify(settings)
    assert (found.differing, found.behind) == ([], 1)

    await connections.execute("DELETE FROM balance_outbox")

    (difference,) = (await verify(settings)).differing
    assert difference.certificate_id == ("another" if damage == "missing" else CERTIFICATE_ID)


async def test_who_fills_a_topic_for_longer_than_his_lease_goes_on_leading(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumer.balances.lead.RENEW_SECONDS", 0.0)
    monkeypatch.setattr("consumer.books.rebooking.PAGE", 2)
    await create_topics(settings)
    await applied(connections, *(event(bought(number, _id=f"c{number}")) for number in range(6)))
    async with leading(connections) as lead, connections.acquire() as connection:
        assert lead is not None
        before = await connections.fetchval("SELECT leads_until FROM balance_publisher")
        await recognised(connection, settings, lead)
        assert await connections.fetchval("SELECT leads_until FROM balance_publisher") > before

        await connections.execute("UPDATE balance_publisher SET leader = 'another'")
        await connections.execute("DELETE FROM balance_topic")
        with pytest.raises(Superseded):
            await recognised(connection, settings, lead)


async def test_a_state_that_is_too_large_for_its_topic_waits_and_its_neighbours_do_not(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    needs_fence(settings)
    monkeypatch.setattr("consumer.balances.limits.RETRY_SECONDS", 1.0)
    monkeypatch.setattr("consumer.balances.limits.RETRY_AT_MOST_SECONDS", 1.0)
    name = settings.topic(BALANCES)
    small = {"cleanup.policy": "compact", "max.message.bytes": "3000"}
    async with admin(settings) as client:
        await client.create_topics([NewTopic(name, 1, 1, topic_configs=small)])
    sizes = {"neighbour": 10, "large": 5000, "larger": 9000, "another": 10}
    # In one transaction, and more than one batch may hold.
    await applied(
        connections, *(event(bought(_id=id_, shiftLocation={"name": "n" * size})) for id_, size in sizes.items())
    )

    async with publishing(settings):
        await until(lambda: _are_left(connections, {"large", "larger"}), "the neighbours in the topic")
        await until(lambda: _is_counted(2), "both to be counted")
        assert (await subscribed(settings)).last.keys() == {"neighbour", "another"}
        await applied(connections, event(bought(_id="later")))
        await until(lambda: _are_left(connections, {"large", "larger"}), "a later neighbour in the topic")
        before = await connections.fetchval("SELECT published_as_of FROM balance_publisher")

        async with admin(settings) as client:
            resource = ConfigResource(ConfigResourceType.TOPIC, name, {"max.message.bytes": "1000000"})
            await client.alter_configs([resource])
        await all_published(connections)
        await until(lambda: _is_counted(0), "none to be counted")
        await until(lambda: _has_moved(connections, before), "the topics to be up to date")

    assert (await verify(settings)).differing == []
    log = capfd.readouterr().out
    assert "Kafka takes no record so large" in log
    assert "certificate_id=large" in log


async def _are_left(connections: Pool, ids: set[str]) -> bool:
    return {row[0] for row in await connections.fetch("SELECT certificate_id FROM balance_outbox")} == ids


async def _is_counted(count: int) -> bool:
    return f"giftcert_balances_too_large {float(count)}" in generate_latest(metrics.BALANCES).decode()


async def _has_moved(connections: Pool, before: datetime) -> bool:
    return bool(await connections.fetchval("SELECT published_as_of > $1 FROM balance_publisher", before))


async def test_who_begins_to_lead_has_published_nothing_yet(connections: Pool) -> None:
    await connections.execute("UPDATE balance_publisher SET published_as_of = '2026-01-01'")
    async with leading(connections) as lead:
        assert lead is not None
        await lead.renew()
    assert not await _has_moved(connections, datetime(2026, 1, 1, tzinfo=UTC))
