"""How the sender is asked: not too often, not twice, not elsewhere, and whatever it answers."""

import asyncio
import os
import signal
import ssl
import sys
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
import trustme
from structlog.testing import capture_logs

from consumer.common.errors import Fatal
from consumer.operate.check import check
from consumer.postgres.database import Pool, connect
from consumer.sender.client import NoAnswer, sender_api
from consumer.sender.command import retry_undelivered, run_reconcile, show_differences, show_undelivered
from consumer.sender.reconcile import Wanted
from consumer.traffic.api import Fault, SimulatedApi
from consumer.traffic.listed import Listed
from consumer.traffic.losses import lose
from deploy.local.waiting import PATIENT_SECONDS
from tests.applying import applied as apply_events
from tests.builders import bought, definition, event, paid_with
from tests.integration.sender.asking import applied, asked, differing, ids, listed, once, simulated
from tests.pipeline import until

pytestmark = pytest.mark.once

Environment = dict[str, str]


def held(number: int, customer: str, balance: int = 5_000_000, **data: Any) -> dict[str, Any]:
    """Give the webhook of a purchase."""
    return bought(balance, _id=f"60c921a917bda93f5c{number:06x}", customerNumber=customer, accountId="a", **data)


async def sold(connections: Pool, *bodies: dict[str, Any], also: Listed | None = None) -> Listed:
    """Apply webhooks, and let the sender list what they say."""
    certificates = also or Listed()
    await apply_events(connections, *map(event, bodies))
    for body in bodies:
        certificates.certificate(body["data"])
    return certificates


async def looks(connections: Pool) -> dict[str, str]:
    found = await connections.fetch("SELECT entity_id, verdict::text FROM reconciliation_item")
    return {row["entity_id"]: row["verdict"] for row in found}


# Not too often, not twice


async def test_the_sender_is_never_asked_more_often_than_the_setting_says(
    connections: Pool, environment: Environment
) -> None:
    """The pause begins with the answer: no delay on the way lets two questions come too soon after one another."""
    api = SimulatedApi(await sold(connections, *(held(n, f"c{n}") for n in range(6))))
    rate, thinking = 10.0, 0.05

    async def think() -> None:
        await asyncio.sleep(thinking)

    api.meanwhile = think
    async with asked(api, environment, SENDER_API_RATE=f"{rate}") as settings:
        # Two that walk, the second of which finds nothing due, and one that asks for something else meanwhile.
        walks = (once(settings, max_age=timedelta(days=1)) for _ in range(2))
        await asyncio.gather(*walks, show_undelivered(settings))

    times = [at for at, _ in api.asked]
    assert len(times) == 6 + 3
    assert min(later - earlier for earlier, later in pairwise(times)) >= thinking + 1 / rate


async def test_a_second_process_waits_and_asks_for_nobody_twice(connections: Pool, environment: Environment) -> None:
    api = SimulatedApi(await sold(connections, *(held(n, f"c{n}") for n in range(5))))

    async with asked(api, environment) as settings:
        both = await asyncio.gather(*(once(settings, max_age=timedelta(days=1)) for _ in range(2)))

    assert sorted(summary.lists for summary in both) == [0, 5]
    questions = [what for _, what in api.asked if "gift-certificates" in what]
    assert len(questions) == len(set(questions)) == 5


@pytest.mark.parametrize("moment", [1, 2, 4, 7])
async def test_killed_at_any_moment_it_goes_on_where_it_was(
    connections: Pool, environment: Environment, moment: int
) -> None:
    """The process is killed while the sender thinks about its answer."""
    api = SimulatedApi(await sold(connections, *(held(n, f"c{n}") for n in range(6))))
    thinking = asyncio.Event()

    async def think() -> None:
        if len(api.asked) == moment:
            thinking.set()
            await asyncio.sleep(60)

    api.meanwhile = think
    async with asked(api, environment, SENDER_API_RATE="100") as settings:
        command = ("reconcile", "--once", "--max-age", "1")
        variables = {**os.environ, **environment, **of_sender(settings)}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "consumer", *command), env=variables, stdout=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(PATIENT_SECONDS):
            await thinking.wait()
        process.send_signal(signal.SIGKILL)
        await process.wait()
        asked_in_vain = api.asked[-1][1]
        summary = await once(settings, max_age=timedelta(days=1))

    assert set((await looks(connections)).values()) == {"match"}
    questions = [what for _, what in api.asked if "gift-certificates" in what]
    twice = {what for what in questions if questions.count(what) > 1}
    assert twice == ({asked_in_vain} if "gift-certificates" in asked_in_vain else set())
    assert summary.lists + len(questions) - len(set(questions)) <= 6 + 1


