"""Rules 3 and 4 of applying: the order of events is theirs, not that of their arrival; a delete is final."""

from itertools import permutations
from typing import NamedTuple

import pytest

from consumer.postgres.database import Pool
from schemas.events import Event
from tests.applying import APPLIED, STALE, applied, race
from tests.builders import bought, definition, definition_deleted, event, moment, paid_with

PERMUTATIONS = list(permutations(range(3)))


class At(NamedTuple):
    """An event's place in the order: two times in seconds, what happened, its id, and how much was paid with it."""

    updated: int
    created: int
    kind: str
    id: str
    paid: int | None = None

    def of_a_certificate(self) -> Event:
        envelope = {"id": self.id, "created": 1780315200 + self.created}
        build = {"created": bought, "updated": paid_with}[self.kind]
        paid = None if self.paid is None else ["t"] * self.paid
        return event(build(1, updated=self.updated, status=self.id, transactionsPaid=paid, envelope=envelope))

    def of_a_definition(self) -> Event:
        envelope = {"id": self.id, "created": 1780315200 + self.created}
        return event(definition(self.kind, updated=self.updated, name=self.id, envelope=envelope))


# An older and a newer event: the part decides, and whatever comes behind it would say the opposite.
DECIDED_BY = {
    "created before all else": (At(60, 9, "created", "z", 9), At(30, 0, "updated", "a", 0)),
    "updatedAt": (At(30, 9, "updated", "z", 9), At(60, 0, "updated", "a", 0)),
    "created": (At(30, 0, "updated", "z", 9), At(30, 9, "updated", "a", 0)),
    "id": (At(30, 0, "updated", "A"), At(30, 0, "updated", "a")),
}
# Only certificates pay.
DECIDED_BY_PAYMENTS = {
    "transactions paid": (At(30, 0, "updated", "z", 1), At(30, 0, "updated", "a", 2)),
    "no list of transactions": (At(30, 0, "updated", "z", None), At(30, 0, "updated", "a", 0)),
}
OF_CERTIFICATES = DECIDED_BY | DECIDED_BY_PAYMENTS
each_part = pytest.mark.parametrize(("older", "newer"), DECIDED_BY.values(), ids=DECIDED_BY)
each_part_of_certificates = pytest.mark.parametrize(("older", "newer"), OF_CERTIFICATES.values(), ids=OF_CERTIFICATES)
# Two created events; the first is the purchase, whatever comes behind the part that decides.
CREATED_TWICE = {
    "updatedAt": (At(30, 9, "created", "z", 9), At(60, 0, "created", "a", 0)),
    "created": (At(30, 0, "created", "z", 9), At(30, 9, "created", "a", 0)),
    "transactions paid": (At(30, 0, "created", "z", 1), At(30, 0, "created", "a", 2)),
    "id": (At(30, 0, "created", "A"), At(30, 0, "created", "a")),
}
created_twice = pytest.mark.parametrize(("purchase", "again"), CREATED_TWICE.values(), ids=CREATED_TWICE)
NEWEST_CERTIFICATE, NEWEST_DEFINITION = "SELECT status FROM certificate", "SELECT name FROM definition"


@each_part_of_certificates
@pytest.mark.parametrize("newer_first", [True, False])
async def test_each_part_of_the_order_of_certificates_decides_where_those_before_it_are_equal(
    connections: Pool, older: At, newer: At, *, newer_first: bool
) -> None:
    for at in (newer, older) if newer_first else (older, newer):
        await applied(connections, at.of_a_certificate())

    assert await connections.fetchval(NEWEST_CERTIFICATE) == newer.id


@each_part
@pytest.mark.parametrize("newer_first", [True, False])
async def test_each_part_of_the_order_of_definitions_decides_where_those_before_it_are_equal(
    connections: Pool, older: At, newer: At, *, newer_first: bool
) -> None:
    for at in (newer, older) if newer_first else (older, newer):
        await applied(connections, at.of_a_definition())

    assert await connections.fetchval(NEWEST_DEFINITION) == newer.id


