"""giftledger's own worker: the reference, with ledger, history and guard."""

from deploy.local.processes import Process
from deploy.local.services import Giftledger
from tests.bench.peers.peer import Scene


def prepare(scene: Scene) -> None:
    Giftledger(scene.stack, scene.environment).run("migrate")


def start(scene: Scene) -> Process:
    environment = {**scene.environment, "ADMIN_HOST": "127.0.0.1", "LOG_LEVEL": "warning"}
    return Giftledger(scene.stack, environment).start("worker").process
