"""The README's examples of subscribers, run as they stand there, against what ingress and publisher publish."""

import asyncio
import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from consumer.common.settings import Settings
from consumer.postgres.database import Pool
from consumer.traffic.examples import CERTIFICATE_CREATED, CERTIFICATE_ID, CERTIFICATE_PAID_WITH
from deploy.local.kafka_apache import ApacheKafka
from deploy.local.processes import Process
from deploy.local.stack import Stack
from tests.applying import applied
from tests.balances import all_published, publishing
from tests.builders import CERTIFICATE_ID as CERTIFICATE
from tests.builders import DEFINITION_ID, bought, event, paid_with
from tests.pipeline import until
from tests.secured import run_tool
from tests.services import commands, create_its_topics, deployment, start_ingress

README = Path(__file__).parents[3] / "README.md"
MOST_LINES = 20


def example(name: str) -> str:
    """Give the fenced block of README.md that follows the mark of an example."""
    found = re.search(rf"<!-- example: {name} -->\s*```\w*\n(.*?)```", README.read_text(), re.DOTALL)
    assert found, f"README.md has no block marked <!-- example: {name} -->"
    return found[1]


def test_a_subscriber_of_twenty_lines_sees_each_attempt_once(stack: Stack) -> None:
    text = example("subscribe")
    assert sum(bool(line.strip()) for line in text.splitlines()) <= MOST_LINES
    environment = deployment(stack)
    test_traffic = json.loads(CERTIFICATE_PAID_WITH) | {"livemode": False, "attemptId": "a-test"}
    with commands(stack, environment) as giftledger:
        create_its_topics(giftledger)
        _, sender = start_ingress(giftledger)
        bodies = [CERTIFICATE_CREATED, CERTIFICATE_CREATED, json.dumps(test_traffic), CERTIFICATE_PAID_WITH]
        assert [sender.post(body.encode()).status for body in bodies] == [200] * 4

        subscriber = stack.run("subscriber", [sys.executable, "-c", text], environment)
        expected = [
            f"giftcertificate.created {CERTIFICATE_ID} 4000000",
            f"giftcertificate.updated {CERTIFICATE_ID} 2750000",
        ]
        subscriber.wait_until(lambda: expected[-1] in subscriber.log.read_text(), "the last balance")
        subscriber.terminate()
        assert [line for line in subscriber.log.read_text().splitlines() if "giftcert" in line] == expected


async def test_a_subscriber_of_twenty_lines_keeps_a_balance_for_each_certificate(
    stack: Stack, settings: Settings, environment: dict[str, str], connections: Pool
) -> None:
    text = example("balances")
    assert sum(bool(line.strip()) for line in text.splitlines()) <= MOST_LINES
    async with publishing(settings):
        await applied(connections, event(bought(5_000_000, certDefId=DEFINITION_ID)), event(bought(1, _id="another")))
        await all_published(connections)
        subscriber = stack.run("subscriber", [sys.executable, "-c", text], environment)
        try:
            await until(lambda: said(subscriber, f"{CERTIFICATE} 50.00000 unspecified"), "the first balance")
            await applied(connections, event(paid_with(3_750_000, updated=60, certDefId=DEFINITION_ID)))
            await until(lambda: said(subscriber, f"{CERTIFICATE} 37.50000 unspecified"), "the second balance")
            assert await said(subscriber, "another 0.00001 unspecified")
        finally:
            subscriber.terminate()


async def said(process: Process, line: str) -> bool:
    return line in process.log.read_text().splitlines()


async def test_kafkas_own_consumer_shows_keys_headers_and_states(
    stack: Stack, settings: Settings, connections: Pool
) -> None:
    if not isinstance(stack.kafka, ApacheKafka):
        pytest.skip("needs Apache Kafka's tools")
    async with publishing(settings):
        await applied(connections, event(bought()), event(bought(_id="another")))
        await all_published(connections)
    command = shlex.split(
        example("console").replace("\\\n", " ").replace("giftcert.balances", settings.topic("balances"))
    )

    shown = await asyncio.to_thread(run_tool, stack, [*command, "--max-messages", "2"])

    lines = [line.split("\t") for line in shown.splitlines() if "certificate_id" in line]
    assert {key for _, key, _ in lines} == {CERTIFICATE, "another"}
    assert all("ce_specversion:1.0" in headers for headers, _, _ in lines)
    assert {json.loads(value)["balance"]["decimal"] for *_, value in lines} == {"50.00000"}