@created_twice
@pytest.mark.parametrize("purchase_first", [True, False])
async def test_of_several_created_events_the_first_is_the_purchase_and_the_others_only_enter_the_history(
    connections: Pool, purchase: At, again: At, *, purchase_first: bool
) -> None:
    for at in (purchase, again) if purchase_first else (again, purchase):
        await applied(connections, at.of_a_certificate())

    assert await connections.fetchval(NEWEST_CERTIFICATE) == purchase.id
    assert await connections.fetchval("SELECT count(*) FROM certificate_history") == 2


async def test_of_several_created_events_of_a_definition_the_last_describes_it(connections: Pool) -> None:
    for at in (At(60, 0, "created", "a"), At(30, 0, "created", "z")):
        await applied(connections, at.of_a_definition())

    assert await connections.fetchval(NEWEST_DEFINITION) == "a"


async def test_a_created_event_changes_nothing_of_a_certificate_that_was_changed(connections: Pool) -> None:
    await applied(connections, event(bought()), event(paid_with(1_000_000, updated=5)))

    assert await applied(connections, event(bought(4_000_000, updated=60))) == [STALE]

    assert await connections.fetchval("SELECT balance FROM certificate") == 1_000_000


async def test_an_update_without_its_own_date_did_not_happen_when_the_certificate_was_bought(
    connections: Pool,
) -> None:
    await applied(connections, event(bought(updated=None, createdAt=moment(0))))
    for second, balance in ((20, 3_000_000), (10, 4_000_000)):
        envelope = {"created": 1780315200 + second}
        await applied(connections, event(paid_with(balance, updated=None, createdAt=moment(0), envelope=envelope)))

    rows = await connections.fetch("SELECT balance, occurred_at FROM certificate_history ORDER BY occurred_at")
    assert [(row["balance"], row["occurred_at"].second) for row in rows] == [
        (5_000_000, 0), (4_000_000, 10), (3_000_000, 20),
    ]  # fmt: skip
    assert await connections.fetchval("SELECT balance FROM certificate") == 3_000_000


async def test_an_older_event_after_a_newer_one_enters_only_the_history(connections: Pool) -> None:
    await applied(connections, event(bought()), event(paid_with(1_000_000, updated=60)))

    assert await applied(connections, event(paid_with(3_000_000, updated=30))) == [STALE]

    assert await connections.fetchval("SELECT balance FROM certificate") == 1_000_000
    history = await connections.fetch("SELECT balance FROM certificate_history ORDER BY occurred_at")
    assert [row["balance"] for row in history] == [5_000_000, 3_000_000, 1_000_000]


async def test_events_that_each_advanced_the_state_are_applied_even_in_one_batch(connections: Pool) -> None:
    outcomes = await applied(
        connections,
        event(bought()),
        event(paid_with(1_000_000, updated=60)),
        event(paid_with(3_000_000, updated=30)),
    )

    assert outcomes == [APPLIED, APPLIED, STALE]


@pytest.mark.parametrize("order", PERMUTATIONS)
async def test_without_dates_the_envelope_s_time_decides(connections: Pool, order: tuple[int, ...]) -> None:
    events = [
        event(paid_with(3 - second, updated=None, envelope={"created": 1780315200 + second})) for second in range(3)
    ]
    for index in order:
        await applied(connections, events[index])

    assert await connections.fetchval("SELECT balance FROM certificate") == 1


@pytest.mark.parametrize("order", list(permutations(("a", "B", "é"))))
async def test_at_the_same_time_event_ids_decide_by_code_point(connections: Pool, order: tuple[str, ...]) -> None:
    balance = {"B": 1, "a": 2, "é": 3}
    for event_id in order:
        await applied(connections, event(paid_with(balance[event_id], envelope={"id": event_id})))

    assert await connections.fetchval("SELECT balance FROM certificate") == 3


