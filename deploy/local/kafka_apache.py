"""Apache Kafka 4: one node, controller and broker in one JVM, from Maven's artefacts."""

import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deploy.local.java import SHORT_LIVED, ClassPath
from deploy.local.kafka import ChildBroker
from deploy.local.processes import Process
from deploy.local.security import Security
from deploy.local.waiting import free_port

_CLUSTER_ID = "giftledger-local-stack"  # 16 bytes in base64; clusters on loopback need not differ
_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "2000",  # after a kill the controller refuses the broker for so long
    "auto.create.topics.enable": "false",
    # Doing nothing takes a broker a quarter of a core, half of it for records that say so and for threads that look.
    "metadata.max.idle.interval.ms": "0",
    "num.network.threads": "1",
    "num.io.threads": "2",
    "background.threads": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",  # for tests that cannot wait for 6 s until a consumer is dead
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
}
_LISTS = ("listeners", "advertised.listeners", "listener.security.protocol.map")


@dataclass(frozen=True)
class Prepared:
    """A folder with the JVM's archive of the classes that a broker loads, and the files of a formatted log directory.

    With both a broker starts with half of the CPU.
    """

    FORMATTED: ClassVar = ("meta.properties", "bootstrap.checkpoint")

    folder: Path

    @property
    def archive(self) -> Path:
        return self.folder / "classes.jsa"

    @property
    def jvm_options(self) -> list[str]:
        """What a JVM is told; where the archive does not fit, it loads classes as ever."""
        return [f"-XX:SharedArchiveFile={self.archive}"]

    def format(self, data: Path) -> None:
        for file in self.FORMATTED:
            shutil.copy(self.folder / file, data)


class ApacheKafka(ChildBroker):
    """Everything Kafka does, on one node. Topics, records and offsets survive a kill.

    `properties` override server.properties; those that list listeners (say a SASL_SSL one for a test) are
    added to ours, because the plaintext listener is how we see that the broker is ready. With `security`
    the listeners are what that says, and its users (name → password) are there from the first start, for SCRAM.
    What is `prepared` it need not make itself.
    """

    supports_idempotence = True
    keeps_data = True

    def __init__(
        self,
        folder: Path,
        class_path: ClassPath,
        properties: Mapping[str, str],
        security: Security | None = None,
        *,
        prepared: Prepared | None = None,
        jvm_options: Sequence[str] = (),
    ) -> None:
        port = free_port()
        self.class_path = class_path
        self.jvm_options = [*SHORT_LIVED, *(prepared.jvm_options if prepared else ()), *jvm_options]
        self._folder = folder / "kafka"
        self.data = self._folder / "data"
        # Only StorageTool writes users into it.
        self._prepared = None if security and security.users else prepared
        self._properties = _server_properties(
            self.data, port, {**properties, **(security.kafka_properties() if security else {})}
        )
        name = f"Apache Kafka {class_path.kafka_version}"
        process = Process(
            name=name,
            command=["sh", "-c", self._script(class_path.java, security)],
            log=folder / "kafka.log",
            env={"CLASSPATH": class_path.jars},
            cwd=self._folder,
        )
        super().__init__(name, port, process)

    def launch(self) -> None:
        (self._folder / "tmp").mkdir(parents=True, exist_ok=True)
        lines = [f"{key}={value}\n" for key, value in self._properties.items()]
        (self._folder / "server.properties").write_text("".join(lines))
        if self._prepared and not self.data.exists():
            self.data.mkdir()
            self._prepared.format(self.data)
        super().launch()

    def _script(self, java: str, security: Security | None) -> str:
        options = [
            "-Xmx512m",
            *self.jvm_options,
            f"-Djava.io.tmpdir={self._folder / 'tmp'}",  # native codecs are unpacked there
            *(security.jvm_options() if security else ()),
            f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties')}",
        ]
        jvm = shlex.join([java, *options])
        scram = shlex.join(
            part
            for user, password in (security.users if security else {}).items()
            for part in ("--add-scram", f"SCRAM-SHA-512=[name={user},password={password}]")
        )
        form = f"{jvm} kafka.tools.StorageTool format -t {_CLUSTER_ID} -c server.properties {scram}"
        return f"test -e data/meta.properties || {form} && exec {jvm} kafka.Kafka server.properties"


def _server_properties(data: Path, port: int, properties: Mapping[str, str]) -> dict[str, str]:
    controller = free_port()
    ours = _SETTINGS | {
        "log.dirs": str(data),
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    }
    extended = {key: f"{ours[key]},{properties[key]}" for key in _LISTS if key in properties}
    return {**ours, **properties, **extended}
