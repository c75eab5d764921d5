"""The local stack keeps the promises that the other tests, the demo and the benchmarks build on."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from deploy.local import kafka_prepared
from deploy.local.choices import choose_broker, choose_postgres
from deploy.local.java import ClassPath, kafka_class_path
from deploy.local.kafka import ExternalBroker, answers
from deploy.local.kafka_apache import ApacheKafka, Prepared
from deploy.local.kafka_prepared import prepared
from deploy.local.processes import Process, StackError, alive
from deploy.local.stack import Stack
from deploy.local.waiting import PATIENT_SECONDS, accepts, free_port, wait_for

_OWN_BROKERS = ["embedded", "apache"]
_DEBIAN_POSTGRES = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture(scope="module", autouse=True)
def nothing_external() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="module", params=_OWN_BROKERS)
def brokered(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """One stack for each broker that this machine can run; all of them must run where BROKER names them."""
    asked = os.environ.get("BROKER")
    if asked in _OWN_BROKERS and asked != request.param:
        pytest.skip(f"BROKER={asked}")
    if request.param == "apache" and asked != "apache":
        try:
            kafka_class_path()
        except StackError as missing:
            pytest.skip(str(missing))
    with Stack(broker=request.param, durable=False) as running:
        yield running


@pytest.fixture(scope="module")
def own() -> Iterator[Stack]:
    """One stack whose Postgres the tests may kill."""
    with Stack(broker="embedded") as running:
        yield running


def test_an_apache_kafka_starts_from_what_was_prepared(brokered: Stack) -> None:
    if not isinstance(brokered.kafka, ApacheKafka):
        pytest.skip("needs Apache Kafka")
    ready = prepared(brokered.kafka.class_path)

    assert (brokered.kafka.data / "meta.properties").read_text() == (ready.folder / "meta.properties").read_text()
    assert str(ready.archive) in Path(f"/proc/{brokered.kafka.process.pid}/maps").read_text()


def test_what_a_kafka_starts_from_is_made_once_whoever_asks_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Prepared] = []

    def make(_: ClassPath, ready: Prepared) -> None:
        made.append(ready)
        ready.folder.mkdir()

    monkeypatch.setattr(kafka_prepared, "_prepare", make)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with ThreadPoolExecutor() as askers:
        told = list(askers.map(prepared, [ClassPath("java", "17", "some.jar")] * 8))

    assert len(made) == 1
    assert told == made * 8


async def create_topic(servers: str) -> str:
    topic = f"topic-{uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    try:
        await admin.start()
        await admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])
    finally:
        await admin.close()
    return topic


async def produce(servers: str, topic: str, *values: bytes, idempotent: bool = False) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=idempotent)
    try:
        await producer.start()
        for value in values:
            await producer.send_and_wait(topic, value, partition=0)
    finally:
        await producer.stop()


@asynccontextmanager
async def consuming(servers: str, topic: str, group: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=servers,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=1000,  # Tansu answers a join only after half of it, but at least a second
        heartbeat_interval_ms=200,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def test_a_group_reads_what_the_broker_acknowledged_and_keeps_its_offset(brokered: Stack) -> None:
    servers = brokered.kafka.bootstrap_servers
    topic = await create_topic(servers)
    await produce(servers, topic, b"one", b"two")

    async with consuming(servers, topic, "readers") as consumer:
        read = [await consumer.getone(), await consumer.getone()]
        await consumer.commit({TopicPartition(topic, 0): read[0].offset + 1})
    async with consuming(servers, topic, "readers") as consumer:
        again = await consumer.getone()

    assert [record.value for record in read] == [b"one", b"two"]
    assert again.value == b"two"


async def test_the_idempotent_producer_works_exactly_where_the_broker_says_so(brokered: Stack) -> None:
    servers = brokered.kafka.bootstrap_servers
    topic = await create_topic(servers)

    if brokered.kafka.supports_idempotence:
        await produce(servers, topic, b"once", idempotent=True)
    else:
        with pytest.raises(KafkaError):
            await produce(servers, topic, b"never", idempotent=True)


async def test_a_killed_broker_comes_back_at_its_address_with_the_data_that_it_promises(
    brokered: Stack,
) -> None:
    servers = brokered.kafka.bootstrap_servers
    topic = await create_topic(servers)
    await produce(servers, topic, b"one", b"two")
    async with consuming(servers, topic, "survivors") as consumer:
        await consumer.commit({TopicPartition(topic, 0): (await consumer.getone()).offset + 1})

    brokered.kafka.kill()
    assert not answers(servers)
    brokered.kafka.start()

    if brokered.kafka.keeps_data:
        async with consuming(servers, topic, "survivors") as consumer:
            assert (await consumer.getone()).value == b"two"
    else:
        topic = await create_topic(servers)
        await produce(servers, topic, b"three")


def test_a_paused_broker_hangs_until_it_is_resumed(brokered: Stack) -> None:
    brokered.kafka.pause()
    try:
        assert not answers(brokered.kafka.bootstrap_servers, seconds=0.3)
    finally:
        brokered.kafka.resume()
    wait_for(lambda: answers(brokered.kafka.bootstrap_servers), "the resumed broker")


async def test_what_was_committed_survives_a_crash_of_postgres(own: Stack) -> None:
    url = own.postgres.create_database("survivor")
    own.postgres.execute("CREATE TABLE survivor AS SELECT 42 AS value", database="survivor")
    client = await asyncpg.connect(url)

    own.postgres.kill()
    with pytest.raises((asyncpg.PostgresConnectionError, OSError)):
        await client.fetch("SELECT 1")
    client.terminate()
    own.postgres.start()

    assert own.postgres.url("survivor") == url
    assert own.postgres.execute("SELECT value FROM survivor", database="survivor") == 42


async def test_a_paused_postgres_hangs_until_it_is_resumed(own: Stack) -> None:
    client = await asyncpg.connect(own.postgres.url())
    own.postgres.pause()
    try:
        with pytest.raises(TimeoutError):
            await client.fetch("SELECT 1", timeout=0.2)
    finally:
        own.postgres.resume()
        await client.close()

    assert own.postgres.execute("SELECT 1") == 1


async def test_roles_log_in_with_their_own_password_and_no_other(own: Stack) -> None:
    own.postgres.execute("CREATE ROLE reader LOGIN PASSWORD 'right'")

    client = await asyncpg.connect(own.postgres.url(user="reader", password="right"))
    assert await client.fetchval("SELECT current_user") == "reader"
    await client.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(own.postgres.url(user="reader", password="wrong"))


def test_postgres_is_durable_unless_told_otherwise(own: Stack, brokered: Stack) -> None:
    assert own.postgres.execute("SHOW fsync") == "on"
    assert own.postgres.execute("SHOW synchronous_commit") == "on"
    assert brokered.postgres.execute("SHOW fsync") == "off"


@pytest.fixture
def folder(own: Stack) -> Path:
    """Name a folder that Postgres can enter also where we are root: pytest's own cannot be entered."""
    folder = own.folder / uuid4().hex
    folder.mkdir()
    return folder