def of_sender(settings: Any) -> dict[str, str]:
    return {
        "SENDER_API_URL": settings.sender_api,
        "SENDER_API_KEY": "key",
        "SENDER_API_TOKEN": "token",
        "SENDER_API_RATE": f"{settings.sender_api_rate}",
    }


# Whatever it answers


@pytest.mark.parametrize(
    "fault", [Fault.BROKEN, Fault.HTML, Fault.CUT, Fault.SLOW, Fault.TOO_MANY], ids=lambda f: f.name
)
async def test_what_may_pass_is_asked_for_again(connections: Pool, environment: Environment, fault: Fault) -> None:
    api = SimulatedApi(await sold(connections, held(1, "c1")))
    api.faults.extend([None, fault])

    # Only what answers never may take less time than a busy machine needs for an answer.
    patience = {"SENDER_API_TIMEOUT_SECONDS": "2"} if fault is Fault.SLOW else {}
    with capture_logs() as logs:
        async with asked(api, environment, **patience) as settings:
            summary = await once(settings)

    assert summary.failures == 0
    assert set((await looks(connections)).values()) == {"match"}
    assert [entry["reason"] for entry in logs if entry["event"] == "the sender is asked again"] == [
        {
            Fault.BROKEN: "it answers 500 INTERNAL_ERROR",
            Fault.HTML: "the answer (text/html) is not what is documented: no JSON that can be read",
            Fault.CUT: "the answer (application/json) is not what is documented: no JSON that can be read",
            Fault.SLOW: "no answer: TimeoutError",
            Fault.TOO_MANY: "it answers 429 TOO_MANY_REQUESTS, and wants 1 s",
        }[fault]
    ]
    if fault is Fault.TOO_MANY:
        times = [at for at, _ in api.asked]
        assert times[2] - times[1] >= 1


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        ([Fault.REDIRECT], "it answers 302"),
        ([Fault.HUGE], "the answer is larger than 4194304 bytes"),
        ([Fault.HTML] * 5, "is not what is documented"),
    ],
    ids=["redirect", "huge", "html-for-ever"],
)
async def test_a_list_that_cannot_be_had_costs_only_itself(
    connections: Pool, environment: Environment, faults: list[Fault], reason: str
) -> None:
    api = SimulatedApi(await sold(connections, held(1, "c1", 6_000_000), held(2, "c2")))
    api.faults.extend([None, *faults])

    async with asked(api, environment) as settings:
        summary = await once(settings)

    assert summary.failures == 1
    assert list((await looks(connections)).values()) == ["match"]
    failures = await connections.fetch("SELECT list_key, failure FROM reconciliation_list WHERE failed_at IS NOT NULL")
    assert [row["list_key"] for row in failures] == ["c1"]
    assert reason in failures[0]["failure"]


async def test_a_wrong_token_ends_it_at_once_and_no_secret_is_said(connections: Pool, environment: Environment) -> None:
    api = SimulatedApi(await sold(connections, *(held(n, f"c{n}") for n in range(9))), token="another")

    with capture_logs() as logs:
        async with asked(api, environment, SENDER_API_TOKEN="a-secret-token") as settings:
            with pytest.raises(
                Fatal, match="does not take SENDER_API_KEY and SENDER_API_TOKEN: it answers 401"
            ) as error:
                await once(settings)

    assert len(api.asked) == 1
    assert "a-secret-token" not in f"{error.value} {logs}"


