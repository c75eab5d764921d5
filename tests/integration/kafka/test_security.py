"""TLS and SASL all the way, and for each process a user that may do what the runbook grants and no more."""

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import asyncpg
import pytest

from consumer.traffic import Truth
from consumer.traffic.simulate import simulate
from deploy.local.demo.comparison import compare
from tests.builders import bought, encode
from tests.certificates import write_authority
from tests.databases import value
from tests.secured import SIGNING_KEY, Deployment, marked_commands, run, run_tool, secret_files
from tests.services import commands, metric, reasons, start_ingress, start_worker, wait_for, wait_for_metric

pytestmark = pytest.mark.long

COUNT = 300
# After so long the broker cuts a connection (deploy/local/security.py).
REAUTHENTICATION_SECONDS = 3
START = datetime(2026, 6, 1, tzinfo=UTC)


def test_the_demos_work_is_done_with_the_rights_of_the_runbook(deployed: Deployment, tmp_path: Path) -> None:
    ingress_settings = secret_files(tmp_path, deployed.settings("giftledger-ingress", DATABASE_URL=""))
    worker_settings = secret_files(tmp_path, deployed.settings("giftledger-worker", WEBHOOK_SIGNING_KEYS=""))
    operator_settings = secret_files(tmp_path, deployed.settings("giftledger-operator"))
    with (
        commands(deployed.stack, ingress_settings) as ingresses,
        commands(deployed.stack, worker_settings) as workers,
    ):
        _, sender = start_ingress(ingresses)
        worker = start_worker(workers)
        summary, truth = asyncio.run(
            simulate(url=f"http://127.0.0.1:{sender.port}", secret=SIGNING_KEY, count=COUNT, start=START, seed=3)
        )
        assert summary.mismatched == 0
        done = truth.attempts + truth.duplicates + truth.dead_lettered
        wait_for_metric(worker, "giftcert_messages_processed_total", done)
        for settings, role in ((ingress_settings, "ingress"), (worker_settings, "worker")):
            found = run(settings, "check", "--for", role)
            assert (found.exit_code, "warning" in found.output) == (0, False), found.output
        url = deployed.stack.postgres.url()
        encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'app'"
        assert value(url, encrypted) is True
        assert asyncio.run(differences(url, truth)) == []
        # Replayed, they die once more: nothing mended their cause.
        assert f"\n{truth.dead_lettered} dead letter" in run(operator_settings, "dead-letters", "list").output
        replayed = run(operator_settings, "dead-letters", "replay", "--all")
        assert f"{truth.dead_lettered} dead letter" in replayed.output
        wait_for_metric(worker, "giftcert_dead_letters_total", 2 * truth.dead_lettered)
    owner = deployed.settings("giftledger-operator", DATABASE_URL=url)
    assert "Swapped" in (rebuilt := run(owner, "rebuild").output), rebuilt


def test_balances_are_published_and_verified_with_the_rights_of_the_runbook(deployed: Deployment) -> None:
    settings = deployed.settings("giftledger-balances", WEBHOOK_SIGNING_KEYS="")
    unpublished = "SELECT count(*) FROM giftcert.balance_outbox"
    with commands(deployed.stack, settings) as publishers:
        publisher = publishers.start("balances")
        publisher.wait_until_ready()
        wait_for(lambda: metric(publisher, "giftcert_balances_leads") == 1, "a publisher that leads")
        wait_for(lambda: value(deployed.stack.postgres.url(), unpublished) == 0, "an empty outbox")
        found = run(settings, "check", "--for", "balances")
        assert (found.exit_code, "warning" in found.output) == (0, False), found.output
    verified = run(deployed.settings("giftledger-operator"), "balances", "verify")
    assert verified.exit_code == 0, verified.output


def test_a_publisher_of_balances_without_its_rights_says_so(deployed: Deployment) -> None:
    with commands(deployed.stack, deployed.settings("giftledger-worker")) as publishers:
        publisher = publishers.start("balances")
        wait_for(lambda: "deploy/README.md lists which rights" in reasons(publisher), "the remedy on /health/ready")


