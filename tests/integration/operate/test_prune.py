"""Prune takes old resends out of the ledger, and what comes again afterwards still changes nothing."""

from datetime import timedelta

from consumer.common.settings import Settings
from consumer.operate.prune import prune
from consumer.postgres.database import Pool
from tests.applying import RESEND, STALE, applied, tables
from tests.builders import bought, definition, event, paid_with

OLD, RECENT = "2020-01-01T00:00:00Z", "2126-01-01T00:00:00Z"
YEAR = timedelta(days=365)


async def test_only_resends_older_than_the_age_go(settings: Settings, connections: Pool) -> None:
    first = [event(bought(_id=f"old-{number}"), received_at=OLD) for number in range(3000)]
    ids = [one.order.event_id for one in first]
    again = [
        event(bought(_id=f"old-{number}", envelope={"id": id_}), received_at=OLD) for number, id_ in enumerate(ids)
    ]
    recent = event(bought(_id="old-0", envelope={"id": ids[0]}), received_at=RECENT)
    await applied(connections, *first, *again, recent)

    assert await prune(settings, YEAR) == 3000
    assert await connections.fetchval("SELECT attempt_id FROM other_attempt") == recent.attempt_id
    assert await connections.fetchval("SELECT count(*) FROM webhook_attempt") == 3001


async def test_a_pruned_attempt_that_comes_again_changes_nothing(settings: Settings, connections: Pool) -> None:
    purchase = event(bought(), received_at=OLD)
    resend = event(bought(envelope={"id": purchase.order.event_id}), received_at=OLD)
    await applied(connections, purchase, event(paid_with(1, updated=60), received_at=OLD), resend)
    before = await tables(connections)

    assert await prune(settings, YEAR) == 1

    assert await applied(connections, resend) == [RESEND]
    assert await tables(connections) == before


async def test_the_events_of_definitions_are_remembered(settings: Settings, connections: Pool) -> None:
    created = event(definition(), received_at=OLD)
    await applied(connections, created, event(definition("updated", updated=60, name="new"), received_at=OLD))

    assert await prune(settings, YEAR) == 0

    resend = event(definition("updated", updated=90, name="forged", envelope={"id": created.order.event_id}))
    assert await applied(connections, resend) == [RESEND]
    assert await applied(connections, event(definition("updated", updated=30, name="late"))) == [STALE]
    assert await connections.fetchval("SELECT name FROM definition") == "new"
