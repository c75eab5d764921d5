"""The commands, run as finance runs them: as a user who may close and nothing else."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumer.close.month import Period
from consumer.common.settings import Settings
from consumer.postgres.database import Connection, Pool
from deploy.local.stack import Stack
from tests.builders import CERTIFICATE_ID, bought
from tests.closing import JUNE, KEY, Applied, closed, on, private_key, publish
from tests.databases import user_in

pytestmark = pytest.mark.once


class Finance:
    """Somebody at a shell."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment = os.environ | environment
        self.folder = folder

    def __call__(self, *arguments: str) -> tuple[int, str]:
        done = subprocess.run(  # noqa: S603 - our own commands
            [sys.executable, "-m", "consumer", "close", *arguments],
            cwd=self.folder,
            env=self.environment | {"PYTHONPATH": str(Path(__file__).parents[3])},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def finance(stack: Stack, settings: Settings, environment: dict[str, str], tmp_path: Path) -> Iterator[Finance]:
    with user_in(stack, "giftledger_closer", settings) as closer:
        yield Finance(environment | {"DATABASE_URL": closer.database, "WEBHOOK_SIGNING_KEYS": f"test={KEY}"}, tmp_path)


async def test_a_month_goes_through_all_commands(books: Applied, settings: Settings, finance: Finance) -> None:
    await publish(settings, [bought(accountId="a1", **on(JUNE)), bought(_id="b", **on(JUNE))])
    await books.catch_up()
    private_key(finance.folder, "Bob")
    private_key(finance.folder, "Dora")

    assert finance("list") == (0, "No month was prepared or closed.\n")
    status, said = finance("prepare", "2026-06", "--by", "Ann")
    assert (status, "warning currency_unspecified: 1 open exceptions" in said) == (1, True)
    because = ("--accept", "currency_unspecified", "--because", "it is a test")
    status, said = finance("prepare", "2026-06", "--by", "Ann", "--accept", "events_missing", "--because", "a test")
    assert (status, "the warnings are currency_unspecified" in said) == (1, True)
    for command, expected in (
        (("prepare", "2026-06", "--by", "Ann", *because), "2026-06 of account a1: prepared"),
        (("cut", "2026-06", "--by", "Ann"), "2026-06 of no account: closed"),
        (("sign", "2026-06", "--by", "Bob", "--key", "Bob.pem"), "signed by Bob, 1 signatures"),
        (("sign", "2026-06", "--by", "Dora", "--key", "Dora.pem"), "signed by Dora, 2 signatures"),
        (("verify", "2026-06", "--keys", "keys.pem", "--from-topics"), "from the topics: as it was signed"),
        (("prove", CERTIFICATE_ID, "2026-06", "--output", "proof.json"), ""),
        (("verify", "--proof", "proof.json", "--keys", "keys.pem"), "proof.json: as it was signed"),
        (("pack", "2026-06", "--output", "pack"), "pack/2026-06-account-a1"),
        (
            ("pack", "2026-06", "--output", "pack", "--account", "a1", "--by", "Bob", "--key", "Bob.pem"),
            "pack/2026-06-account-a1",
        ),
        (("verify", "--files", "pack/2026-06-account-a1", "--keys", "keys.pem"), "as it was signed\n"),
        (("list",), "2026-06 of account a1: signed (prepared by Ann"),
    ):
        status, said = finance(*command)
        assert (status, expected in said) == (0, True), (command, said)


async def test_no_name_is_a_command_to_a_terminal(  # noqa: PLR0917
    books: Applied, settings: Settings, finance: Finance, connections: Pool, connection: Connection, key: Path
) -> None:
    await publish(settings, [bought(accountId="a1", shiftLocation={"primaryCurrencyCode": "CAD"}, **on(JUNE))])
    await books.catch_up()
    await closed(connection, settings, Period(JUNE, "a1"), key)
    evil = "Eve\x1b[2J\n2026-07 of account a1: signed\u202e"
    await connections.execute("UPDATE giftcert.close_prepared SET prepared_by = $1", evil)
    await connections.execute(
        "INSERT INTO giftcert.close_signature VALUES (1, now(), $1, $2, $3)", evil, bytes(32), bytes(64)
    )

    for status, *command in ((0, "list"), (1, "verify", "2026-06"), (1, "sign", "2026-06", "--by", evil, "--key", key)):
        done, said = finance(*map(str, command))
        assert done == status, (command, said)
        assert not any(character in said for character in "\x1b\u202e"), (command, said)
        assert "\n2026-07" not in said, (command, said)
    assert "Eve?[2J?2026-07 of account a1: signed?" in finance("list")[1]


async def test_what_cannot_be_done_is_said(books: Applied, settings: Settings, finance: Finance) -> None:
    await publish(settings, [bought(accountId="a1", **on(JUNE))])
    await books.catch_up()
    private_key(finance.folder, "Bob")
    (finance.folder / "no.pem").write_text("nothing")
    for status, expected, *command in (
        (2, "'2026-13' is not a month such as 2026-10", "prepare", "2026-13", "--by", "Ann"),
        (1, "--by: say who does it", "prepare", "2026-06", "--by", " ", "--account", "a1"),
        (1, "Account a2 has no line", "cut", "2026-06", "--by", "Ann", "--account", "a2"),
        (1, "is not prepared", "cut", "2026-06", "--by", "Ann"),
        (1, "is not closed", "sign", "2026-06", "--by", "Bob", "--key", "Bob.pem"),
        (1, "no private key", "sign", "2026-06", "--by", "Bob", "--key", "no.pem"),
        (1, "is not closed", "verify", "2026-06"),
        (1, "is not closed", "pack", "2026-06", "--output", "pack"),
        (1, "nothing was left on it", "prove", "unknown", "2026-06"),
        (2, "--key and --by belong together", "pack", "2026-06", "--output", "pack", "--by", "Bob"),
        (2, "Say which", "verify"),
        (2, "Say whose signatures count", "verify", "--files", "pack"),
        (1, "holds no public key", "verify", "2026-06", "--keys", "no.pem"),
    ):
        done, said = finance(*command)
        assert (done, expected in said) == (status, True), (command, said)