async def test_a_sender_that_answers_nothing_ends_a_single_run(connections: Pool, environment: Environment) -> None:
    api = SimulatedApi(await sold(connections, *(held(n, f"c{n}") for n in range(9))))
    api.faults.extend([None] + [Fault.REDIRECT] * 100)

    async with asked(api, environment) as settings:
        with pytest.raises(Fatal, match="could not be asked 5 times in a row: it answers 302"):
            await once(settings)

    assert len(api.asked) == 1 + 5


async def test_an_untrusted_certificate_is_refused(environment: Environment) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority = trustme.CA()
    authority.issue_cert("localhost").configure_cert(context)
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with asked(SimulatedApi(Listed()), environment, SENDER_API_URL=f"https://localhost:{port}") as settings:
        connection = await connect(settings)
        async with server, sender_api(settings, connection) as api:
            with pytest.raises(NoAnswer, match="its certificate is not to be trusted"):
                await api.put("webhooks/undelivered/1/retry")
        await connection.close()


# Lists


async def test_a_customer_with_a_thousand_certificates_is_read_whole_while_its_pages_drift(
    connections: Pool, environment: Environment
) -> None:
    api = SimulatedApi(await sold(connections, *(held(n, "c") for n in range(1_000))))
    api.is_drifting = True

    async with asked(api, environment) as settings:
        await once(settings)

    assert len(await looks(connections)) == 1_000
    assert await differing(connections) == set()
    assert len(api.asked) <= 1 + 3 * 51


async def test_items_that_lack_their_balance_confirm_nothing_and_are_no_difference(
    connections: Pool, environment: Environment
) -> None:
    api = SimulatedApi(await sold(connections, held(1, "c")))
    api.omitted = frozenset({"balance", "accountId", "customerNumber", "status"})

    async with asked(api, environment) as settings:
        await once(settings)

    assert set((await looks(connections)).values()) == {"unreadable"}
    assert await differing(connections) == set()


async def test_a_certificate_that_the_sender_lists_under_another_number_now_is_not_missing(
    connections: Pool, environment: Environment
) -> None:
    first, second = held(1, "old"), held(2, "new")
    certificates = await sold(connections, second)
    await apply_events(connections, event(first))
    certificates.certificate({**first["data"], "customerNumber": "new"})

    async with asked(SimulatedApi(certificates), environment) as settings:
        await once(settings, customers=("new",))
        await once(settings)

    assert set((await looks(connections)).values()) == {"match"}