def test_a_database_is_copied_from_its_template_and_dropped_under_its_clients(own: Stack) -> None:
    own.postgres.create_database("pattern")
    own.postgres.execute("CREATE TABLE pattern AS SELECT 7 AS value", database="pattern")

    own.postgres.create_database("copy", template="pattern")
    assert own.postgres.execute("SELECT value FROM pattern", database="copy") == 7
    own.postgres.drop_database("copy")

    assert "copy" not in own.postgres.names()


@pytest.mark.skipif(not _DEBIAN_POSTGRES.exists(), reason=f"no {_DEBIAN_POSTGRES}")
def test_another_postgres_is_run_from_its_programs(folder: Path) -> None:
    server, reason = choose_postgres(folder, {"POSTGRES_BIN": str(_DEBIAN_POSTGRES)}, durable=False)
    server.start()
    try:
        assert str(server.execute("SHOW server_version")).startswith("15.")
    finally:
        server.stop()

    assert server.version.startswith("15.")
    assert reason == f"POSTGRES_BIN={_DEBIAN_POSTGRES}"


def test_a_postgres_that_runs_already_is_used_and_left_alone(own: Stack, folder: Path) -> None:
    url = own.postgres.url("postgres")
    server, reason = choose_postgres(folder, {"DATABASE_URL": url}, durable=True)
    with pytest.raises(StackError, match="external"):
        server.kill()
    server.stop()

    assert (server.url(), server.version, reason) == (url, own.postgres.version, "DATABASE_URL is set")
    assert own.postgres.execute("SELECT 1") == 1


def test_the_data_in_a_given_folder_are_there_for_the_next_stack(folder: Path) -> None:
    with Stack(folder, broker="embedded") as first:
        first.postgres.execute("CREATE TABLE kept AS SELECT 1 AS value")
    with Stack(folder, broker="embedded") as second:
        assert second.postgres.execute("SELECT value FROM kept") == 1


