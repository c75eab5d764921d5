"""The logs of a whole run: one JSON object a line, and nothing in them of a person or a secret."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from consumer.common.settings import load
from consumer.traffic import Truth, documented, period
from consumer.traffic.examples import CERTIFICATE_CREATED
from consumer.traffic.simulate import simulate
from deploy.local.services import Service
from deploy.local.stack import Stack
from tests.builders import bought, encode
from tests.records import header, published
from tests.services import (
    commands,
    create_its_topics,
    deployment,
    start_both,
    start_ingress,
    start_worker,
    wait_for,
    wait_for_metric,
)

pytestmark = pytest.mark.once

COUNT = 400
START = datetime(2026, 6, 1, tzinfo=UTC)
SIGNING_KEY = "a-signing-key-that-nobody-may-read"
PERSONAL = ("firstName", "lastName", "email", "customerNumber")
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Run(NamedTuple):
    """What a run wrote, and what must not be in it."""

    logs: str
    log_format: str
    personal: set[str]
    secrets: set[str]


def personal_data() -> set[str]:
    """Collect every name, address and number that the simulated sender posts."""
    found = set()
    webhooks = [*documented(Truth()), *period(Truth(), seed=1, start=START, count=COUNT)]
    for webhook in webhooks:
        try:
            data: Any = json.loads(webhook.body)["data"]
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(data, dict):
            found |= {str(data[field]) for field in PERSONAL if data.get(field)}
    return found


@pytest.fixture(scope="module", params=["json", "console"])
def run(request: pytest.FixtureRequest, stack: Stack) -> Iterator[Run]:
    """Run an ingress and a worker through the simulated traffic, refusals and dead letters included."""
    database = f"logs_{request.param}"
    url = stack.postgres.create_database(database)
    environment = deployment(
        stack,
        DATABASE_URL=url,
        WEBHOOK_SIGNING_KEYS=f"test={SIGNING_KEY}",
        LOG_FORMAT=request.param,
        LOG_LEVEL="debug",
    )
    for name in ("ingress", "worker"):
        # Processes of one name share a file: what other tests' wrote is not ours to judge.
        (stack.folder / f"{name}.log").unlink(missing_ok=True)
    with commands(stack, environment) as giftledger:
        ingress, sender, worker = start_both(giftledger)
        summary, truth = asyncio.run(
            simulate(url=f"http://127.0.0.1:{sender.port}", secret=SIGNING_KEY, count=COUNT, start=START, seed=1)
        )
        assert summary.mismatched == 0
        done = truth.attempts + truth.duplicates + truth.dead_lettered
        wait_for_metric(worker, "giftcert_messages_processed_total", done)
        giftledger.stop()  # a batch is counted before it is logged
        logs = ingress.process.log.read_text() + worker.process.log.read_text()
        password = re.search(r":([^:@/]+)@", url)
        assert password
        yield Run(logs, request.param, personal_data(), {SIGNING_KEY, password[1], url})
    stack.postgres.drop_database(database)


def test_no_personal_data(run: Run) -> None:
    assert len(run.personal) > 100
    found = {word for word in run.personal if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", run.logs)}
    assert found == set()


def test_no_secret(run: Run) -> None:
    assert [secret for secret in run.secrets if secret in run.logs] == []


def test_at_level_debug_one_wide_event_a_batch_and_one_a_refused_webhook(run: Run) -> None:
    assert "batch applied" in run.logs
    assert "webhook refused" in run.logs
    if run.log_format == "json":
        events = [json.loads(line) for line in run.logs.splitlines()]
        assert all({"event", "level", "timestamp"} <= event.keys() for event in events)
        batches = [event for event in events if event["event"] == "batch applied"]
        assert all({"records", "seconds"} <= batch.keys() for batch in batches)
        refused = [event for event in events if event["event"] == "webhook refused"]
        assert all({"status", "reason", "detail"} <= event.keys() for event in refused)


def test_a_trace_goes_from_the_request_into_the_record_and_into_the_workers_log(
    stack: Stack, database_url: str
) -> None:
    environment = deployment(stack, DATABASE_URL=database_url, LOG_FORMAT="json", LOG_LEVEL="debug")
    (stack.folder / "worker.log").unlink(missing_ok=True)
    with commands(stack, environment) as giftledger:
        create_its_topics(giftledger)
        _, sender = start_ingress(giftledger)
        body = CERTIFICATE_CREATED.encode()
        assert sender.post(body, {"traceparent": TRACEPARENT}).status == 200
        record = published(load(environment), json.loads(body)["attemptId"])
        log = start_worker(giftledger).process.log
        wait_for(lambda: "batch applied" in log.read_text(), "the batch in the worker's log")
        giftledger.stop()
    batches = [event for event in map(json.loads, log.read_text().splitlines()) if event["event"] == "batch applied"]
    assert header(record, "traceparent") == TRACEPARENT
    assert [batch["traceparents"] for batch in batches] == [[TRACEPARENT]]


@pytest.fixture
def away() -> Iterator[Stack]:
    """Start a stack that a test may kill."""
    with Stack(durable=False) as running:
        yield running


class Lines:
    """What a service writes from now on; processes of one name share a file."""

    def __init__(self, service: Service) -> None:
        self._log = service.process.log
        self._from = self._log.stat().st_size

    def __call__(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_bytes()[self._from :].splitlines()]


def test_a_steady_state_writes_no_line_a_record(stack: Stack, database_url: str) -> None:
    with commands(stack, deployment(stack, DATABASE_URL=database_url, LOG_FORMAT="json")) as giftledger:
        create_its_topics(giftledger)
        ingress, sender = start_ingress(giftledger)
        worker = start_worker(giftledger)
        logs = Lines(ingress), Lines(worker)
        for number in range(40):
            assert sender.post(encode(bought())).status == 200
            wait_for_metric(worker, "giftcert_messages_processed_total", number + 1)
        written = [line["event"] for log in logs for line in log()]

    assert len(written) < 10, written
    assert "applied since" in written


@pytest.mark.parametrize("what", ["kafka", "postgres"])
def test_what_is_away_costs_a_few_lines_a_minute(away: Stack, what: str) -> None:
    with commands(away, deployment(away, LOG_FORMAT="json", PUBLISH_DEADLINE_SECONDS="0.2")) as giftledger:
        ingress, sender, worker = start_both(giftledger)
        # The first record of a producer may take longer than so short a deadline.
        wait_for(lambda: sender.post(encode(bought())).status == 200, "a webhook to be taken")
        wait_for_metric(worker, "giftcert_messages_processed_total", 1)
        logs = Lines(ingress), Lines(worker)

        server, started = away.kafka if what == "kafka" else away.postgres, time.monotonic()
        server.kill()
        sender.post(encode(bought()))
        wait_for(logs[1], "the first line of the worker")
        for _ in range(40):  # each takes the ingress its deadline while Kafka is away
            sender.post(encode(bought()))
        if what == "postgres":
            wait_for_metric(worker, "giftcert_retries_total", 3)
        written = [log() for log in logs]
        minutes = 1 + (time.monotonic() - started) // 60

    assert all(len(events) <= 8 * minutes for events in written), written
    assert not any("exception" in event for events in written for event in events)
