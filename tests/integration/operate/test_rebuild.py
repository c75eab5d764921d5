"""A rebuild makes the same tables anew beside the worker, and replaces them only when it may."""

import asyncio
import random
from typing import Any

import msgspec
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from consumer.apply.apply import look_up, write
from consumer.apply.fold import fold
from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from consumer.kafka.taking import Room
from consumer.kafka.topics import admin, create_topics
from consumer.operate.rebuild import drop_old, rebuild
from consumer.operate.verify import verify
from consumer.postgres.database import Pool
from deploy.local.kafka_apache import ApacheKafka
from deploy.local.stack import Stack
from tests.applying import applied, tables
from tests.builders import bought, definition, definition_deleted, event, paid_with
from tests.databases import user_in
from tests.pipeline import publish, until, working

RANDOM = random.Random(7)


def traffic(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Give purchases and redemptions of few certificates, in no order, and a definition's life."""
    events = [
        paid_with(RANDOM.randrange(5_000_000), updated=RANDOM.randrange(3000), _id=f"certificate-{number % 97}")
        for number in range(start, start + count)
    ]
    return [*events, definition(), definition_deleted()]


async def worked(settings: Settings, connections: Pool, bodies: list[dict[str, Any]]) -> None:
    await publish(settings, *bodies)
    async with working(settings):
        await until(lambda: _attempts(connections, len(bodies)), f"{len(bodies)} attempts")


async def _attempts(connections: Pool, at_least: int) -> bool:
    return bool(await connections.fetchval("SELECT count(*) >= $1 FROM webhook_attempt", at_least))


async def test_a_rebuild_of_an_intact_database_changes_nothing_but_the_tables_themselves(
    settings: Settings, connections: Pool
) -> None:
    await worked(settings, connections, traffic(300))
    before = await tables(connections)
    report = await connections.fetch("SELECT * FROM reporting.liability_current")

    done = await rebuild(settings, partial=False, accept_differences=False)

    assert (done.records, done.differences, done.swapped) == (302, [], True)
    assert await tables(connections) == before
    assert await connections.fetch("SELECT * FROM reporting.liability_current") == report


async def test_a_rebuild_during_traffic_ends_without_a_difference(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Small batches, so that more than one of them is applied while the tables are locked.
    monkeypatch.setattr("consumer.kafka.scan.MOST", Room(records=20, bytes=1_000_000))
    await publish(settings, *traffic(2000))
    async with working(settings):
        await until(lambda: _attempts(connections, 100), "a worker that works")
        sending = asyncio.create_task(_keep_sending(settings))
        done = await rebuild(settings, partial=False, accept_differences=False)
        sent = await sending
        await until(lambda: _attempts(connections, 2002 + sent), "everything sent meanwhile")

    assert done.differences == []
    assert done.swapped
    assert sent > 0
    lost = await connections.fetchval(
        "SELECT count(*) FROM giftcert_old.certificate_history AS old WHERE NOT EXISTS "
        "(SELECT FROM webhook_attempt AS new WHERE new.attempt_id = old.attempt_id)"
    )
    assert lost == 0


async def _keep_sending(settings: Settings) -> int:
    """Send batch after batch while the rebuild runs."""
    for batch in range(10):
        await publish(settings, *traffic(50, start=batch * 50)[:50])
    return 500


async def test_what_a_worker_that_lags_has_not_applied_is_no_difference(settings: Settings, connections: Pool) -> None:
    await worked(settings, connections, traffic(100))
    behind = traffic(200, start=100)
    await publish(settings, *behind)

    done = await rebuild(settings, partial=False, accept_differences=False)

    assert (done.differences, done.swapped, done.records) == ([], True, 304)
    assert await connections.fetchval("SELECT count(*) FROM webhook_attempt") == 304
    assert (await verify(settings, mend=False)).differing == {}


async def test_what_was_lost_is_a_difference_also_beside_a_worker_that_lags(
    settings: Settings, connections: Pool
) -> None:
    await worked(settings, connections, traffic(100))
    await connections.execute("DELETE FROM certificate_history WHERE certificate_id = 'certificate-5'")
    await publish(settings, *traffic(50, start=100))

    done = await rebuild(settings, partial=False, accept_differences=False)

    assert {difference.entity_id for difference in done.differences} == {"certificate-5"}
    assert not done.swapped


async def test_workers_that_do_not_come_nearer_are_not_waited_for_for_ever(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumer.operate.rebuild.NEARLY_THERE", 10)
    monkeypatch.setattr("consumer.operate.rebuild.PATIENCE_SECONDS", 1.0)
    await worked(settings, connections, traffic(10))
    await publish(settings, *traffic(50, start=10))

    with pytest.raises(Fatal, match="have 52 records to apply and come no nearer"):
        await rebuild(settings, partial=False, accept_differences=False)


async def test_what_an_attempt_id_on_two_events_brought_stays_in_whatever_order_the_topics_hold_them(
    settings: Settings, connections: Pool
) -> None:
    one_partition = msgspec.structs.replace(settings, topic_partitions=1)
    reused = {"attemptId": "reused"}
    first, second = (bought(_id=f"certificate-{number}", envelope=reused) for number in range(2))
    await applied(connections, event(first), event(second), event(definition(envelope=reused)))
    await publish(one_partition, second, first)
    before = await tables(connections)

    done = await rebuild(one_partition, partial=False, accept_differences=False)

    assert (done.records, done.differences, done.swapped) == (2, [], True)
    assert await tables(connections) == before


async def test_an_attempt_id_that_two_workers_met_at_once_keeps_both_of_its_events(
    settings: Settings, connections: Pool
) -> None:
    reused = {"attemptId": "reused"}
    purchase, description = bought(envelope=reused), definition(envelope=reused)
    async with connections.acquire() as connection, connection.transaction():
        known = await look_up(connection, [event(purchase)])
        await applied(connections, event(description))
        await write(connection, [event(purchase)], fold([event(purchase)], known), known)
    await publish(settings, *[purchase, description] * 2)

    done = await rebuild(settings, partial=False, accept_differences=False)

    assert (done.records, done.differences, done.swapped) == (4, [], True)


async def test_what_cannot_be_decoded_is_counted(settings: Settings) -> None:
    await publish(settings, b"{")

    done = await rebuild(settings, partial=False, accept_differences=False)

    assert (done.records, done.refused, done.swapped) == (1, 1, True)


async def test_a_damaged_row_is_a_difference_and_nothing_is_swapped_unasked(
    settings: Settings, connections: Pool
) -> None:
    await worked(settings, connections, traffic(100))
    intact = await tables(connections)
    await connections.execute("UPDATE certificate SET balance = balance + 1 WHERE certificate_id = 'certificate-5'")

    refused = await rebuild(settings, partial=False, accept_differences=False)
    assert [(d.table, d.entity_id) for d in refused.differences] == [("certificate", "certificate-5")]
    assert not refused.swapped
    assert await tables(connections) != intact

    accepted = await rebuild(settings, partial=False, accept_differences=True)
    assert accepted.swapped
    assert await tables(connections) == intact


async def test_the_old_tables_are_kept_until_they_are_dropped(settings: Settings, connections: Pool) -> None:
    await worked(settings, connections, traffic(10))
    await rebuild(settings, partial=False, accept_differences=False)

    assert await connections.fetchval("SELECT count(*) FROM giftcert_old.certificate_history") == 10
    with pytest.raises(Fatal, match="drop-old"):
        await rebuild(settings, partial=False, accept_differences=False)
    assert await drop_old(settings)
    assert not await drop_old(settings)


async def test_a_member_of_the_owner_who_may_nothing_else_rebuilds_and_drops(
    stack: Stack, settings: Settings, connections: Pool
) -> None:
    await worked(settings, connections, traffic(10))
    with user_in(stack, "giftledger_owner", settings) as member:
        done = await rebuild(member, partial=False, accept_differences=False)
        assert (done.swapped, done.differences) == (True, [])
        assert await drop_old(member)
    # And the worker still may what it must.
    with user_in(stack, "giftledger_writer", settings) as writer:
        await worked(writer, connections, traffic(11, start=10))


async def test_whoever_is_no_member_of_the_owner_is_told_so(stack: Stack, settings: Settings) -> None:
    with user_in(stack, "giftledger_writer", settings) as writer:
        with pytest.raises(Fatal, match="GRANT giftledger_owner"):
            await rebuild(writer, partial=False, accept_differences=False)
        with pytest.raises(Fatal, match="GRANT giftledger_owner"):
            await drop_old(writer)


async def test_old_tables_that_somebody_reads_are_not_dropped_and_their_reader_is_named(
    settings: Settings, connections: Pool
) -> None:
    await create_topics(settings)
    await rebuild(settings, partial=False, accept_differences=False)
    await connections.execute("CREATE VIEW public.mine AS SELECT balance FROM giftcert_old.certificate")

    with pytest.raises(Fatal, match=r"view (public\.)?mine"):
        await drop_old(settings)


async def test_keys_and_grants_are_the_same_after_the_swap(settings: Settings, connections: Pool) -> None:
    await worked(settings, connections, traffic(10))
    before = await _shape(connections)

    await rebuild(settings, partial=False, accept_differences=False)

    assert await _shape(connections) == before


async def _shape(connections: Pool) -> list[Any]:
    """Read what could get lost on the way: indexes, constraints, owners, grants, comments."""
    return [
        await connections.fetch("SELECT indexdef FROM pg_indexes WHERE schemaname = 'giftcert' ORDER BY indexname"),
        await connections.fetch(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE connamespace = 'giftcert'::regnamespace ORDER BY conname, conrelid::regclass::text"
        ),
        await connections.fetch(
            "SELECT relname, relowner, relacl::text, reloptions FROM pg_class "
            "WHERE relnamespace = 'giftcert'::regnamespace AND relkind = 'r' ORDER BY relname"
        ),
        await connections.fetch(
            "SELECT attrelid::regclass::text, attname, attnotnull, attacl::text, col_description(attrelid, attnum) "
            "FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid AND relkind = 'r' "
            "WHERE relnamespace = 'giftcert'::regnamespace AND attnum > 0 ORDER BY 1, 2"
        ),
    ]


async def test_a_topic_without_its_beginning_is_refused(
    settings: Settings, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await worked(settings, connections, traffic(10))

    async def gone(_: object, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 3)

    monkeypatch.setattr("aiokafka.AIOKafkaConsumer.beginning_offsets", gone)

    with pytest.raises(Fatal, match="no longer hold their beginning"):
        await rebuild(settings, partial=False, accept_differences=False)
    assert await connections.fetch("SELECT FROM pg_tables WHERE schemaname = 'giftcert_shadow'") == []


async def test_where_the_beginning_is_deleted_the_part_that_is_left_is_enough_only_if_one_says_so(
    stack: Stack, settings: Settings, connections: Pool
) -> None:
    if not isinstance(stack.kafka, ApacheKafka):
        pytest.skip("the embedded broker deletes no records")
    one_partition = msgspec.structs.replace(settings, topic_partitions=1)
    await worked(one_partition, connections, traffic(10))
    certificates = TopicPartition(settings.topic("certificates"), 0)
    async with admin(settings) as client:
        await client.delete_records({certificates: RecordsToDelete(4)})

    with pytest.raises(Fatal, match="4 records are gone"):
        await rebuild(settings, partial=False, accept_differences=False)
    done = await rebuild(settings, partial=True, accept_differences=True)

    assert (done.records, done.swapped) == (12 - 4, True)
    assert await connections.fetchval("SELECT count(*) FROM certificate_history") == 10 - 4


async def test_a_rebuild_keeps_when_we_knew(settings: Settings, connections: Pool) -> None:
    await worked(settings, connections, [bought(), paid_with(1, updated=10)])
    before = await connections.fetch("SELECT event_id, received_at FROM certificate_history ORDER BY 1")

    await rebuild(settings, partial=False, accept_differences=False)

    assert await connections.fetch("SELECT event_id, received_at FROM certificate_history ORDER BY 1") == before
