"""`giftledger close`: the commands that close months, and their options. Each calls the room of closes."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import click

from consumer.cli.command import command, finish
from consumer.cli.options import Between, Rule
from consumer.close.month import Month
from consumer.common.settings import Settings

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_MONTH = click.argument("month", type=Month())


def _accounts(_: object, __: object, given: tuple[str, ...]) -> tuple[str | None, ...]:
    return tuple(account or None for account in given)


_account = click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="ID",
    callback=_accounts,
    help="Only this account; '' is what was booked under none. Default: all.",
)


def _by(what: str) -> Callable[..., Any]:
    return click.option("--by", required=True, metavar="NAME", help=what)


@click.group(short_help="Close, sign and prove a month.")
def close() -> None:
    """Close a month: prepare, cut, sign. Then anybody can verify it, and prove one certificate's balance.

    Each account has a close of its own. What comes late is booked into the next month; a closed month is never opened
    again.
    """


@close.command("prepare", short_help="Look at what stands against it.")
@_MONTH
@_account
@_by("Who answers for the month; somebody else must sign it.")
@click.option("--accept", "rules", multiple=True, type=Rule("coverage_low"), help="Pass this warning.")
@click.option("--because", multiple=True, metavar="TEXT", help="Why it may stand: once, or once for each rule.")
@command
def close_prepare(settings: Settings, **options: Any) -> None:
    """Look at what stands against closing MONTH (such as 2026-10), and note who prepared it.

    Blockers must be mended. Warnings can be passed, with a reason that is signed with the month.
    """
    from consumer.close.command import run_prepare
    from consumer.operate.verify import verify
    from consumer.worker.unfinished import unfinished

    async def differing(settings: Settings) -> str | None:
        found = await verify(settings, mend=False)
        return None if found.is_right else found.summary

    finish(run_prepare(settings, differing, unfinished, **options))


@close.command("cut", short_help="Close the month.")
@_MONTH
@_account
@_by("Who closes it.")
@click.option(
    "--wait",
    "wait_seconds",
    type=Between(0.1, 60),
    default=2,
    show_default=True,
    help="Seconds to wait for workers that are booking; those that come later wait behind.",
)
@command
def close_cut(settings: Settings, **options: Any) -> None:
    """Close MONTH, once it is prepared: what is booked from now on stands in the next month."""
    from consumer.close.command import run_cut
    from consumer.worker.unfinished import unfinished

    finish(run_cut(settings, unfinished, **options))


@close.command("sign", short_help="Sign the month.")
@_MONTH
@_account
@click.option("--key", required=True, type=_FILE, help="Your private key: openssl genpkey -algorithm ed25519.")
@_by("Who signs; not who prepared it.")
@command
def close_sign(settings: Settings, **options: Any) -> None:
    """Derive the roll-forward and every balance of MONTH from the books up to the cut, and sign them.

    Several may sign. Safe to repeat after an interruption: nothing is ever half signed.
    """
    from consumer.close.command import run_sign

    finish(run_sign(settings, **options))


@close.command("verify", short_help="Verify a month, its files, or a proof.")
@click.argument("month", type=Month(), required=False)
@_account
@click.option("--keys", type=_FILE, help="Public keys to be trusted, each below a line with its owner's name.")
@click.option("--from-topics", is_flag=True, help="Derive it again from the records in the topics, too.")
@click.option("--files", type=_FOLDER, help="Verify what `close pack` wrote, without the database.")
@click.option("--proof", type=_FILE, help="Verify what `close prove` wrote, without the database.")
@command
def close_verify(
    settings: Settings,
    *,
    month: date | None,
    accounts: tuple[str | None, ...],
    keys: Path | None,
    from_topics: bool,
    files: Path | None,
    proof: Path | None,
) -> None:
    """Verify MONTH: hashes, chain, signatures, sums, and every signed value against the books.

    With --from-topics also against the sender's bytes, as we received them: their signatures (WEBHOOK_SIGNING_KEYS
    holds the keys of then, too), and what they come to by a path that shares no code with the worker.

    Exit status 1 when anything is not as it was signed; it is named.
    """
    from consumer.close import command as room

    if (files or proof) and not keys:
        raise click.UsageError("Say whose signatures count: --keys FILE.")
    if proof and keys:
        room.run_verify_proof(proof, keys=keys)
    elif files and keys:
        room.run_verify_files(month, accounts, files, keys=keys)
    elif month is None:
        raise click.UsageError("Say which: MONTH, --files or --proof.")
    else:
        finish(room.run_verify(settings, month, accounts, keys=keys, from_topics=from_topics))


@close.command("prove", short_help="Prove one certificate's balance.")
@click.argument("certificate_id", metavar="CERTIFICATE")
@_MONTH
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to. Default: standard output.")
@command
def close_prove(settings: Settings, **options: Any) -> None:
    """Write a proof that CERTIFICATE stands in the signed MONTH with its balance. It says nothing of others.

    `giftledger close verify --proof FILE --keys FILE` checks it with nothing but public keys.
    """
    from consumer.close.command import run_prove

    finish(run_prove(settings, **options))


@close.command("pack", short_help="Write what an auditor gets.")
@_MONTH
@_account
@click.option("--output", "folder", required=True, type=_FOLDER, help="A folder is made there for each account.")
@click.option("--key", type=_FILE, help="Your private key: the list of the pack's files is signed with it.")
@click.option("--by", metavar="NAME", help="Who signs the list.")
@command
def close_pack(settings: Settings, **options: Any) -> None:
    """Write the signed MONTH: a page, a workbook, the journal's lines, and what `close verify --files` checks.

    With --key and --by the list of its files is signed, so that nobody can exchange page, workbook or lines.
    """
    from consumer.close.command import run_pack

    if (options["key"] is None) is not (options["by"] is None):
        raise click.UsageError("--key and --by belong together.")
    finish(run_pack(settings, **options))


@close.command("list", short_help="List what is prepared, closed and signed.")
@command
def close_list(settings: Settings) -> None:
    """List every month and account that was prepared or closed, and by whom."""
    from consumer.close.command import run_list

    finish(run_list(settings))
