"""Ctrl-C at any moment ends a command quietly, and with the status that shells know."""

import os
import signal
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from consumer.cli.command import command, finish
from consumer.common.settings import Settings

# Starts as `python -m` does; while the module that is named first is looked for, Ctrl-C arrives.
INTERRUPTED = """
import runpy, signal, sys

_, moment, *sys.argv = sys.argv
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where we run in the background

class Interrupts:
    def find_spec(self, name, *_):
        if name == moment:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    ("moment", "command"),
    [
        ("click", ["consumer"]),
        ("consumer.cli.books", ["consumer"]),
        ("consumer.kafka.topics", ["consumer", "topics"]),
        ("asyncpg", ["deploy.local.demo"]),
    ],
)
def test_while_modules_are_loaded_it_ends_the_process_without_a_word(moment: str, command: list[str]) -> None:
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-c", INTERRUPTED, moment, *command],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


def test_while_a_command_is_at_work_it_ends_it_without_a_word() -> None:
    async def interrupted() -> None:
        signal.default_int_handler(signal.SIGINT, None)

    @click.command
    @command
    def work(_: Settings) -> None:
        finish(interrupted())

    done = CliRunner().invoke(work)

    assert (done.exit_code, done.output) == (130, "")