def test_a_command_gets_the_settings_of_the_stack_and_ends_with_it(own: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    url = own.postgres.url("postgres")
    monkeypatch.setenv("DATABASE_URL", url)
    script = "echo $DATABASE_URL $KAFKA_ENABLE_IDEMPOTENCE $MORE; exec sleep 99"
    with Stack(broker="embedded") as stack:
        command = stack.run("command", ["sh", "-c", script], {"MORE": "settings"})
        command.wait_until(lambda: f"{url} false settings" in command.tail(), "its settings")

    assert command.returncode == -signal.SIGTERM


def test_a_process_that_ends_early_is_named_with_what_was_missing_and_its_log(tmp_path: Path) -> None:
    process = Process(name="broken", command=["sh", "-c", "echo no licence; exit 3"], log=tmp_path / "log")
    with pytest.raises(StackError, match=r"broken ended with 3 before port 1(.|\n)*no licence"):
        process.start().wait_until(lambda: accepts(1), "port 1")


def test_a_process_that_is_late_is_named_with_what_was_missing_and_its_log(tmp_path: Path) -> None:
    process = Process(name="late", command=["sh", "-c", "echo thinking; sleep 99"], log=tmp_path / "log")
    process.start()
    try:
        wait_for(lambda: "thinking" in process.tail(), "its log")
        with pytest.raises(TimeoutError, match=r"after 0.1 s: port 1 \(late\)(.|\n)*thinking"):
            process.wait_until(lambda: accepts(1), "port 1", seconds=0.1)
    finally:
        assert process.kill() == -signal.SIGKILL


def test_a_process_that_ignores_sigterm_is_killed_after_its_grace_with_its_children(tmp_path: Path) -> None:
    script = "trap '' TERM; sleep 99 & echo $!; wait; wait"
    process = Process(name="stubborn", command=["sh", "-c", script], log=tmp_path / "log").start()
    wait_for(lambda: process.log.read_text().strip(), "the child")
    child = int(process.log.read_text())

    assert process.terminate(grace=0.1) == -signal.SIGKILL
    wait_for(lambda: not alive(child), "the end of the child")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_is_interrupted_while_a_process_starts_knows_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """Ctrl-C comes at any time: also after the fork, and before anybody has written down the child's number."""

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            signal.raise_signal(number)

    process = Process(name="early", command=["sleep", "99"], log=tmp_path / "log")
    before = {one: signal.signal(one, signal.default_int_handler) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        monkeypatch.setattr(subprocess, "Popen", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            process.start()
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)

    assert process.kill() == -signal.SIGKILL


_OWNER = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where we run in the background
from deploy.local.stack import Stack
with Stack(broker="embedded", durable=False) as stack:
    command = stack.run("command", ["sleep", "600"])
    print(stack.folder, stack.postgres.pid, stack.kafka.process.pid, command.pid, flush=True)
    ENDING
"""


class Owner:
    """A Python process of its own that has a stack, with a home of its own."""

    def __init__(self, home: Path, ending: str) -> None:
        home.mkdir()
        self._child = subprocess.Popen(  # noqa: S603 - the script above
            [sys.executable, "-W", "error", "-c", _OWNER.replace("ENDING", ending)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "HOME": str(home)},
            text=True,
        )

    def started(self) -> tuple[Path, Sequence[int]]:
        assert self._child.stdout
        folder, *pids = self._child.stdout.readline().split()
        return Path(folder), [*map(int, pids)]

    def end(self, with_signal: signal.Signals | None) -> int:
        if with_signal:
            self._child.send_signal(with_signal)
        self._child.communicate(timeout=PATIENT_SECONDS)
        return self._child.returncode


@pytest.mark.parametrize(
    ("ending", "with_signal", "exit_code"),
    [
        ("pass", None, 0),
        ("signal.pause()", signal.SIGINT, -signal.SIGINT),
        ("signal.pause()", signal.SIGTERM, -signal.SIGTERM),
        ("signal.pause()", signal.SIGKILL, -signal.SIGKILL),
    ],
    ids=["end", "SIGINT", "SIGTERM", "SIGKILL"],
)
def test_no_process_and_no_file_is_left(
    tmp_path: Path, ending: str, with_signal: signal.Signals | None, exit_code: int
) -> None:
    home = tmp_path / "home"
    owner = Owner(home, ending)
    folder, pids = owner.started()

    assert owner.end(with_signal) == exit_code

    wait_for(lambda: not any(map(alive, pids)), f"the end of {pids}")
    wait_for(lambda: not folder.exists(), f"the end of {folder}")
    assert list(home.iterdir()) == []


def test_a_forced_broker_that_cannot_be_had_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(StackError, match="no Java"):
        choose_broker(tmp_path, {"BROKER": "apache"})


def test_a_misspelt_broker_is_an_error_that_names_the_right_ones(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="'apachee' is none of auto, external, docker, apache, embedded"):
        choose_broker(tmp_path, {"BROKER": "apachee"})


def test_a_broker_that_runs_already_comes_first(tmp_path: Path) -> None:
    broker, reason = choose_broker(
        tmp_path, {"KAFKA_BOOTSTRAP_SERVERS": "kafka:9092", "KAFKA_ENABLE_IDEMPOTENCE": "false"}
    )

    assert isinstance(broker, ExternalBroker)
    assert (broker.bootstrap_servers, broker.supports_idempotence) == ("kafka:9092", False)
    assert reason == "KAFKA_BOOTSTRAP_SERVERS is set"


def test_without_docker_and_java_the_embedded_broker_is_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    broker, reason = choose_broker(tmp_path, {})

    assert broker.name.startswith("Tansu ")
    assert reason == "no Docker; no Java on PATH"


def test_two_processes_never_get_the_same_port() -> None:
    ours = {free_port() for _ in range(150)}
    script = "from deploy.local.waiting import free_port; print(*(free_port() for _ in range(500)))"
    theirs = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)  # noqa: S603

    assert ours.isdisjoint(map(int, theirs.stdout.split()))


def test_ports_are_free_and_never_handed_out_twice() -> None:
    ports = [free_port() for _ in range(50)]

    assert len(set(ports)) == 50
    assert not any(map(accepts, ports))
