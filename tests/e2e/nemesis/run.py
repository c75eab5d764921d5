"""Run: traffic, faults two at a time, quiet, verdict."""

import asyncio
import json
import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from consumer.postgres.database import SCHEMA
from consumer.traffic import Kind as WebhookKind
from consumer.traffic import Webhook
from deploy.local.waiting import wait_for
from tests.e2e.nemesis.deployment import Deployment, deployed, say
from tests.e2e.nemesis.faults import Planned, plan
from tests.e2e.nemesis.sender import Books
from tests.e2e.nemesis.verdict import Verdict, judge, lag, open_tasks, unpublished

INGRESSES, WORKERS, SPARES = 2, 3, 1
# Two faults at a time: each part may fail while another does.
LANES = 2
PROBES = 8
RECOVERY_SECONDS = 90.0
QUIET_SECONDS = 300.0


@dataclass
class Report:
    """What a run was, and what came of it."""

    seed: int
    versions: str
    seconds: float = 0.0
    injected: dict[str, list[float]] = field(default_factory=dict)  # seconds to recover, by kind
    ended: dict[str, list[int | None]] = field(default_factory=dict)  # processes that ended by themselves: exit codes
    books: Books = field(default_factory=Books)
    verdict: Verdict = field(default_factory=Verdict)
    wrong: list[str] = field(default_factory=list)

    @property
    def faults(self) -> int:
        return sum(map(len, self.injected.values()))

    @property
    def passed(self) -> bool:
        return not (self.wrong or self.verdict.wrong or self.verdict.lost or self.verdict.doubled)


def run(*, seed: int, faults: int, minutes: float, rate: float, folder: Path | None = None) -> Report:
    """Inject ``faults`` faults, in ``minutes`` if they fit, and judge what is left."""
    with deployed(
        ingresses=INGRESSES, workers=WORKERS + SPARES, spares=SPARES, rate=rate, seed=seed, folder=folder
    ) as deployment:
        deployment.wait_until_ready()
        report = Report(seed, f"{deployment.kafka.name}, {deployment.postgres.name}", books=deployment.sender.books)
        sending = deployment.start_sending()
        started = time.monotonic()
        _inject_all(deployment, report, plan(seed, faults), started + 60 * minutes)
        while time.monotonic() < started + 60 * minutes:
            time.sleep(1)
        deployment.sender.stop()
        _wait_for_quiet(deployment, report)
        report.seconds = time.monotonic() - started
        if sending.done() and (error := sending.exception()):
            raise error
        report.ended = {program.process.name: program.ends for program in deployment.programs if program.ends}
        report.verdict = asyncio.run(judge(deployment.settings, deployment.sender.books))
        return report


def _inject_all(deployment: Deployment, report: Report, faults: list[Planned], until: float) -> None:
    busy: dict[str, threading.Lock] = {fault.kind.needs: threading.Lock() for fault in faults}
    spacing = max(0.0, (until - time.monotonic()) / len(faults)) if faults else 0.0
    with ThreadPoolExecutor(LANES) as lanes:
        for fault in faults:
            at = until - (len(faults) - fault.number + 1) * spacing
            lanes.submit(_inject, deployment, report, fault, busy[fault.kind.needs], at)


def _inject(deployment: Deployment, report: Report, fault: Planned, busy: threading.Lock, at: float) -> None:
    time.sleep(max(fault.gap, at - time.monotonic()))
    try:
        with busy:
            say(f"{fault.number}: {fault.kind.name}")
            fault.kind.act(deployment, random.Random(fault.seed))
            healed = time.monotonic()
        _wait_for_recovery(deployment, fault)
        seconds = time.monotonic() - healed
        report.injected.setdefault(fault.kind.name, []).append(seconds)
        say(f"{fault.number}: {fault.kind.name}: recovered after {seconds:.1f} s")
    except Exception as error:  # noqa: BLE001 - whatever went wrong belongs into the report
        report.wrong.append(f"fault {fault.number} ({fault.kind.name}): {type(error).__name__}: {error}")
        say(report.wrong[-1])


def _wait_for_recovery(deployment: Deployment, fault: Planned) -> None:
    """Wait until new webhooks, of as many entities as make it likely that every partition has one, are applied."""
    attempts = [f"probe-{fault.number}-{number}-{uuid.uuid4().hex[:8]}" for number in range(PROBES)]
    probes = [_probe(attempt) for attempt in attempts]
    deployment.loop.call(lambda: deployment.sender.post_all(probes))
    events = [f"event-{attempt}" for attempt in attempts]
    wait_for(lambda: _applied(deployment, events) == len(events), "webhooks applied after a fault", RECOVERY_SECONDS)


def _probe(attempt: str) -> Webhook:
    data = {
        "_id": f"{attempt}-certificate",
        "balance": 100,
        "updatedAt": {"value": "2026-06-01T12:00:00Z", "offset": 0},
    }
    body = {
        "id": f"event-{attempt}",
        "attemptId": attempt,
        "livemode": True,
        "created": 1780315200,
        "event": "giftcertificate.created",
        "data": data,
    }
    return Webhook(WebhookKind.EVENT, json.dumps(body, separators=(",", ":")).encode(), 0.0)


def _applied(deployment: Deployment, events: list[str]) -> int:
    async def count() -> int:
        connection = await asyncpg.connect(
            deployment.settings.database, timeout=5, server_settings={"search_path": SCHEMA}
        )
        try:
            found = "SELECT count(DISTINCT event_id) FROM webhook_attempt WHERE event_id = ANY ($1)"
            return int(await connection.fetchval(found, events, timeout=5))
        finally:
            connection.terminate()

    try:
        return asyncio.run(count())
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return 0  # Postgres is away again


def _wait_for_quiet(deployment: Deployment, report: Report) -> None:
    try:
        wait_for(lambda: not deployment.sender.waiting, "an answer to every webhook", QUIET_SECONDS)
        wait_for(lambda: asyncio.run(lag(deployment.settings)) == 0, "the group to have nothing to do", QUIET_SECONDS)
        wait_for(lambda: asyncio.run(open_tasks(deployment.settings)) == 0, "all rebooking tasks done", QUIET_SECONDS)
        wait_for(lambda: asyncio.run(unpublished(deployment.settings)) == 0, "all balances published", QUIET_SECONDS)
    except TimeoutError as error:
        report.wrong.append(str(error))