@pytest.mark.parametrize("order", PERMUTATIONS)
async def test_a_deleted_definition_stays_deleted_and_keeps_its_description(
    connections: Pool, order: tuple[int, ...]
) -> None:
    events = [
        event(definition(name="first")),
        event(definition_deleted(created=1780315200 + 30)),
        event(definition("updated", updated=60, name="last")),
    ]
    for index in order:
        await applied(connections, events[index])

    row = await connections.fetchrow("SELECT name, deleted_at FROM definition")
    assert row is not None
    assert (row["name"], row["deleted_at"].second) == ("last", 30)


async def test_a_delete_that_arrives_first_is_filled_by_its_late_create(connections: Pool) -> None:
    assert await applied(connections, event(definition_deleted())) == [APPLIED]
    assert await applied(connections, event(definition())) == [APPLIED]

    row = await connections.fetchrow("SELECT name, deleted_at IS NOT NULL AS deleted FROM definition")
    assert row is not None
    assert tuple(row) == ("Fifty", True)


async def test_a_snapshot_that_says_deleted_deletes_for_good(connections: Pool) -> None:
    await applied(connections, event(definition("updated", updated=30, deleted=True)))
    await applied(connections, event(definition("updated", updated=60, deleted=False)))

    assert await connections.fetchval("SELECT deleted_at FROM definition") is not None


@each_part_of_certificates
@pytest.mark.parametrize("newer_first", [True, False])
async def test_a_worker_that_looked_before_another_wrote_overwrites_no_newer_certificate(
    connections: Pool, older: At, newer: At, *, newer_first: bool
) -> None:
    slow, fast = (older, newer) if newer_first else (newer, older)

    await race(connections, slow.of_a_certificate(), fast.of_a_certificate())

    assert await connections.fetchval(NEWEST_CERTIFICATE) == newer.id
    assert await connections.fetchval("SELECT count(*) FROM certificate_history") == 2


@each_part
@pytest.mark.parametrize("newer_first", [True, False])
async def test_a_worker_that_looked_before_another_wrote_overwrites_no_newer_definition(
    connections: Pool, older: At, newer: At, *, newer_first: bool
) -> None:
    slow, fast = (older, newer) if newer_first else (newer, older)

    await race(connections, slow.of_a_definition(), fast.of_a_definition())

    assert await connections.fetchval(NEWEST_DEFINITION) == newer.id


@created_twice
@pytest.mark.parametrize("purchase_first", [True, False])
async def test_of_two_purchases_that_race_the_first_stays(
    connections: Pool, purchase: At, again: At, *, purchase_first: bool
) -> None:
    slow, fast = (again, purchase) if purchase_first else (purchase, again)

    await race(connections, slow.of_a_certificate(), fast.of_a_certificate())

    assert await connections.fetchval(NEWEST_CERTIFICATE) == purchase.id


@pytest.mark.parametrize("early_first", [True, False])
async def test_of_two_deletes_that_race_the_earlier_one_counts(connections: Pool, *, early_first: bool) -> None:
    early, late = (event(definition_deleted(created=1780315200 + second)) for second in (10, 20))

    await race(connections, *((late, early) if early_first else (early, late)))

    assert (await connections.fetchval("SELECT deleted_at FROM definition")).second == 10


@pytest.mark.parametrize("delete_first", [True, False])
async def test_a_description_that_races_with_a_delete_does_not_revive(connections: Pool, *, delete_first: bool) -> None:
    delete, update = event(definition_deleted()), event(definition("updated", updated=60))

    await race(connections, *((update, delete) if delete_first else (delete, update)))

    row = await connections.fetchrow("SELECT name, deleted_at IS NOT NULL AS deleted FROM definition")
    assert row is not None
    assert tuple(row) == ("Fifty", True)
