"""`giftledger check`: each common mistake is found, and its remedy named."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewPartitions, NewTopic
from aiokafka.errors import TopicAuthorizationFailedError
from click.testing import CliRunner

from consumer.balances.lead import leading
from consumer.balances.topics import recognised
from consumer.cli.commands import main
from consumer.common.settings import Settings, load
from consumer.kafka.options import producer_options
from consumer.kafka.topics import admin, create_topics
from consumer.operate.check import Finding, Level, check
from consumer.operate.check.broker import check_broker, judge_topic
from consumer.operate.check.configuration import check_names, check_settings
from consumer.operate.check.database import check_database, judge_clock
from consumer.postgres.database import Pool
from consumer.postgres.requirements import RIGHTS
from deploy.local.stack import Stack
from deploy.local.waiting import free_port

LONG = "0123456789abcdef0123456789abcdef"


def about(findings: list[Finding], subject: str) -> Finding:
    """Give the one finding about a subject that is not in order, else the one that is."""
    found = sorted(
        (finding for finding in findings if finding.subject == subject), key=lambda finding: finding.level is Level.OK
    )
    assert found, f"nothing about {subject}: {findings}"
    return found[0]


def wrong(findings: list[Finding]) -> list[str]:
    return [f"{finding.subject}: {finding.message}" for finding in findings if finding.level is Level.PROBLEM]


@pytest.fixture
def worker(stack: Stack, environment: dict[str, str], database_url: str) -> Iterator[dict[str, str]]:
    """Give the settings of a deployment whose worker has a user of its own, with the rights that it needs."""
    name = "checked_worker"
    stack.postgres.execute(f"CREATE USER {name} PASSWORD 'x' IN ROLE giftledger_writer", database="postgres")
    path = database_url.rpartition("/")[2]
    yield environment | {
        "DATABASE_URL": stack.postgres.url(path, user=name, password="x"),
        "WEBHOOK_SIGNING_KEYS": f"2026={LONG}",
    }
    stack.postgres.execute(f"DROP USER {name}", database="postgres")


async def test_a_deployment_in_order_has_no_problem_and_no_warning_of_its_own(worker: dict[str, str]) -> None:
    settings = load(worker)
    await create_topics(settings)
    findings = await check(settings)
    assert wrong(findings) == []
    # The embedded broker has no idempotent producer: that is worth a warning, and nothing else is.
    warned = {finding.subject for finding in findings if finding.level is Level.WARNING}
    assert warned <= {"KAFKA_ENABLE_IDEMPOTENCE"}
    assert all(finding.remedy for finding in findings if finding.level is not Level.OK)


@pytest.mark.parametrize(
    ("keys", "level", "message"),
    [
        ("", Level.PROBLEM, "is not set"),
        ("a=short", Level.WARNING, "5 characters"),
        (f"a={LONG},b={LONG}", Level.WARNING, "the same secret"),
        (f"a={LONG}", Level.OK, "1: a"),
    ],
)
def test_signing_keys(keys: str, level: Level, message: str) -> None:
    findings = [
        finding
        for finding in check_settings(load({"WEBHOOK_SIGNING_KEYS": keys}), webhooks=True)
        if "key" in finding.subject.lower()
    ]
    assert [finding.level for finding in findings] == [level]
    assert message in findings[0].message
    assert LONG not in str(findings)


def test_two_signing_keys_on_one_line_of_their_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"a={LONG},b={LONG}\n")

    findings = check_settings(load({"WEBHOOK_SIGNING_KEYS_FILE": str(file)}), webhooks=True)

    found = about(findings, "signing key a")
    assert (found.level, "one key a line" in found.remedy) == (Level.WARNING, True)
    assert LONG not in str(findings)


@pytest.mark.parametrize(("seconds", "warned"), [("5", True), ("60", True), ("61", False), ("", False)])
def test_a_keep_alive_that_load_balancers_outlast_is_a_warning(seconds: str, *, warned: bool) -> None:
    settings = load({"INGRESS_KEEP_ALIVE_SECONDS": seconds})

    for webhooks in (True, False):
        subjects = {finding.subject for finding in check_settings(settings, webhooks=webhooks)}
        assert ("INGRESS_KEEP_ALIVE_SECONDS" in subjects) is (warned and webhooks)


def test_a_misspelt_setting_is_named() -> None:
    (found,) = check_names({"WEBHOOK_SIGNING_KEY": "a=b", "PATH": "/bin"})

    assert (found.level, found.subject) == (Level.WARNING, "WEBHOOK_SIGNING_KEY")
    assert "WEBHOOK_SIGNING_KEYS" in found.remedy


def test_a_worker_needs_no_signing_key() -> None:
    assert wrong(check_settings(load({}), webhooks=False)) == []


def test_verification_that_is_off_is_a_warning() -> None:
    findings = check_settings(load({"WEBHOOK_VERIFICATION": "off"}), webhooks=True)
    assert about(findings, "WEBHOOK_VERIFICATION").level is Level.WARNING


@pytest.mark.parametrize(
    ("servers", "protocol", "warned"),
    [
        ("kafka-1:9092,kafka-2:9092", "PLAINTEXT", True),
        ("kafka-1:9092", "SSL", False),
        ("localhost:9092,127.0.0.1:9093", "PLAINTEXT", False),
    ],
)
def test_an_unencrypted_way_to_another_machine_is_a_warning(servers: str, protocol: str, *, warned: bool) -> None:
    settings = load({"KAFKA_BOOTSTRAP_SERVERS": servers, "KAFKA_SECURITY_PROTOCOL": protocol})
    subjects = {finding.subject for finding in check_settings(settings, webhooks=False)}
    assert ("KAFKA_SECURITY_PROTOCOL" in subjects) is warned


async def test_a_broker_that_is_away(environment: dict[str, str]) -> None:
    findings = await check(load(environment | {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}), "ingress")
    found = about(findings, "Kafka")
    assert found.level is Level.PROBLEM
    assert "KAFKA_BOOTSTRAP_SERVERS" in found.remedy


async def test_missing_topics(environment: dict[str, str]) -> None:
    settings = load(environment)
    findings = await check(settings, "ingress")
    found = about(findings, f"topic {settings.topic('certificates')}")
    assert (found.level, found.remedy) == (Level.PROBLEM, "giftledger topics")
    async with admin(settings) as client:
        assert settings.topic("certificates") not in await client.list_topics(), "the check created it"


async def test_too_few_partitions(environment: dict[str, str]) -> None:
    settings = load(environment)
    async with admin(settings) as client:
        await client.create_topics([NewTopic(settings.topic("certificates"), 1, 1)])
    found = about(await check(settings, "ingress"), f"topic {settings.topic('certificates')}")
    assert found.level is Level.WARNING
    assert "has 1 partitions" in found.message


def described(**changes: Any) -> dict[str, Any]:
    partition = {"partition": 0, "leader": 1, "replicas": [1, 2, 3], "isr": [1, 2, 3], **changes}
    return {"topic": "giftcert.certificates", "error_code": 0, "partitions": [partition] * 6}


@pytest.mark.parametrize(
    ("topic", "configured", "level", "message"),
    [
        (described(), {}, None, ""),
        (described(), {"retention.ms": "-1", "min.insync.replicas": "2", "cleanup.policy": "delete"}, None, ""),
        (described(replicas=[1], isr=[1]), {}, Level.WARNING, "1 replica on a cluster of 3"),
        (described(isr=[1, 2]), {}, Level.WARNING, "not in sync"),
        (described(leader=-1), {}, Level.PROBLEM, "without a leader"),
        (described(), {"cleanup.policy": "compact"}, Level.PROBLEM, "compacted"),
        (described(), {"retention.ms": "604800000"}, Level.WARNING, "forgets after 7 days"),
        (described(), {"min.insync.replicas": "1"}, Level.WARNING, "min.insync.replicas=1"),
        (
            described() | {"topic": "giftcert.dead-letter"},
            {"max.message.bytes": "1048588"},
            Level.WARNING,
            "cannot hold the largest record",
        ),
        (
            described() | {"topic": "giftcert.dead-letter"},
            {"max.message.bytes": "262144"},
            Level.PROBLEM,
            "cannot hold the largest webhook",
        ),
        *(
            (
                described() | {"topic": f"giftcert.{topic}"},
                {"max.message.bytes": "262144"},
                Level.PROBLEM,
                "no record of more than 262144 bytes",
            )
            for topic in ("certificates", "definitions", "unrouted")
        ),
        (
            {**described(), "error_code": TopicAuthorizationFailedError.errno},
            {},
            Level.PROBLEM,
            "TopicAuthorizationFailedError",
        ),
    ],
)
def test_a_topic_that_is_not_as_it_should_be(
    topic: dict[str, Any], configured: dict[str, str], level: Level | None, message: str
) -> None:
    findings = judge_topic(load({}), topic, configured, brokers=3)
    assert [finding.level for finding in findings] == ([level] if level else [])
    assert all(message in finding.message for finding in findings)


async def test_the_producer_is_tried_as_it_is_set(stack: Stack, environment: dict[str, str]) -> None:
    found = about(await check(load(environment | {"KAFKA_ENABLE_IDEMPOTENCE": "true"}), "ingress"), "producer")
    if stack.kafka.supports_idempotence:
        assert found.message == "idempotent"
    else:
        assert found.level is Level.PROBLEM
        assert "KAFKA_ENABLE_IDEMPOTENCE=false" in found.remedy


async def test_a_record_from_the_future(environment: dict[str, str]) -> None:
    settings = load(environment)
    await create_topics(settings)
    producer = AIOKafkaProducer(**producer_options(settings))
    await producer.start()
    ahead = int((time.time() + 600) * 1000)
    await producer.send_and_wait(settings.topic("unrouted"), b"{}", timestamp_ms=ahead)
    await producer.stop()
    found = about(await check_broker(settings), "clock")
    assert found.level is Level.PROBLEM
    assert "ahead" in found.message


@pytest.mark.parametrize(
    ("change", "subject", "message"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL", "is not set"),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}, "Postgres", "cannot be reached"),
    ],
)
async def test_a_database_that_is_not_there(change: dict[str, str], subject: str, message: str) -> None:
    found = about(await check_database(load(change)), subject)
    assert found.level is Level.PROBLEM
    assert message in found.message


async def test_a_wrong_password_and_a_wrong_database(stack: Stack) -> None:
    wrong_password = stack.postgres.url(user="postgres", password="wrong")
    assert "refuses the user" in about(await check_database(load({"DATABASE_URL": wrong_password})), "Postgres").message
    nowhere = stack.postgres.url("nowhere")
    found = about(await check_database(load({"DATABASE_URL": nowhere})), "Postgres")
    assert '"nowhere" does not exist' in found.message
    assert wrong_password not in str(found)


async def test_a_database_that_was_never_migrated(stack: Stack) -> None:
    url = stack.postgres.create_database("never_migrated")
    found = about(await check_database(load({"DATABASE_URL": url})), "schema")
    stack.postgres.drop_database("never_migrated")
    assert (found.level, found.remedy.split(",")[0]) == (Level.PROBLEM, "Run `giftledger migrate`")


async def execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("sql", "subject", "level", "message"),
    [
        (
            "DELETE FROM giftcert.schema_migration WHERE version = '0003'",
            "schema",
            Level.PROBLEM,
            "lacks 0003_create_certificates",
        ),
        ("INSERT INTO giftcert.schema_migration VALUES ('9999')", "schema", Level.WARNING, "newer than this program"),
        ("DROP VIEW reporting.customer_holdings", "reports", Level.PROBLEM, "customer_holdings"),
        ("DROP FUNCTION reporting.liability_as_of", "reports", Level.PROBLEM, "liability_as_of"),
        ("SELECT 1", "rights", Level.WARNING, "superuser"),
    ],
)
async def test_a_database_that_is_not_as_this_version_made_it(
    database_url: str, sql: str, subject: str, level: Level, message: str
) -> None:
    await execute(database_url, sql)
    found = about(await check_database(load({"DATABASE_URL": database_url})), subject)
    assert found.level is level
    assert message in found.message


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("REVOKE INSERT ON giftcert.certificate_history FROM giftledger_writer", "INSERT on certificate_history"),
        ("REVOKE USAGE ON SCHEMA giftcert FROM giftledger_writer", "USAGE on schema giftcert"),
    ],
)
async def test_missing_rights(worker: dict[str, str], database_url: str, sql: str, message: str) -> None:
    await execute(database_url, sql)
    found = next(finding for finding in await check_database(load(worker)) if finding.level is Level.PROBLEM)
    assert message in found.message or "may not see" in found.message
    assert "GRANT giftledger_writer" in found.remedy


@pytest.mark.parametrize("setting", ["REPORTING_TIME_ZONE=Asia/Tokyo", "ACCOUNT_CURRENCIES=a=CAD"])
async def test_a_worker_s_setting_that_the_database_contradicts(worker: dict[str, str], setting: str) -> None:
    name, _, here = setting.partition("=")
    found = about(await check_database(load(worker | {name: here})), "settings in the database")
    assert found.level is Level.PROBLEM
    assert name in found.message
    assert "giftledger migrate" in found.remedy


async def test_every_table_that_a_worker_writes_is_looked_at(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    granted: list[Any] = await connection.fetch(
        "SELECT table_name FROM information_schema.role_table_grants "
        "WHERE grantee = 'giftledger_writer' AND privilege_type <> 'SELECT' "
        "UNION SELECT table_name FROM information_schema.role_column_grants "
        "WHERE grantee = 'giftledger_writer' AND privilege_type <> 'SELECT'"
    )
    await connection.close()
    assert {row["table_name"] for row in granted} == {
        table for table, rights in RIGHTS.items() if set(rights) - {"SELECT"}
    }


async def test_a_read_only_database(stack: Stack, database_url: str) -> None:
    name = database_url.rpartition("/")[2]
    stack.postgres.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on', database="postgres")
    found = about(await check_database(load({"DATABASE_URL": database_url})), "Postgres")
    assert (found.level, found.message) == (Level.PROBLEM, "is read-only")


@pytest.mark.parametrize(
    ("theirs", "level"),
    [
        (1000.0, Level.OK),
        (1002.0, Level.OK),
        (999.5, Level.OK),
        (1032.0, Level.WARNING),
        (970.0, Level.WARNING),
        (1402.0, Level.PROBLEM),
        (600.0, Level.PROBLEM),
    ],
)
def test_a_clock_that_is_wrong(theirs: float, level: Level) -> None:
    assert judge_clock(load({}), before=1000.0, theirs=theirs, after=1002.0).level is level


def test_the_command_says_what_is_wrong_and_fails(environment: dict[str, str], settings: Settings) -> None:
    asyncio.run(create_topics(settings))
    fine = CliRunner().invoke(main, ["check"], env=environment)
    assert fine.exit_code == 0, fine.output
    assert "ok       schema: " in fine.output
    failing = CliRunner().invoke(main, ["check"], env=environment | {"DATABASE_URL": "postgresql://x@127.0.0.1:1/x"})
    assert failing.exit_code == 1
    assert "problem  Postgres: cannot be reached" in failing.output
    assert "1 thing to mend" in failing.output
    assert CliRunner().invoke(main, ["check", "--for", "nobody"], env=environment).exit_code == 2


async def test_topics_of_balances_that_got_more_partitions_are_found(
    worker: dict[str, str], settings: Settings, connections: Pool
) -> None:
    if not settings.kafka_enable_idempotence:
        pytest.skip("the embedded broker adds no partitions")
    await create_topics(settings)
    async with leading(connections) as lead, connections.acquire() as connection:
        assert lead is not None
        await recognised(connection, settings, lead)
    assert about(await check(load(worker), "balances"), "balances").level is Level.OK
    async with admin(settings) as client:
        await client.create_partitions({settings.topic("balances"): NewPartitions(4)})

    finding = about(await check(load(worker), "balances"), "balances")

    assert finding.level is Level.PROBLEM
    assert "has 4 partitions and had 3" in finding.message


@pytest.mark.parametrize("policy", ["delete", "compact,delete"])
def test_a_topic_of_balances_that_forgets_is_a_problem(policy: str) -> None:
    topic = described() | {"topic": "giftcert.balances"}

    found = judge_topic(load({}), topic, {"cleanup.policy": policy}, 1)

    assert [finding.level for finding in found] == [Level.PROBLEM]


def test_a_topic_of_balances_that_is_compacted_is_in_order() -> None:
    topic = described() | {"topic": "giftcert.balances"}

    assert judge_topic(load({}), topic, {"cleanup.policy": "compact", "max.message.bytes": "1048588"}, 1) == []
