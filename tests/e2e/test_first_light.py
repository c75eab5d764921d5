"""First light: a signed webhook becomes a balance in a report, through a real ingress, broker, worker and database."""

import json
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from consumer.common.settings import Settings, load
from deploy.local.services import Service
from deploy.local.stack import Stack
from tests.builders import bought, definition, encode, paid_with, webhook
from tests.databases import converging, rows, value
from tests.records import attempt, header, read_until
from tests.sender import Sender
from tests.services import commands, deployment, start_ingress, start_worker, wait_for, wait_for_metric

PAYLOADS = Path(__file__).parents[1] / "payloads"


class Deployment(NamedTuple):
    """One ingress and one worker, which all tests share: each test has certificates of its own."""

    settings: Settings
    sender: Sender
    worker: Service

    @property
    def database(self) -> str:
        return self.settings.database

    def post(self, *webhooks: dict[str, Any]) -> None:
        """Post webhooks, and wait until the ledger has their attempts."""
        for body in webhooks:
            assert self.sender.post(encode(body)).status == 200
        self.wait_until_applied(*webhooks)

    def wait_until_applied(self, *webhooks: dict[str, Any]) -> None:
        attempts = [body["attemptId"] for body in webhooks]
        self.worker.process.wait_until(
            lambda: (
                value(
                    self.database,
                    "SELECT count(DISTINCT attempt_id) FROM webhook_attempt WHERE attempt_id = ANY ($1)",
                    attempts,
                )
                == len(set(attempts))
            ),
            f"attempts {attempts} in the ledger",
        )

    def balance(self, certificate_id: str, schema: str = "reporting") -> Decimal | None:
        found = rows(
            self.database,
            f"SELECT balance FROM {schema}.certificate_current WHERE certificate_id = $1",  # noqa: S608
            certificate_id,
        )
        return found[0]["balance"] if found else None


@pytest.fixture(scope="module")
def deployed(stack: Stack, template: str) -> Iterator[Deployment]:
    database = stack.postgres.create_database("first_light", template)
    environment = deployment(stack, DATABASE_URL=database)
    with commands(stack, environment) as giftledger:
        giftledger.run("topics")
        worker = start_worker(giftledger)
        _, sender = start_ingress(giftledger)
        yield Deployment(load(environment), sender, worker)
    stack.postgres.drop_database("first_light")


def test_a_signed_webhook_stands_in_the_report(deployed: Deployment, say: Callable[[str], None]) -> None:
    seconds = []
    for certificate_id in ("first", "second", "third"):
        started = time.monotonic()
        assert deployed.sender.post(encode(bought(5_000_000, _id=certificate_id))).status == 200
        balance = wait_for(partial(deployed.balance, certificate_id), "the certificate in the report")
        seconds.append(time.monotonic() - started)
        assert balance == Decimal("50.00000")

    say(f"first light: from POST to report in {min(seconds):.2f} s at best, {max(seconds):.2f} s at worst")


def test_a_payment_lowers_the_balance(deployed: Deployment) -> None:
    deployed.post(bought(5_000_000, _id="paid"), paid_with(1_250_000, updated=60, _id="paid"))

    assert deployed.balance("paid") == Decimal("12.50000")


def test_the_same_webhook_twice_leaves_the_figures_alone(deployed: Deployment) -> None:
    purchase = bought(_id="twice")
    deployed.post(purchase)
    before = converging(deployed.database)

    deployed.sender.post(encode(purchase))

    wait_for_metric(deployed.worker, "giftcert_messages_processed_total", 1, outcome="duplicate")
    assert converging(deployed.database) == before


def test_the_same_event_under_a_new_attempt_leaves_the_figures_alone(deployed: Deployment) -> None:
    purchase = bought(_id="resent")
    deployed.post(purchase)
    before = converging(deployed.database)

    deployed.post({**purchase, "attemptId": "another attempt"})

    assert converging(deployed.database) == before


