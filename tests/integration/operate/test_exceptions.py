"""`giftledger exceptions`, as the user that the runbook names: the one that works as the worker does."""

from collections.abc import Iterator
from typing import Any

import pytest

from consumer.common.settings import Settings
from consumer.postgres.database import Pool
from deploy.local.stack import Stack
from tests.applying import applied
from tests.builders import CERTIFICATE_ID, DEFINITION_ID, bought, definition, event, paid_with
from tests.databases import user_in
from tests.integration.operate.test_replay import giftledger

WHO = ("--by", "Ada", "--because", "a goodwill gesture")
STATION = {"stationId": "s", "primaryCurrencyCode": "CAD"}


@pytest.fixture
def as_worker(stack: Stack, settings: Settings, environment: dict[str, str]) -> Iterator[dict[str, str]]:
    with user_in(stack, "giftledger_writer", settings) as user:
        yield environment | {"DATABASE_URL": user.database}


def risen(balance: int, updated: int, **envelope: Any) -> Any:
    return event(paid_with(balance, updated=updated, certDefId="unknown", shiftLocation=STATION, envelope=envelope))


async def rising(connections: Pool) -> None:
    """Apply a certificate that rises, by a rule of events, and whose definition is unknown, by one that is asked."""
    await applied(connections, event(bought(certDefId="unknown", shiftLocation=STATION)), risen(6_000_000, 30, id="up"))


async def test_list_shows_what_is_open_and_counts_it_by_rule(connections: Pool, as_worker: dict[str, str]) -> None:
    await rising(connections)

    shown = await giftledger(as_worker, "exceptions", "list")
    one = await giftledger(as_worker, "exceptions", "list", "--rule", "balance_rose")
    few = await giftledger(as_worker, "exceptions", "list", "--limit", "1")

    assert shown.exit_code == 0
    assert shown.output.splitlines() == [
        f"error balance_over_face_value certificate {CERTIFICATE_ID}: 60.00000, expected at most 50.00000",
        f"warning balance_rose certificate {CERTIFICATE_ID} event up: 60.00000, expected at most 50.00000",
        f"warning definition_unknown certificate {CERTIFICATE_ID}: unknown, expected a definition that we know",
        "balance_over_face_value: 1",
        "balance_rose: 1",
        "definition_unknown: 1",
        "3 open exceptions.",
    ]
    assert one.output.splitlines()[1:] == ["balance_rose: 1", "1 open exception of balance_rose."]
    assert few.output.splitlines()[1] == "and 2 more"


async def test_both_kinds_of_rules_are_acknowledged_until_they_change(
    connections: Pool, as_worker: dict[str, str]
) -> None:
    await rising(connections)
    for rule in ("balance_rose", "definition_unknown", "balance_over_face_value"):
        done = await giftledger(as_worker, "exceptions", "acknowledge", rule, CERTIFICATE_ID, *WHO)
        assert (done.exit_code, done.output) == (0, "1 acknowledged.\n")

    assert (await giftledger(as_worker, "exceptions", "list")).output == "0 open exceptions.\n"
    everything = (await giftledger(as_worker, "exceptions", "list", "--all")).output
    assert everything.count("(acknowledged by Ada: a goodwill gesture)") == 3

    await applied(connections, risen(7_000_000, 60, id="further up"))

    still = (await giftledger(as_worker, "exceptions", "list")).output
    assert [line.split()[1] for line in still.splitlines()[:2]] == ["balance_over_face_value", "balance_rose"]
    assert "further up" in still
    assert still.endswith("2 open exceptions.\n")


async def test_of_several_events_one_can_be_acknowledged(connections: Pool, as_worker: dict[str, str]) -> None:
    await rising(connections)
    await applied(connections, risen(7_000_000, 60, id="further up"))

    one = await giftledger(
        as_worker, "exceptions", "acknowledge", "balance_rose", CERTIFICATE_ID, "--event", "further up", *WHO
    )

    assert one.output == "1 acknowledged.\n"
    left = (await giftledger(as_worker, "exceptions", "list", "--rule", "balance_rose")).output
    assert "event up:" in left
    assert "further up" not in left


