"""Java, and the class path of Apache Kafka: resolved by Maven once, then remembered."""

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.processes import StackError, output_of

# For a JVM of minutes at most.
SHORT_LIVED = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # starts in half of the time
    "-XX:-UsePerfData",  # or a kill leaves a file in /tmp
)
_POM = Path(__file__).with_name("pom.xml")
_OLDEST_JAVA = 17
_MAVEN_SECONDS = 300


@dataclass(frozen=True)
class ClassPath:
    java: str
    java_version: str
    jars: str

    @property
    def kafka_version(self) -> str:
        version = re.search(r"kafka_2\.13-([\d.]+)\.jar", self.jars)
        return version[1] if version else "of unknown version"


def kafka_class_path() -> ClassPath:
    """Return what Apache Kafka runs with. Raises as class_path() does."""
    return class_path(_POM)


def class_path(pom: Path) -> ClassPath:
    """Return what a pom's dependencies run with. Raises StackError without Java 17, or Maven to find the jars.

    The jars stay in Maven's own cache. Their paths are remembered in the user's cache directory until the pom
    changes or a jar is gone, because asking Maven takes seconds.
    """
    java, java_version = _java()
    digest = hashlib.sha256(pom.read_bytes()).hexdigest()[:16]
    remembered = cache() / f"class-path-{digest}"
    return ClassPath(java, java_version, _remembered(remembered) or _resolve(pom, remembered))


def _resolve(pom: Path, remembered: Path) -> str:
    """Ask Maven, and remember what it says; who else asks meanwhile waits."""
    with alone(remembered):
        jars = _remembered(remembered)
        if not jars:
            jars = _ask_maven(pom)
            draft = remembered.with_suffix(".draft")
            draft.write_text(jars)
            draft.replace(remembered)  # at once: others may be reading it
    return jars


def _remembered(file: Path) -> str:
    """Give what is remembered, as long as all of it is there; else nothing."""
    jars = file.read_text() if file.exists() else ""
    return jars if all(Path(jar).exists() for jar in jars.split(os.pathsep)) else ""


def _java() -> tuple[str, str]:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    if java is None:
        raise StackError(f"no Java: none in {home}/bin (JAVA_HOME)" if home else "no Java on PATH")
    answer = output_of(java, "-version")
    version = re.search(r'version "(\d+)', answer)
    if version is None or int(version[1]) < _OLDEST_JAVA:
        raise StackError(f"Apache Kafka 4 needs Java {_OLDEST_JAVA}; {java} is {answer.partition(chr(10))[0]!r}")
    return java, answer


def _ask_maven(pom: Path) -> str:
    maven = shutil.which("mvn")
    if maven is None:
        raise StackError("no Maven (mvn) on PATH to fetch jars with")
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "class-path"
        goal = ["dependency:build-classpath", "-Dmdep.includeScope=runtime", f"-Dmdep.outputFile={answer}"]
        output_of(maven, "--batch-mode", "--quiet", "--file", pom, *goal, seconds=_MAVEN_SECONDS)
        return answer.read_text().strip()


@contextmanager
def alone(made: Path) -> Iterator[None]:
    """Be the only process that makes something in the cache."""
    made.parent.mkdir(parents=True, exist_ok=True)
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cache() -> Path:
    """Return the user's cache directory, of ours."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "giftledger"