async def test_each_verdict(connections: Pool, environment: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    same, less, unknown, unlisted = (held(n, "=c") for n in range(1, 5))
    certificates = await sold(connections, same)
    await apply_events(connections, event(less), event(unlisted))
    for body, balance in ((less, 2_000_000), (unknown, 5_000_000)):
        certificates.certificate({**body["data"], "balance": balance})

    async with asked(SimulatedApi(certificates), environment, RECONCILE_SETTLE_SECONDS="0.2") as settings:
        await once(settings)
        await show_differences(settings, "csv", livemode=True)
        shown = capsys.readouterr().out.splitlines()

    of = [body["data"]["_id"] for body in (same, less, unknown, unlisted)]
    verdicts = ("match", "balance_differs", "missing_here", "missing_there")
    assert await looks(connections) == dict(zip(of, verdicts, strict=True))
    assert [line.split(",")[:6] for line in shown[1:]] == [
        # A spreadsheet would take the customer number for a formula.
        ["balance_differs", "'=c", "certificate", less["data"]["_id"], "50.00000", "20.00000"],
        ["missing_here", "'=c", "certificate", unknown["data"]["_id"], "", "50.00000"],
        ["missing_there", "'=c", "certificate", unlisted["data"]["_id"], "50.00000", ""],
    ]


async def test_a_difference_is_in_flight_until_the_window_is_over_and_gone_once_its_webhook_came(
    connections: Pool, environment: Environment
) -> None:
    purchase = held(1, "c")
    certificates = await sold(connections, purchase)
    payment = paid_with(3_000_000, updated=9, _id=purchase["data"]["_id"], customerNumber="c", accountId="a")
    certificates.certificate(payment["data"])
    api = SimulatedApi(certificates)

    async with asked(api, environment, RECONCILE_SETTLE_SECONDS="3600") as settings:
        walk = asyncio.create_task(once(settings))
        assert await until(lambda: looks(connections), "a look") == {purchase["data"]["_id"]: "in_flight"}
        walk.cancel()
        await asyncio.wait({walk})
    async with asked(api, environment, RECONCILE_SETTLE_SECONDS="0.01") as settings:
        await once(settings)
        assert await differing(connections) == {purchase["data"]["_id"]}
        await apply_events(connections, event(payment))
        assert await differing(connections) == set()
        await once(settings)
    assert set((await looks(connections)).values()) == {"match"}


async def test_definitions_are_compared_likewise_and_only_a_404_says_that_one_is_gone(
    connections: Pool, environment: Environment
) -> None:
    changed, unlisted, gone, unknown = (
        definition(_id=f"60c921a917bda93f5c00000{n}", accountId="a") for n in range(1, 5)
    )
    certificates = Listed()
    await apply_events(connections, *map(event, (changed, unlisted, gone)))
    certificates.definition({**changed["data"], "price": 1}, "a")
    certificates.definition(unlisted["data"], "another account's list")
    certificates.definition(unknown["data"], "a")

    async with asked(SimulatedApi(certificates), environment, RECONCILE_SETTLE_SECONDS="0.01") as settings:
        await once(settings)

    assert await looks(connections) == {
        changed["data"]["_id"]: "balance_differs",
        unlisted["data"]["_id"]: "match",
        gone["data"]["_id"]: "missing_there",
        unknown["data"]["_id"]: "missing_here",
    }


# What cannot be asked for


async def test_what_cannot_be_asked_for_is_not_asked_for_and_the_coverage_says_why(
    connections: Pool, environment: Environment
) -> None:
    bodies = [
        held(1, "c"),
        held(2, ""),
        held(3, "x" * 300),
        held(4, "a\nb"),
        held(5, "c5", status="pending"),
        {**held(6, "c6"), "data": {**held(6, "c6")["data"], "accountId": "b"}},
    ]
    api = SimulatedApi(await sold(connections, *bodies))

    async with asked(api, environment, SENDER_API_ACCOUNTS="a, other") as settings:
        await once(settings)

    assert [what.partition("customer=")[2] for _, what in api.asked if "customer=" in what] == ["c&page=1"]
    columns = "account_id, outstanding, confirmed_7_days, without_customer_number, not_paid, account_not_asked"
    found = await connections.fetch(f"SELECT {columns} FROM reporting.reconciliation_coverage ORDER BY 1")  # noqa: S608
    assert [[row[0], *(int(value / 50) for value in row.values() if not isinstance(value, str))] for row in found] == [
        ["a", 5, 1, 3, 1, 0],
        ["b", 1, 0, 0, 0, 1],
    ]


# Undelivered webhooks


async def test_after_a_retry_the_tables_equal_the_truth(
    connections: Pool, environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    webhooks, truth = simulated(1_000, seed=3)
    arriving, lost = lose(webhooks, 20, seed=3)
    await applied(connections, arriving)
    api = SimulatedApi(listed(truth))
    for one in lost:
        api.lose(one.body)

    async def deliver(body: bytes) -> None:
        original = next(one for one in lost if body[:40] in one.body)
        await applied(connections, [type(original)(original.kind, body, original.arrival)])

    api.deliver = deliver
    async with asked(api, environment, RECONCILE_SETTLE_SECONDS="0.01") as settings:
        await once(settings)
        assert await differing(connections) == ids(lost)
        assert await connections.fetchval("SELECT webhooks FROM sender_undelivered") == 20
        await show_undelivered(settings)
        said = capsys.readouterr().out
        assert all(one in said for one in ids(lost))
        await retry_undelivered(settings, (), everything=True)
        assert "20 webhooks are sent again." in capsys.readouterr().out
        await once(settings)
        await show_undelivered(settings)

    assert await differing(connections) == set()
    balances = await connections.fetch("SELECT certificate_id, livemode, balance FROM certificate")
    assert {(row[0], row[1]): row[2] for row in balances} == {
        key: certificate.balance for key, certificate in truth.certificates.items()
    }
    assert await connections.fetchval("SELECT webhooks FROM sender_undelivered") == 0


async def test_a_retry_that_the_sender_refuses_is_said_and_the_others_are_sent(
    environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    api = SimulatedApi(Listed())
    api.lose(b'{"id":"e","event":"giftcertificate.created","created":1,"data":{}}')

    async with asked(api, environment) as settings:
        await show_undelivered(settings)
        known = capsys.readouterr().out.splitlines()[1].split()[0]
        with pytest.raises(Fatal, match="2 could not be sent again"):
            await retry_undelivered(settings, ("..", "unknown", known), everything=False)

    said = capsys.readouterr()
    assert "1 webhooks are sent again." in said.out
    assert "..: its id is not one that can stand in a path" in said.err
    assert "unknown: it answers 404 UNDELIVERED_NOT_FOUND" in said.err
    assert [what for _, what in api.asked if ".." in what] == []


# What check says


@pytest.mark.parametrize(
    ("token", "customer", "expected"),
    [
        ("token", "c", ["ok sender's API: lists a customer's certificates (1 on the first page)"]),
        ("token", "another", ["warning sender's API: lists nothing of a customer who holds something"]),
        ("wrong", "c", ["problem sender's API: The sender's API does not take SENDER_API_KEY and SENDER_API_TOKEN"]),
    ],
)
async def test_check_tries_a_customer(
    connections: Pool, environment: Environment, token: str, customer: str, expected: list[str]
) -> None:
    body = held(1, "c")
    certificates = Listed()
    await apply_events(connections, event(body))
    certificates.certificate({**body["data"], "customerNumber": customer})

    async with asked(SimulatedApi(certificates), environment, SENDER_API_TOKEN=token) as settings:
        findings = [" ".join(" ".join(found.lines()).split()) for found in await check(settings, "reconcile")]

    of_sender_api = [found for found in findings if "sender's API" in found]
    assert all(found.startswith(start) for found, start in zip(of_sender_api, expected, strict=False))
    assert len(of_sender_api) == (1 if token == "wrong" else 2)


async def test_check_says_once_that_the_database_was_never_migrated(
    connections: Pool, environment: Environment
) -> None:
    await connections.execute("DROP TABLE schema_migration")

    async with asked(SimulatedApi(Listed()), environment) as settings:
        findings = " ".join(map(str, await check(settings, "reconcile")))

    assert "giftledger migrate" in findings
    assert "sender's API" not in findings


async def test_a_run_that_finds_nothing_due_says_why(
    connections: Pool, environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    async with asked(SimulatedApi(await sold(connections, held(1, "c"))), environment) as settings:
        for _ in range(2):
            await run_reconcile(settings, Wanted(max_age=timedelta(days=1)), asyncio.Event())

    first, second = capsys.readouterr().out.split("0 lists in")
    assert "No list was due" not in first
    assert "No list was due: --max-age says when one is again" in second


async def test_a_run_that_got_nothing_fails(connections: Pool, environment: Environment) -> None:
    api = SimulatedApi(await sold(connections, held(1, "c")))
    api.faults.extend([None, Fault.REDIRECT])

    async with asked(api, environment) as settings:
        with pytest.raises(Fatal, match="1 lists could not be had"):
            await run_reconcile(settings, Wanted(), asyncio.Event())


async def test_a_signal_ends_it(
    connections: Pool, environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    api = SimulatedApi(await sold(connections, held(1, "c")))
    stop = asyncio.Event()

    async def interrupt() -> None:
        stop.set()
        await asyncio.sleep(60)

    api.meanwhile = interrupt
    async with asked(api, environment) as settings:
        await run_reconcile(settings, Wanted(once=False), stop)

    assert "Stopped. The next run goes on from here." in capsys.readouterr().out