def test_connections_that_the_broker_cuts_for_their_age_cost_no_webhook_and_no_rebalance(deployed: Deployment) -> None:
    # A busy machine may keep a worker from its heartbeat for longer than the usual session of tests.
    of_group = {"KAFKA_GROUP_ID": "giftledger", "KAFKA_SESSION_TIMEOUT_MS": "10000"}
    with (
        commands(deployed.stack, deployed.settings("giftledger-ingress")) as of_ingress,
        commands(deployed.stack, deployed.settings("giftledger-worker", **of_group)) as of_worker,
    ):
        ingress, sender = start_ingress(of_ingress)
        worker = start_worker(of_worker)
        rebalances = metric(worker, "giftcert_consumer_rebalances_total")
        statuses = Counter[int]()
        sender = sender._replace(secret=SIGNING_KEY)
        until = time.monotonic() + 4 * REAUTHENTICATION_SECONDS
        while time.monotonic() < until:
            statuses[sender.post(encode(bought())).status] += 1
            time.sleep(0.05)
        wait_for_metric(worker, "giftcert_messages_processed_total", statuses[200])

        assert statuses.keys() == {200}
        assert "closed" in ingress.process.log.read_text()  # the broker did cut them
        assert metric(worker, "giftcert_consumer_rebalances_total") == rebalances


async def differences(url: str, truth: Truth) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return [line for part in await compare(connection, truth) for line in part.differences]
    finally:
        await connection.close()


