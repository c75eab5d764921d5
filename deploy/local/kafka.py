"""What every broker of the local stack can do, and the brokers that are child processes of ours."""

import socket
import struct
from typing import Protocol

from deploy.local.processes import Process, StackError

_METADATA_V1 = struct.pack(">hhihi", 3, 1, 1, -1, 0)  # api, version, correlation, no client id, no topics


class Broker(Protocol):
    """`name` includes the version. After kill() or stop(), start() uses the same address."""

    name: str
    bootstrap_servers: str
    supports_idempotence: bool
    keeps_data: bool
    """Whether topics, records and offsets survive kill() and start()."""

    def launch(self) -> None:
        """Begin to start, without waiting."""

    def start(self) -> None:
        """Start and wait until it answers. Raises StackError or TimeoutError, with the log."""

    def wait_until_ready(self) -> None: ...
    def stop(self) -> None: ...
    def restart(self) -> None: ...

    def kill(self) -> None:
        """SIGKILL: a crash."""

    def pause(self) -> None:
        """SIGSTOP: connections stay open, nothing is answered."""

    def resume(self) -> None: ...


class ChildBroker:
    """A broker that is a child process of ours, on a port of loopback."""

    supports_idempotence: bool
    keeps_data: bool

    def __init__(self, name: str, port: int, process: Process) -> None:
        self.name = name
        self.port = port
        self.bootstrap_servers = f"127.0.0.1:{port}"
        self.process = process

    def launch(self) -> None:
        self.process.start()

    def start(self) -> None:
        self.launch()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        self.process.wait_until(lambda: answers(self.bootstrap_servers), "an answer with a live broker")

    def stop(self) -> None:
        self.process.terminate()

    def restart(self) -> None:
        self.stop()
        self.start()

    def kill(self) -> None:
        self.process.kill()

    def pause(self) -> None:
        self.process.pause()

    def resume(self) -> None:
        self.process.resume()


class ExternalBroker:
    """A broker that runs already, and that is not ours to stop."""

    keeps_data = True

    def __init__(self, bootstrap_servers: str, *, supports_idempotence: bool) -> None:
        self.name = f"Kafka at {bootstrap_servers}"
        self.bootstrap_servers = bootstrap_servers
        self.supports_idempotence = supports_idempotence

    def launch(self) -> None:
        """Do nothing, like start(), wait_until_ready() and stop()."""

    start = wait_until_ready = stop = launch

    def kill(self) -> None:
        """Raise StackError, as everything does that would disturb its other users."""
        raise StackError(f"{self.name} is external: not ours to kill, pause or restart")

    pause = resume = restart = kill


def answers(bootstrap_servers: str, seconds: float = 2.0) -> bool:
    """Whether a plaintext broker names a live broker: Kafka answers before it is unfenced, with none."""
    host, _, port = bootstrap_servers.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=seconds) as connection:
            connection.sendall(struct.pack(">i", len(_METADATA_V1)) + _METADATA_V1)
            with connection.makefile("rb") as response:
                head = response.read(12)  # length, correlation, number of brokers
    except OSError:
        return False
    return len(head) == 12 and struct.unpack(">iii", head)[2] > 0  # noqa: PLR2004
