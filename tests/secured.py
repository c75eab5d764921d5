"""A deployment as secure as production: TLS to both servers, a user with its own rights for each process."""

import os
import re
import secrets
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.java import kafka_class_path
from deploy.local.kafka_apache import ApacheKafka
from deploy.local.processes import StackError, output_of
from deploy.local.security import Security
from deploy.local.stack import Stack
from tests.certificates import write_identity

RUNBOOKS = Path(__file__).parents[1] / "deploy" / "README.md"
USERS = ("giftledger-ingress", "giftledger-worker", "giftledger-operator", "stranger")
TOOLS = {
    "kafka-acls.sh": "org.apache.kafka.tools.AclCommand",
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
}


@contextmanager
def secured() -> Iterator[tuple[Stack, Security]]:
    """Start Apache Kafka and Postgres with TLS, and grant what the runbook grants. Skips where neither can be had."""
    if os.environ.get("BROKER") in {"embedded", "external", "docker"}:
        pytest.skip("only Apache Kafka has TLS and SASL here")
    with tempfile.TemporaryDirectory(prefix="giftledger-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # for processes of other users, who read the authority's certificate
        identity, authority = write_identity(folder)
        passwords = {user: secrets.token_urlsafe() for user in USERS}
        security = Security(authority, identity, passwords)
        try:
            kafka_class_path()
            stack = Stack(durable=False, security=security)
            stack.start()
        except StackError as missing:
            pytest.skip(f"needs Apache Kafka and a Postgres that has TLS: {missing}")
        try:
            for command in marked_commands("rights"):
                run_tool(stack, command)
            yield stack, security
        finally:
            stack.stop()


def marked_commands(mark: str) -> list[list[str]]:
    """Give the commands of the runbooks' block behind a mark, as arguments."""
    found = re.search(rf"<!-- run by a test: {mark} -->\s*```sh\n(.*?)```", RUNBOOKS.read_text(), re.DOTALL)
    assert found, f"deploy/README.md has no block marked <!-- run by a test: {mark} -->"
    lines = found[1].replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line.strip()]


def run_tool(stack: Stack, command: list[str]) -> str:
    """Run a command of Kafka's as its script would, as the superuser on the plaintext listener."""
    assert isinstance(stack.kafka, ApacheKafka)
    values = {"$KAFKA_BOOTSTRAP_SERVERS": stack.kafka.bootstrap_servers}
    program, *arguments = [values.get(part, part) for part in command]
    java, jars = stack.kafka.class_path.java, stack.kafka.class_path.jars
    return output_of(java, "-cp", jars, TOOLS[program], *arguments)


def secret_files(folder: Path, settings: Mapping[str, str], owner: tuple[int, int] | None = None) -> dict[str, str]:
    """Give the same settings with the secrets in files, which nobody but their owner may read."""
    given = dict(settings)
    for name in ("DATABASE_URL", "KAFKA_SASL_PASSWORD", "WEBHOOK_SIGNING_KEYS"):
        if value := given.get(name):
            file = folder / f"{name}-{secrets.token_hex(4)}"
            file.touch(mode=0o600)
            file.write_text(f"{value}\n")
            if owner:
                os.chown(file, *owner)
            given |= {name: "", f"{name}_FILE": str(file)}
    return given
