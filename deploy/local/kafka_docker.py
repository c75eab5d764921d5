"""Kafka in a container, through testcontainers: imported only when wanted, it is slow and optional.

Written from testcontainers' documentation and source; nobody has run it yet, for want of a Docker engine.
"""

import socket
from importlib import import_module
from typing import Any

from deploy.local.kafka import answers
from deploy.local.waiting import free_port, wait_for

_PORT = 9093  # the container's own, as testcontainers has it


def docker_answers() -> bool:
    """Whether there is a Docker engine that we can talk to."""
    try:
        errors, docker = import_module("docker.errors"), import_module("testcontainers.core.docker_client")
    except ImportError:
        return False
    if not _accepts(docker.get_docker_host() or "unix:///var/run/docker.sock"):
        return False
    try:
        docker.DockerClient(timeout=2).client.close()
    except errors.DockerException:
        return False
    return True


def _accepts(host: str) -> bool:
    # docker-py leaves its socket unclosed where this fails, which is an error in tests.
    scheme, _, path = host.partition("://")
    if scheme != "unix":
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


class DockerKafka:
    """The image that testcontainers defaults to, with KRaft. Its container is removed by stop()."""

    supports_idempotence = True
    keeps_data = True

    def __init__(self) -> None:
        containers = import_module("testcontainers.community.kafka")
        # A fixed port: a container that is started again would get another, and advertise the first.
        self._container: Any = containers.KafkaContainer().with_kraft().with_bind_ports(_PORT, free_port())
        self._created = False
        self.name = f"Docker {self._container.image}"
        self.bootstrap_servers = ""

    def launch(self) -> None:
        if self._created:
            self._container.get_wrapped_container().start()
            return
        self._container.start()
        self._created = True
        self.bootstrap_servers = self._container.get_bootstrap_server()

    def start(self) -> None:
        self.launch()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        wait_for(lambda: answers(self.bootstrap_servers), f"an answer of {self.name}")

    def stop(self) -> None:
        self._container.stop()
        self._created = False

    def restart(self) -> None:
        self._container.get_wrapped_container().restart()
        self.wait_until_ready()

    def kill(self) -> None:
        self._container.get_wrapped_container().kill()

    def pause(self) -> None:
        self._container.get_wrapped_container().pause()

    def resume(self) -> None:
        self._container.get_wrapped_container().unpause()