def test_an_older_event_after_a_newer_one_leaves_the_balance_alone(deployed: Deployment) -> None:
    deployed.post(bought(5_000_000, _id="late"), paid_with(1_000_000, updated=60, _id="late"))

    deployed.post(paid_with(3_000_000, updated=30, _id="late"))

    assert deployed.balance("late") == Decimal("10.00000")


def test_test_traffic_leaves_live_figures_alone_and_has_its_own(deployed: Deployment) -> None:
    deployed.post(bought(5_000_000, _id="both"))

    deployed.post(paid_with(0, updated=60, _id="both", envelope={"livemode": False}))

    assert deployed.balance("both") == Decimal("50.00000")
    assert deployed.balance("both", "reporting_test") == Decimal(0)


def test_the_documented_definitions_stand_in_their_reports(deployed: Deployment) -> None:
    examples = [json.loads(file.read_bytes()) for file in sorted(PAYLOADS.glob("giftcertificates.*.json"))]

    deployed.post(*examples)

    sql = "SELECT definition_id, definition_name AS name FROM {}.definition_current WHERE definition_id = ANY ($1)"
    ids = ["60c921a917bda93f5c896bf4", "5f3e98216501256cff449715"]
    live, test = (rows(deployed.database, sql.format(schema), ids) for schema in ("reporting", "reporting_test"))
    assert live == [{"definition_id": "60c921a917bda93f5c896bf4", "name": "Test"}]
    assert test == [{"definition_id": "5f3e98216501256cff449715", "name": "new gift"}]


@pytest.fixture(scope="module")
def dead_letter(deployed: Deployment) -> tuple[bytes, Any]:
    """Post what the ingress accepts and no worker can apply; give its bytes and its dead letter."""
    body = json.dumps(webhook("giftcertificate.created", {"_id": "broken", "balance": "much"}), indent=1).encode()
    attempt_id = json.loads(body)["attemptId"]
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert deployed.sender.post(body, {"traceparent": traceparent}).status == 200
    letters = read_until(
        deployed.settings, ["dead-letter"], lambda read: attempt_id in map(attempt, read), f"attempt {attempt_id}"
    )
    return body, letters[-1]


def test_a_dead_letter_has_the_original_bytes_and_key(dead_letter: tuple[bytes, Any]) -> None:
    body, letter = dead_letter

    assert (letter.value, letter.key) == (body, b"broken")


def test_a_dead_letter_has_the_original_headers(dead_letter: tuple[bytes, Any]) -> None:
    body, letter = dead_letter

    assert {name: header(letter, name) for name in ("event", "event-id", "livemode", "signing-key-id")} == {
        "event": "giftcertificate.created",
        "event-id": json.loads(body)["id"],
        "livemode": "true",
        "signing-key-id": "test",
    }
    assert header(letter, "received-at")
    assert header(letter, "traceparent")


def test_a_dead_letter_says_where_it_was_and_why_it_is_here(
    deployed: Deployment, dead_letter: tuple[bytes, Any]
) -> None:
    body, letter = dead_letter
    (original,) = [
        record
        for record in read_until(
            deployed.settings,
            ["certificates"],
            lambda read: json.loads(body)["attemptId"] in map(attempt, read),
            "the original",
        )
        if record.value == body
    ]

    prefix = "__connect.errors."
    assert {name.removeprefix(prefix): text.decode() for name, text in letter.headers if name.startswith(prefix)} == {
        "topic": deployed.settings.topic("certificates"),
        "partition": str(original.partition),
        "offset": str(original.offset),
        "stage": "VALUE_CONVERTER",
        "exception.class.name": "schemas.registry.Malformed",
        "exception.message": "Expected `int`, got `str` - at `$.data.balance`",
    }


def test_a_dead_letter_leaves_its_neighbours_alone(deployed: Deployment, dead_letter: tuple[bytes, Any]) -> None:
    assert dead_letter

    deployed.post(bought(_id="neighbour"), definition(_id="neighbour"))

    assert deployed.balance("neighbour") == Decimal("50.00000")
    assert deployed.balance("broken") is None
