"""The README's example of a subscriber, run as it stands there, against what an ingress publishes."""

import json
import re
import sys
from pathlib import Path

import pytest

from consumer.traffic.examples import CERTIFICATE_CREATED, CERTIFICATE_ID, CERTIFICATE_PAID_WITH
from deploy.local.stack import Stack
from tests.services import commands, deployment, start_ingress

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "deploy" / "examples" / "subscribe.py"
MOST_LINES = 20


def readme_example(name: str) -> str:
    """Give the fenced block of README.md that follows the mark of an example."""
    text = (ROOT / "README.md").read_text()
    found = re.search(rf"<!-- example: {name} -->\s*```\w*\n(.*?)```", text, re.DOTALL)
    if found is None and not text:
        pytest.skip("README.md is still empty")
    assert found, f"README.md has no block marked <!-- example: {name} -->"
    return found[1]


def test_the_example_in_the_readme_is_the_one_that_is_run() -> None:
    assert readme_example("subscribe") == EXAMPLE.read_text()


def test_a_subscriber_of_twenty_lines_sees_each_attempt_once(stack: Stack) -> None:
    text = EXAMPLE.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    environment = deployment(stack)
    test_traffic = json.loads(CERTIFICATE_PAID_WITH) | {"livemode": False, "attemptId": "a-test"}
    with commands(stack, environment) as giftledger:
        giftledger.run("topics")
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
