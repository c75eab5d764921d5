"""What the demo closes: its simulated month is prepared, cut, signed and verified, and one balance is proven."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from rich.console import Console

from consumer.close import store
from consumer.close.coverage import read_coverage
from consumer.close.findings import look_at_topics, warnings
from consumer.close.month import Period
from consumer.common.settings import load
from consumer.traffic import Truth
from consumer.traffic.examples import CERTIFICATE_ID
from consumer.worker.unfinished import unfinished
from deploy.local.demo.comparison import Comparison, compare_values
from deploy.local.demo.reports import print_table
from deploy.local.services import Giftledger

_CLOSES = (
    "SELECT account_id, state, prepared_by, signed_by, accepted_warnings AS accepted FROM reporting.closes ORDER BY 1"
)
_SIGNED = "SELECT certificate_id, balance::bigint FROM giftcert.close_certificate"

Step = Callable[[Console, str], AbstractContextManager[None]]


def close_the_month(console: Console, commands: Giftledger, month: date, truth: Truth, step: Step) -> list[Comparison]:
    """Close a month that no worker books into, and compare what was signed with the truth. Raises StackError."""
    folder, closed = commands.stack.folder, f"{month:%Y-%m}"
    key, keys = _make_key(folder, owner="Bob")
    proof = folder / "proof.json"
    with step(console, f"giftledger close prepare, cut and sign {closed}, account by account"):
        rules = [option for rule in asyncio.run(_warnings(commands, month)) for option in ("--accept", rule)]
        # Some certificates name no customer, of whose the sender could be asked: their coverage is low.
        because = ["--because", "the simulator sends it on purpose"]
        commands.run("close", "prepare", closed, "--by", "Ann", *(rules and rules + because))
        commands.run("close", "cut", closed, "--by", "Ann")
        commands.run("close", "sign", closed, "--by", "Bob", "--key", str(key))
    with step(console, "giftledger close verify: as it was signed, and as the topics say"):
        commands.run("close", "verify", closed, "--keys", str(keys), "--from-topics")
    with step(console, "giftledger close prove: one balance, checked with a public key alone"):
        commands.run("close", "prove", CERTIFICATE_ID, closed, "--output", str(proof))
        commands.run("close", "verify", "--proof", str(proof), "--keys", str(keys))
    return [asyncio.run(_compare(console, commands, closed, truth))]


def _make_key(folder: Path, owner: str) -> tuple[Path, Path]:
    """Make a key, and the file of public keys to be trusted."""
    made = Ed25519PrivateKey.generate()
    key, keys = folder / "key.pem", folder / "keys.pem"
    key.touch(mode=0o600)
    key.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    keys.write_text(f"{owner}\n{public.decode()}", encoding="utf-8")
    return key, keys


async def _warnings(commands: Giftledger, month: date) -> list[str]:
    """Name what the simulator makes the webhooks say that cannot all be true."""
    settings = load(commands.environment)
    async with store.session(settings) as connection:
        topics = await look_at_topics(connection, settings, month, unfinished)
        periods = [Period(month, account_id) for account_id in await store.accounts(connection, month)]
        found = [
            one
            for period in periods
            for one in await warnings(connection, settings, period, topics, await read_coverage(connection, period))
        ]
    return sorted({one.rule for one in found})


async def _compare(console: Console, commands: Giftledger, closed: str, truth: Truth) -> Comparison:
    database = await asyncpg.connect(commands.environment["DATABASE_URL"])
    try:
        closes = [dict(row) for row in await database.fetch(_CLOSES)]
        rows = await database.fetch(_SIGNED)
    finally:
        await database.close()
    console.print()
    print_table(console, f"reporting.closes · {closed}", closes)
    signed = Counter[tuple[str, bool]]()
    for row in rows:
        signed[row["certificate_id"], True] += row["balance"]
    true = {key: one.balance for key, one in truth.certificates.items() if key[1] and one.balance}
    return compare_values("signed balances", signed, true)