async def test_live_and_test_traffic_are_acknowledged_apart(connections: Pool, as_worker: dict[str, str]) -> None:
    await rising(connections)
    await applied(connections, event(definition(price=6_000_000, envelope={"livemode": False})))
    rule = ("price_over_face_value", DEFINITION_ID)

    live = await giftledger(as_worker, "exceptions", "acknowledge", *rule, *WHO)
    test = await giftledger(as_worker, "exceptions", "acknowledge", *rule, *WHO, "--test")

    assert (live.exit_code, test.exit_code) == (1, 0)
    assert (await giftledger(as_worker, "exceptions", "list", "--test")).output == "0 open exceptions.\n"
    assert (await giftledger(as_worker, "exceptions", "list")).output.endswith("3 open exceptions.\n")


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (("acknowledge", "balance_rise", CERTIFICATE_ID, *WHO), 2, "'balance_rise' is not one of 'account_changed'"),
        (("list", "--rule", "balance_rise"), 2, "'voided_at_purchase'"),
        (("acknowledge", "balance_rose", "another", *WHO), 1, "There is no open exception balance_rose of another"),
        (("acknowledge", "balance_rose", CERTIFICATE_ID, "--event", "e", *WHO), 1, "by the event e"),
        (("acknowledge", "balance_rose", CERTIFICATE_ID, "--by", " ", "--because", "x"), 1, "Say who"),
        (("acknowledge", "balance_rose", CERTIFICATE_ID, "--by", "Ada", "--because", ""), 1, "and why"),
        (("acknowledge", "balance_rose", CERTIFICATE_ID, "--by", "Ada"), 2, "--because"),
        (("acknowledge", "balance_rose", "--by", "Ada", "--because", "x"), 2, "ENTITY_ID"),
        (("list", "--limit", "0"), 2, "--limit"),
    ],
)
async def test_wrong_arguments_are_named_and_acknowledge_nothing(
    connections: Pool, as_worker: dict[str, str], arguments: tuple[str, ...], status: int, reason: str
) -> None:
    await rising(connections)

    done = await giftledger(as_worker, "exceptions", *arguments)

    assert (done.exit_code, reason in done.output) == (status, True), done.output
    assert await connections.fetchval("SELECT count(*) FROM exception_acknowledgement") == 0


async def test_what_is_acknowledged_is_not_acknowledged_again(connections: Pool, as_worker: dict[str, str]) -> None:
    await rising(connections)
    acknowledge = ("exceptions", "acknowledge", "balance_rose", CERTIFICATE_ID, *WHO)
    await giftledger(as_worker, *acknowledge)

    assert (await giftledger(as_worker, *acknowledge)).exit_code == 1


async def test_a_reader_of_reports_sees_exceptions_and_may_acknowledge_none(
    stack: Stack, settings: Settings, environment: dict[str, str], connections: Pool
) -> None:
    await rising(connections)
    with user_in(stack, "giftledger_reporting", settings) as user:
        reader = environment | {"DATABASE_URL": user.database}
        shown = await giftledger(reader, "exceptions", "list")
        done = await giftledger(reader, "exceptions", "acknowledge", "balance_rose", CERTIFICATE_ID, *WHO)

    assert shown.output.endswith("3 open exceptions.\n")
    assert done.exit_code == 1
    assert "GRANT giftledger_writer" in done.output


async def test_what_a_sender_writes_moves_no_terminals_cursor(connections: Pool, as_worker: dict[str, str]) -> None:
    station = {"stationId": "\x1b[2Jstation", "timeZone": "\x1b]0;gone\x07", "primaryCurrencyCode": "CAD"}
    await applied(connections, event(bought(shiftLocation=station)))

    shown = (await giftledger(as_worker, "exceptions", "list")).output

    assert "time_zone_invalid station ?[2Jstation: ?]0;gone?" in shown
    assert shown.replace("\n", "").isprintable()
