"""Debezium's JDBC sink on Kafka Connect, one standalone worker with one task.

The sink needs records with a schema, and rows without nesting. So it reads a copy of the topic that holds the table's
rows as JSON, and Connect's converter is given their schema once (`schema.content`): cheaper than a schema in every
record, and than a registry. Making the copy does not count against it.
"""

import json
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from deploy.local.java import class_path
from deploy.local.processes import Process
from deploy.local.waiting import free_port
from tests.bench.peers.peer import Scene

LOG = Path("deploy/local/log4j2.properties")
MAX_RECORDS = "2000"
SCHEMA: dict[str, Any] = {
    "type": "struct",
    "optional": False,
    "fields": [
        {"field": "certificate_id", "type": "string", "optional": False},
        {"field": "balance", "type": "int64", "optional": False},
        {"field": "price", "type": "int64", "optional": True},
        {"field": "status", "type": "string", "optional": True},
        {"field": "updated_at", "type": "string", "optional": True, "name": "io.debezium.time.ZonedTimestamp"},
        {"field": "data", "type": "string", "optional": False, "name": "io.debezium.data.Json"},
    ],
}


TEXT_SCHEMA = {**SCHEMA, "fields": [*SCHEMA["fields"][:-1], {"field": "data", "type": "string", "optional": False}]}


def start(scene: Scene, schema: dict[str, Any] = SCHEMA) -> Process:
    folder = scene.stack.folder / scene.name
    folder.mkdir(exist_ok=True)
    worker = _write(folder / "worker.properties", _worker(scene, folder, schema))
    connector = _write(folder / "connector.properties", _connector(scene))
    kafka = class_path(Path(__file__).with_name("pom.xml"))
    # Memory as Kafka's own connect-standalone.sh gives it.
    options = ["-Xms256m", "-Xmx2g", f"-Dlog4j2.configurationFile={LOG.absolute()}", f"-Djava.io.tmpdir={folder}"]
    connect = "org.apache.kafka.connect.cli.ConnectStandalone"
    command: list[str | Path] = [kafka.java, *options, connect, worker, connector]
    return scene.stack.run(scene.name, command, {"CLASSPATH": kafka.jars})


start_text = partial(start, schema=TEXT_SCHEMA)


def _worker(scene: Scene, folder: Path, schema: dict[str, Any]) -> dict[str, str]:
    return {
        "bootstrap.servers": scene.stack.kafka.bootstrap_servers,
        "listeners": f"http://127.0.0.1:{free_port()}",
        "offset.storage.file.filename": str(folder / "offsets"),
        "plugin.discovery": "service_load",
        "key.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schema.content": json.dumps(schema),
        "consumer.max.poll.records": MAX_RECORDS,
        "consumer.auto.offset.reset": "earliest",
    }


def _connector(scene: Scene) -> dict[str, str]:
    url = urlsplit(scene.database_url)
    return {
        "name": scene.name,
        "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
        "tasks.max": "1",
        "topics": scene.settings.topic("rows"),
        "connection.url": f"jdbc:postgresql://{url.hostname}:{url.port}{url.path}",
        "connection.username": url.username or "",
        "connection.password": unquote(url.password or ""),
        "connection.restart.on.errors": "true",
        "collection.name.format": "certificate",
        "insert.mode": "upsert",
        "primary.key.mode": "record_value",
        "primary.key.fields": "certificate_id",
        "batch.size": MAX_RECORDS,
        "dialect.postgres.unnest.insert.enabled": "true",
        # One statement cannot upsert a row twice.
        "use.reduction.buffer": "true",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": scene.settings.topic("connect-dead-letter"),
        "errors.deadletterqueue.topic.replication.factor": "1",
    }


def _write(file: Path, properties: dict[str, str]) -> Path:
    file.touch(mode=0o600)  # it holds a password
    file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    return file
