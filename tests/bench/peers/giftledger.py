"""giftledger's own worker: the reference, with ledger, history and guard."""

from deploy.local.processes import Process
from deploy.local.services import OURS, Giftledger
from tests.bench.peers.peer import Scene


def prepare(scene: Scene) -> None:
    _commands(scene).run("migrate")


def start(scene: Scene) -> Process:
    return _commands(scene).start("worker").process


def _commands(scene: Scene) -> Giftledger:
    return Giftledger(scene.stack, {**OURS, **scene.environment, "LOG_LEVEL": "warning"})
