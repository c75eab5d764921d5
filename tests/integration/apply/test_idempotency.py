"""Rules 1, 2 and 5 of applying: attempts, resends, and test traffic."""

from consumer.postgres.database import Pool
from tests.applying import APPLIED, DUPLICATE, RESEND, applied, tables
from tests.builders import CERTIFICATE_ID, bought, definition, definition_deleted, event, paid_with


async def balances(connections: Pool) -> dict[tuple[str, bool], int]:
    rows = await connections.fetch("SELECT certificate_id, livemode, balance FROM certificate")
    return {(row[0], row[1]): row[2] for row in rows}


async def test_the_same_attempt_changes_nothing_the_second_time(connections: Pool) -> None:
    purchase = bought()
    assert await applied(connections, event(purchase)) == [APPLIED]
    before = await tables(connections)

    assert await applied(connections, event(purchase, offset=1)) == [DUPLICATE]

    assert await tables(connections) == before
    assert await connections.fetchval("SELECT count(*) FROM webhook_attempt") == 1


async def test_a_known_attempt_changes_nothing_whatever_else_its_body_says(connections: Pool) -> None:
    await applied(connections, event(bought(envelope={"attemptId": "known"})))

    forged = event(paid_with(0, updated=60, envelope={"attemptId": "known"}))

    assert await applied(connections, forged) == [DUPLICATE]
    assert await balances(connections) == {(CERTIFICATE_ID, True): 5_000_000}


async def test_a_known_attempt_hides_no_neighbour_of_its_batch(connections: Pool) -> None:
    await applied(connections, event(bought(envelope={"attemptId": "known"})))
    known_but_newest = event(paid_with(0, updated=60, envelope={"attemptId": "known"}))
    older_but_real = event(paid_with(3_000_000, updated=30))

    assert await applied(connections, known_but_newest, older_but_real) == [DUPLICATE, APPLIED]
    assert await balances(connections) == {(CERTIFICATE_ID, True): 3_000_000}


async def test_the_same_attempt_twice_in_one_batch_is_applied_once(connections: Pool) -> None:
    purchase = event(bought())

    assert await applied(connections, purchase, purchase) == [APPLIED, DUPLICATE]
    assert await connections.fetchval("SELECT count(*) FROM certificate_history") == 1


async def test_a_resend_adds_no_history_and_changes_no_projection(connections: Pool) -> None:
    await applied(connections, event(bought(envelope={"id": "same"})))
    before = await tables(connections)

    assert await applied(connections, event(bought(envelope={"id": "same"}))) == [RESEND]
    # Not even where its body claims to be newer: an event is what it was the first time.
    assert await applied(connections, event(paid_with(0, updated=60, envelope={"id": "same"}))) == [RESEND]

    assert await tables(connections) == before
    assert await connections.fetchval("SELECT count(*) FROM webhook_attempt") == 3


async def test_a_resend_within_one_batch_is_one_event(connections: Pool) -> None:
    first, second = bought(envelope={"id": "same"}), bought(envelope={"id": "same"})

    assert await applied(connections, event(first), event(second)) == [APPLIED, RESEND]
    assert await connections.fetchval("SELECT count(*) FROM certificate_history") == 1


async def test_a_resend_that_arrived_earlier_tells_when_we_knew(connections: Pool) -> None:
    noon, eleven = "2026-06-01T12:00:00.000Z", "2026-06-01T11:00:00.000Z"
    await applied(connections, event(bought(envelope={"id": "same"}), received_at=noon))
    await applied(connections, event(bought(envelope={"id": "same"}), received_at=eleven))

    known_since = await connections.fetchval("SELECT received_at FROM certificate_history")

    assert known_since.isoformat() == "2026-06-01T11:00:00+00:00"


async def test_a_resend_of_a_definition_changes_nothing(connections: Pool) -> None:
    await applied(connections, event(definition(envelope={"id": "same"})))

    resend = event(definition("updated", updated=60, name="Other", envelope={"id": "same"}))

    assert await applied(connections, resend) == [RESEND]
    assert await connections.fetchval("SELECT name FROM definition") == "Fifty"


async def test_the_same_event_id_of_another_certificate_is_another_event(connections: Pool) -> None:
    events = [event(bought(_id=f"certificate-{number}", envelope={"id": "same"})) for number in range(2)]

    assert await applied(connections, *events) == [APPLIED, APPLIED]


async def test_test_traffic_leaves_live_rows_alone(connections: Pool) -> None:
    await applied(connections, event(bought()))

    in_test_mode = event(paid_with(0, updated=60, envelope={"livemode": False}))

    assert await applied(connections, in_test_mode) == [APPLIED]
    assert await balances(connections) == {(CERTIFICATE_ID, True): 5_000_000, (CERTIFICATE_ID, False): 0}


async def test_an_attempt_and_an_event_of_test_mode_are_not_those_of_live_mode(connections: Pool) -> None:
    same = {"id": "same", "attemptId": "same"}
    live, test = bought(envelope=same), bought(envelope={**same, "livemode": False})

    assert await applied(connections, event(test)) == [APPLIED]
    assert await applied(connections, event(live)) == [APPLIED]


async def test_a_definition_deleted_in_test_mode_lives_in_live_mode(connections: Pool) -> None:
    await applied(connections, event(definition()))
    await applied(connections, event(definition_deleted(livemode=False)))

    assert await connections.fetchval("SELECT deleted_at FROM definition WHERE livemode") is None
