"""Rebooking: what is booked again, because of which task, and what stays as it is."""

from typing import Any

import pytest

from consumer.books import rebooking
from consumer.books.booking import write_booked
from consumer.books.rebooking import run_tasks
from consumer.common.settings import Settings
from consumer.operate.verify import verify
from consumer.postgres.database import Connection, Pool, statement
from tests.applying import applied, standing
from tests.builders import CERTIFICATE_ID, DEFINITION_ID, bought, definition, event, paid_with

CURRENCIES = "SELECT certificate_id, livemode, currency FROM certificate ORDER BY certificate_id, livemode"
TEST = {"livemode": False}


async def account_in(connections: Pool, currency: str) -> None:
    await connections.execute(statement("settings/account_currencies"), ["account"], [currency])


async def caused(connections: Pool) -> dict[tuple[str, bool], str]:
    """Give what caused the lines of each certificate that a task booked again."""
    rows = await connections.fetch(
        "SELECT DISTINCT certificate_id, livemode, caused_by FROM journal WHERE caused_by LIKE 'task:%'"
    )
    return {(certificate_id, livemode): cause for certificate_id, livemode, cause in rows}


async def test_a_task_that_is_killed_on_its_way_is_done_by_whoever_comes_next(
    connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebooking, "PAGE", 1)
    of_it: dict[str, Any] = {"certDefId": DEFINITION_ID}
    sold = [
        event(bought(_id=id_, envelope={"livemode": mode}, **of_it)) for id_ in ("a", "b") for mode in (True, False)
    ]
    described = [event(definition(currencyCode="EUR", envelope={"livemode": mode})) for mode in (True, False)]
    await applied(connections, *sold)
    await applied(connections, *described)

    async def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(rebooking, "write_booked", killed)
        with pytest.raises(KeyboardInterrupt):
            await run_tasks(connections)

    assert await run_tasks(connections) == 2
    assert await run_tasks(connections) == 0
    assert {row["currency"] for row in await connections.fetch(CURRENCIES)} == {"EUR"}
    tasks = {
        livemode: f"task:{number}"
        for number, livemode in await connections.fetch("SELECT id, livemode FROM rebooking_task")
    }
    assert await caused(connections) == {(id_, mode): tasks[mode] for id_ in ("a", "b") for mode in (True, False)}


async def test_what_a_setting_moves_names_the_setting_and_not_a_definition_beside_it(connections: Pool) -> None:
    await applied(connections, event(bought(accountId="account")))
    await account_in(connections, "CAD")
    await applied(connections, event(bought(_id="of a definition", certDefId=DEFINITION_ID)))
    await applied(connections, event(definition(currencyCode="EUR")))

    assert await run_tasks(connections) == 2

    setting = await connections.fetchval("SELECT id FROM rebooking_task WHERE kind = 'setting'")
    assert (await caused(connections))[CERTIFICATE_ID, True] == f"task:{setting}"


async def test_what_a_task_leaves_as_it_is_is_neither_written_nor_published(connections: Pool) -> None:
    await applied(connections, event(bought(accountId="account")), event(bought(_id="of no account")))
    rows = "SELECT certificate.xmin, version FROM certificate JOIN balance_outbox USING (certificate_id, livemode)"
    untouched = f"{rows} WHERE certificate_id = 'of no account'"
    before = await connections.fetchrow(untouched)
    await account_in(connections, "CAD")

    assert await run_tasks(connections) == 1

    assert await connections.fetchrow(untouched) == before
    assert [row["currency"] for row in await connections.fetch(CURRENCIES)] == ["CAD", "unspecified"]


async def test_a_close_waits_for_what_is_booked_again(connections: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    await applied(connections, event(bought(accountId="account")))
    await account_in(connections, "CAD")
    holders = []

    async def watched(connection: Connection, *arguments: Any, **options: Any) -> None:
        holders.append(len(await connections.fetch(statement("books/holders"))))
        await write_booked(connection, *arguments, **options)

    monkeypatch.setattr(rebooking, "write_booked", watched)
    assert await run_tasks(connections) == 1

    assert holders == [1]


async def test_a_certificate_is_compared_in_live_and_in_test_traffic(settings: Settings, connections: Pool) -> None:
    await applied(connections, event(bought()), event(bought(envelope=TEST)))
    await connections.execute("UPDATE certificate SET balance = 1")

    found = await verify(settings, mend=False)

    assert found.differing == {(CERTIFICATE_ID, mode): ["certificate.balance"] for mode in (True, False)}
    assert found.certificates == 2


async def test_what_has_no_history_is_named_whatever_of_it_stands(settings: Settings, connections: Pool) -> None:
    rising: dict[str, Any] = {"_id": "lines and a mark"}
    await applied(connections, event(bought(**rising)), event(paid_with(6_000_000, updated=9, **rising)))
    await applied(connections, event(bought(_id="a row")), event(bought(_id="a twin")))
    await applied(connections, event(bought(_id="a twin", envelope=TEST)))
    await connections.execute("DELETE FROM certificate_history WHERE NOT (certificate_id = 'a twin' AND livemode)")
    await connections.execute("DELETE FROM journal WHERE certificate_id = 'a row'")
    await connections.execute("DELETE FROM certificate WHERE certificate_id = 'lines and a mark'")

    found = await verify(settings, mend=True)

    assert found.differing == {
        ("a row", True): ["certificate"],
        ("a twin", False): ["certificate", "journal"],
        ("lines and a mark", True): ["journal", "exception.balance_rose"],
    }
    # Two lines that rose and one of the twin's.
    assert found.mended == 3
    assert await standing(connections) == [("issued", 5_000_000)]
    assert await connections.fetchval("SELECT count(*) FROM exception") == 0


@pytest.mark.parametrize(("agency", "name"), [("alpha", "Alpha"), ("beta", None)])
async def test_the_name_of_the_issuing_agency_is_kept_and_else_taken_where_the_agency_is_the_same(
    settings: Settings, connections: Pool, agency: str, name: str | None
) -> None:
    """The history has the agencies' ids, and no names."""
    alpha: dict[str, Any] = {"agencyId": "alpha", "agencyName": "Alpha"}
    newest: dict[str, Any] = {"agencyId": agency, "agencyName": agency.capitalize()}
    await applied(connections, event(bought(**alpha)), event(paid_with(4_000_000, updated=9, **newest)))
    issuing = "SELECT purchase_event_id, issuing_agency_id, issuing_agency_name FROM certificate"
    purchase, *of_agency = tuple(await connections.fetchrow(issuing) or ())
    assert of_agency == ["alpha", "Alpha"]

    await connections.execute("UPDATE certificate SET face_value = 1")
    await verify(settings, mend=True)
    assert tuple(await connections.fetchrow(issuing) or ()) == (purchase, "alpha", "Alpha")

    await connections.execute("UPDATE certificate SET purchase_event_id = NULL, issuing_agency_name = NULL")
    await verify(settings, mend=True)
    assert tuple(await connections.fetchrow(issuing) or ()) == (purchase, "alpha", name)


async def test_a_certificate_that_was_created_again_is_in_the_state_of_its_purchase(
    settings: Settings, connections: Pool
) -> None:
    await applied(connections, event(bought()), event(bought(6_000_000, updated=9)))
    assert (await verify(settings, mend=False)).is_right

    await connections.execute("UPDATE certificate SET status = 'other'")
    await verify(settings, mend=True)

    assert await connections.fetchval("SELECT balance FROM certificate") == 5_000_000