WRONG_KAFKA = {
    "another authority": ({"KAFKA_SSL_CAFILE": "{another}"}, "not to be trusted", "KAFKA_SSL_CAFILE"),
    "no authority": ({"KAFKA_SSL_CAFILE": ""}, "not to be trusted", "KAFKA_SSL_CAFILE"),
    "a file that is not there": ({"KAFKA_SSL_CAFILE": "/nowhere"}, "No such file", "KAFKA_SSL_CAFILE"),
    "a file that is no certificate": ({"KAFKA_SSL_CAFILE": __file__}, "no certificate", "KAFKA_SSL_CAFILE"),
    "another password": ({"KAFKA_SASL_PASSWORD": "wrong"}, "refuses user or password", "KAFKA_SASL_PASSWORD"),
    "another user": ({"KAFKA_SASL_USERNAME": "nobody"}, "refuses user or password", "KAFKA_SASL_USERNAME"),
    "another mechanism": ({"KAFKA_SASL_MECHANISM": "PLAIN"}, "in this way", "KAFKA_SASL_MECHANISM"),
    "no TLS": ({"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}, "hangs up", "KAFKA_SECURITY_PROTOCOL"),
    "no user": ({"KAFKA_SECURITY_PROTOCOL": "SSL"}, "hangs up", "KAFKA_SECURITY_PROTOCOL"),
    "TLS where there is none": ({"KAFKA_BOOTSTRAP_SERVERS": "{plaintext}"}, "hangs up", "KAFKA_SECURITY_PROTOCOL"),
}


@pytest.mark.parametrize("mistake", WRONG_KAFKA)
@pytest.mark.parametrize("command", ["check --for ingress", "topics"])
def test_a_wrong_setting_for_kafka_is_named(deployed: Deployment, tmp_path: Path, mistake: str, command: str) -> None:
    changes, what, setting = WRONG_KAFKA[mistake]
    values = {"another": write_authority(tmp_path / "another.pem"), "plaintext": deployed.stack.kafka.bootstrap_servers}
    settings = deployed.settings("giftledger-operator")
    settings |= {name: value.format(**values) for name, value in changes.items()}
    result = run(settings, *command.split())

    assert result.exit_code in {1, 2}
    assert what in result.output
    assert setting in result.output
    assert deployed.security.users["giftledger-operator"] not in result.output


WRONG_DATABASE = {
    "another authority": ("sslrootcert={authority}", "sslrootcert={another}", "not to be trusted", "sslrootcert"),
    "a file that is not there": ("sslrootcert={authority}", "sslrootcert=/nowhere", "FileNotFoundError", "sslrootcert"),
    "another password": ("app:app@", "app:wrong@", "refuses the user", "password"),
    "no TLS": ("sslmode=verify-full", "sslmode=disable", "refuses the user", "sslmode"),
    "another host": ("@127.0.0.1:", "@127.0.0.2:", "cannot be reached", "host"),
    "a name that is not known": ("@127.0.0.1:", "@postgres.invalid:", "its name is not known", "host"),
}


@pytest.mark.parametrize("mistake", WRONG_DATABASE)
@pytest.mark.parametrize("command", ["check --for worker", "migrate"])
def test_a_wrong_database_url_is_named(deployed: Deployment, tmp_path: Path, mistake: str, command: str) -> None:
    right, wrong, what, remedy = WRONG_DATABASE[mistake]
    right = right.format(authority=deployed.security.authority)
    url = unquote(deployed.worker_url)
    assert right in url
    url = url.replace(right, wrong.format(another=write_authority(tmp_path / "another.pem")))
    result = run(deployed.settings("giftledger-worker", DATABASE_URL=url), *command.split())

    assert result.exit_code == 1
    assert what in result.output
    assert "DATABASE_URL" in result.output
    assert remedy in result.output


def test_an_ingress_that_kafka_refuses_says_so_and_names_the_setting(deployed: Deployment) -> None:
    settings = deployed.settings("giftledger-ingress", KAFKA_SASL_PASSWORD="wrong")
    with commands(deployed.stack, settings) as giftledger:
        ingress, sender = start_ingress(giftledger, ready=False)
        wait_for(lambda: "KAFKA_SASL_PASSWORD" in reasons(ingress), "the setting on /health/ready")
        assert sender.request("POST", "/webhooks", b"{}").status == 401
        giftledger.stop()
    assert "KAFKA_SASL_PASSWORD" in ingress.process.log.read_text()


def test_a_worker_that_does_not_trust_postgres_says_so_and_names_the_setting(
    deployed: Deployment, tmp_path: Path
) -> None:
    another = write_authority(tmp_path / "another.pem")
    url = unquote(deployed.worker_url).replace(str(deployed.security.authority), str(another))
    with commands(deployed.stack, deployed.settings("giftledger-worker", DATABASE_URL=url)) as giftledger:
        worker = giftledger.start("worker")
        wait_for(lambda: "sslrootcert in DATABASE_URL" in reasons(worker), "the setting on /health/ready")


def test_a_worker_whose_password_is_wrong_ends_and_names_the_setting(deployed: Deployment) -> None:
    url = deployed.worker_url.replace("app:app@", "app:wrong@")
    with commands(deployed.stack, deployed.settings("giftledger-worker", DATABASE_URL=url)) as giftledger:
        worker = giftledger.start("worker")
        assert worker.process.wait() == 1
        log = worker.process.log.read_text()
    assert "DATABASE_URL" in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("user", "role", "found"),
    [
        ("stranger", "ingress", "topic giftcert.certificates: does not exist, or this user may not see it"),
        ("giftledger-ingress", "worker", "cannot read the topics: GroupAuthorizationFailedError"),
        ("giftledger-worker", "ingress", "topic giftcert.unrouted: does not exist, or this user may not see it"),
    ],
)
def test_missing_rights_on_kafka_are_found(deployed: Deployment, user: str, role: str, found: str) -> None:
    result = run(deployed.settings(user), "check", "--for", role)

    assert result.exit_code == 1
    assert found in result.output


@pytest.mark.parametrize("command", ["list", "replay --all"])
def test_a_command_of_the_operator_as_another_user_says_whose_it_is(deployed: Deployment, command: str) -> None:
    result = run(deployed.settings("giftledger-ingress"), "dead-letters", *command.split())

    assert result.exit_code == 1
    assert "Run an operator's command as the operator's user" in result.output


def test_partitions_are_added_as_the_runbook_says(deployed: Deployment) -> None:
    for command in marked_commands("partitions"):
        run_tool(deployed.stack, command)

    assert "giftcert.certificates: 12 partitions\n" in run(deployed.settings("giftledger-operator"), "topics").output
