"""Prepared: what every Apache Kafka of a version needs at its start is made once, and kept beside the class path."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from deploy.local.java import ClassPath, alone, cache
from deploy.local.kafka_apache import ApacheKafka, Prepared


def prepared(class_path: ClassPath) -> Prepared:
    """Return what is prepared for this Java and this Kafka.

    The first time a broker starts and ends for it, and who else asks meanwhile waits. Raises StackError when it
    does not start.
    """
    digest = hashlib.sha256(f"{class_path.java_version}\n{class_path.jars}".encode()).hexdigest()[:16]
    ready = Prepared(cache() / f"kafka-{digest}")
    if not ready.folder.exists():
        with alone(ready.folder):
            if not ready.folder.exists():
                _prepare(class_path, ready)
    return ready


def _prepare(class_path: ClassPath, ready: Prepared) -> None:
    with tempfile.TemporaryDirectory(dir=ready.folder.parent) as name:
        draft = Prepared(Path(name) / "draft")
        draft.folder.mkdir()
        broker = ApacheKafka(Path(name), class_path, {}, jvm_options=[f"-XX:ArchiveClassesAtExit={draft.archive}"])
        try:
            broker.start()
            broker.process.terminate(grace=60)  # it writes the archive when it ends
        finally:
            broker.kill()
        for file in Prepared.FORMATTED:
            shutil.copy(broker.data / file, draft.folder)
        draft.folder.rename(ready.folder)  # at once: others may be looking
