"""A deployment as secure as production: TLS to both servers, a user with its own rights for each process."""

import os
import re
import secrets
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme
from click.testing import CliRunner

from consumer.cli.commands import main
from deploy.local.java import kafka_class_path
from deploy.local.kafka_apache import ApacheKafka
from deploy.local.processes import StackError, output_of
from deploy.local.security import Security
from deploy.local.stack import Stack
from tests.certificates import write_identity
from tests.tokens import Issuer

RUNBOOKS = Path(__file__).parents[1] / "deploy" / "README.md"
USERS = ("giftledger-ingress", "giftledger-worker", "giftledger-balances", "giftledger-operator", "stranger")
SIGNING_KEY = "a-signing-key-of-good-length"
SECRETS = ("KAFKA_SASL_PASSWORD", "KAFKA_SSL_KEY_PASSWORD", "KAFKA_OAUTH_CLIENT_SECRET")
TOOLS = {
    "kafka-console-consumer.sh": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-acls.sh": "org.apache.kafka.tools.AclCommand",
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
}


class Secured(NamedTuple):
    """A secure stack, and those whom it believes: the authority of certificates and the issuer of tokens."""

    stack: Stack
    security: Security
    authority: trustme.CA
    issuer: Issuer


class Deployment(NamedTuple):
    """A secure stack, migrated and with topics."""

    secured: Secured
    worker_url: str

    @property
    def stack(self) -> Stack:
        return self.secured.stack

    @property
    def security(self) -> Security:
        return self.secured.security

    def settings(self, user: str, **changes: str) -> dict[str, str]:
        """Give the settings of a process that is one of Kafka's users, and the worker's user on Postgres."""
        return {
            **self.security.kafka_settings(user),
            "DATABASE_URL": self.worker_url,
            "WEBHOOK_SIGNING_KEYS": f"test={SIGNING_KEY}",
            "KAFKA_SESSION_TIMEOUT_MS": "2000",
            "INGRESS_HOST": "127.0.0.1",
            "ADMIN_HOST": "127.0.0.1",
            **changes,
        }


class Result(NamedTuple):
    """What a command said, and its exit status."""

    exit_code: int
    output: str


def run(settings: Mapping[str, str], *arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments, env=settings)
    return Result(result.exit_code, result.output)


@contextmanager
def deployed_securely() -> Iterator[Deployment]:
    """Start a secure stack, and bring it to where ingress and worker can start."""
    with secured() as stack_and_trust:
        postgres = stack_and_trust.stack.postgres
        owner = Deployment(stack_and_trust, postgres.url())
        assert run(owner.settings("giftledger-operator"), "migrate").exit_code == 0
        assert run(owner.settings("giftledger-operator"), "topics").exit_code == 0
        postgres.execute("CREATE USER app PASSWORD 'app' IN ROLE giftledger_writer")
        yield owner._replace(worker_url=postgres.url(user="app", password="app"))


@contextmanager
def secured() -> Iterator[Secured]:
    """Start Apache Kafka and Postgres with TLS, and grant what the runbook grants. Skips where neither can be had."""
    if os.environ.get("BROKER") in {"embedded", "external", "docker"}:
        pytest.skip("only Apache Kafka has TLS and SASL here")
    with tempfile.TemporaryDirectory(prefix="giftledger-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # for processes of other users, who read the authority's certificate
        authority, issuer = trustme.CA(), Issuer()
        identity, trusted = write_identity(folder, authority)
        passwords = {user: secrets.token_urlsafe() for user in USERS}
        security = Security(trusted, identity, passwords, issuer.write_jwks(folder / "jwks.json"))
        try:
            kafka_class_path()
            stack = Stack(durable=False, security=security)
            stack.start()
        except StackError as missing:
            pytest.skip(f"needs Apache Kafka and a Postgres that has TLS: {missing}")
        try:
            for command in marked_commands("rights"):
                run_tool(stack, command)
            yield Secured(stack, security, authority, issuer)
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
    return output_of(java, *stack.kafka.jvm_options, "-cp", jars, TOOLS[program], *arguments)


def secret_files(folder: Path, settings: Mapping[str, str], owner: tuple[int, int] | None = None) -> dict[str, str]:
    """Give the same settings with the secrets in files, which nobody but their owner may read."""
    given = dict(settings)
    for name in (*SECRETS, "DATABASE_URL", "WEBHOOK_SIGNING_KEYS"):
        if value := given.get(name):
            file = folder / f"{name}-{secrets.token_hex(4)}"
            file.touch(mode=0o600)
            file.write_text(f"{value}\n")
            if owner:
                os.chown(file, *owner)
            given |= {name: "", f"{name}_FILE": str(file)}
    return given
