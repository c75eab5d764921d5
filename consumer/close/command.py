"""What `giftledger close` prints, month by month and account by account."""

from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from urllib.parse import quote

import click

from consumer.close import findings, store
from consumer.close.findings import Unfinished, look_at_topics
from consumer.close.month import Period
from consumer.close.pack.folder import write_pack
from consumer.close.prepare import Outlook, cut, look_at, prepare
from consumer.close.sign import sign
from consumer.close.signed.keys import read_private, read_public
from consumer.close.signed.listing import Signer
from consumer.close.store import session
from consumer.close.verify.check import Finding, Notice
from consumer.close.verify.database import verify_close
from consumer.close.verify.evidence import gathered
from consumer.close.verify.files import verify_files
from consumer.close.verify.from_topics import verify_from_topics
from consumer.close.verify.proof import check_proof, prove, read_proof
from consumer.common.errors import Fatal
from consumer.common.names import require_name
from consumer.common.saying import say
from consumer.common.settings import Settings
from consumer.postgres.database import Connection, statement

SHOWN = 20

# Which accounts are meant; none named are all. None is the account of certificates that name none.
Accounts = Sequence[str | None]
# Compares the books with the facts; says how much differs, if anything does.
Verify = Callable[[Settings], Awaitable[str | None]]


async def run_prepare(
    settings: Settings,
    verify: Verify,
    unfinished: Unfinished,
    month: date,
    accounts: Accounts,
    *,
    by: str,
    rules: Sequence[str],
    because: Sequence[str],
) -> None:
    """Prepare a month. Raises Fatal where something stands against it."""
    require_name(by)
    differing = await verify(settings)
    verified = [findings.Finding("books_differ", f"{differing}: `giftledger verify`")] if differing else []
    async with session(settings) as connection:
        topics = await look_at_topics(connection, settings, month, unfinished)
        outlooks = [
            await look_at(connection, settings, period, topics, rules=rules, because=because, verified=verified)
            async for period in _periods(connection, month, accounts)
        ]
        await prepare(connection, outlooks, by=by, rules=rules)
    _show(outlooks, "prepared")


async def run_cut(
    settings: Settings,
    unfinished: Unfinished,
    month: date,
    accounts: Accounts,
    *,
    by: str,
    wait_seconds: float,
) -> None:
    """Close a month. Raises Fatal where something stands against it."""
    async with session(settings) as connection:
        topics = await look_at_topics(connection, settings, month, unfinished)
        outlooks = [
            await cut(connection, settings, period, topics, by=by, wait_seconds=wait_seconds)
            async for period in _periods(connection, month, accounts)
        ]
    _show(outlooks, "closed")


def _show(outlooks: Iterable[Outlook], done: str) -> None:
    refused = 0
    for outlook in outlooks:
        say(f"{outlook.period}: {done if outlook.is_clear else f'not {done}'}")
        for finding in outlook.blockers:
            say(f"  blocker {finding.rule}: {finding.found}")
        for finding in findings.not_accepted(outlook.warnings, outlook.accepted):
            say(f"  warning {finding.rule}: {finding.found} (pass it with --accept {finding.rule} --because …)")
        for accepted in outlook.accepted:
            say(f"  accepted {accepted.rule}: {accepted.found}, because {accepted.because}")
        refused += not outlook.is_clear
    if refused:
        raise Fatal(f"{refused} not {done}.")


async def run_sign(settings: Settings, month: date, accounts: Accounts, *, key: Path, by: str) -> None:
    """Sign a month. Raises Fatal."""
    by = require_name(by)
    async with session(settings) as connection:
        async for period in _periods(connection, month, accounts):
            signed = await sign(connection, period, key, by=by)
            say(f"{period}: signed by {by}, {signed.signatures} signatures, manifest {signed.sha256}")
            for total in signed.manifest["totals"]:
                say(f"  {total['currency']}: opening {total['opening']}, closing {total['closing']}")
            say(f"  {signed.manifest['certificates']['rows']} certificates with something left")


async def run_verify(
    settings: Settings, month: date, accounts: Accounts, *, keys: Path | None, from_topics: bool
) -> None:
    """Verify a month in the database, and by the topics. Raises Fatal where something is not as it was signed."""
    trusted = read_public(keys) if keys else None
    wrong = 0
    async with session(settings) as connection:
        periods = [period async for period in _periods(connection, month, accounts)]
        async with gathered(connection, settings, periods if from_topics else ()) as evidence:
            for period in periods:
                wrong += await _show_findings(str(period), verify_close(connection, period, trusted))
                if from_topics:
                    derived = verify_from_topics(connection, evidence, period)
                    wrong += await _show_findings(f"{period}, from the topics", derived)
    if trusted is None:
        say("No --keys: who made the signatures was not asked.")
    _refuse(wrong)


def run_verify_files(month: date | None, accounts: Accounts, folder: Path, *, keys: Path) -> None:
    """Verify a close that lies in files. Raises Fatal where something is not as it was signed."""
    period = Period(month, accounts[0]) if month and len(accounts) == 1 else None
    _refuse(_Findings(verify_files(folder, period, read_public(keys))).show(str(folder)))


def run_verify_proof(file: Path, *, keys: Path) -> None:
    """Verify a proof. Raises Fatal where it proves nothing."""
    _refuse(_Findings(check_proof(read_proof(file), read_public(keys))).show(str(file)))


class _Findings:
    """Counts what is found, and keeps what is shown of it."""

    def __init__(self, found: Iterable[Finding] = ()) -> None:
        self._numbers = Counter[type[Finding]]()
        self._lines: dict[type[Finding], list[str]] = {Finding: [], Notice: []}
        for finding in found:
            self.add(finding)

    def add(self, finding: Finding) -> None:
        kind = type(finding)
        self._numbers[kind] += 1
        if self._numbers[kind] <= SHOWN:
            self._lines[kind].append(f"notice: {finding}" if kind is Notice else str(finding))

    def show(self, what: str) -> int:
        """Print them, and say how many are wrong."""
        wrong = self._numbers[Finding]
        good = "as it was signed, but see the notices" if self._numbers[Notice] else "as it was signed"
        say(f"{what}: {f'{wrong} findings' if wrong else good}")
        for kind, lines in self._lines.items():
            for line in lines:
                say(f"  {line}")
            if self._numbers[kind] > SHOWN:
                say(f"  and {self._numbers[kind] - SHOWN} more")
        return wrong


async def _show_findings(what: str, found: AsyncIterable[Finding]) -> int:
    findings = _Findings()
    async for finding in found:
        findings.add(finding)
    return findings.show(what)


def _refuse(wrong: int) -> None:
    if wrong:
        raise Fatal("Not all is as it was signed.")


async def run_prove(settings: Settings, certificate_id: str, month: date, output: Path | None) -> None:
    """Write proofs of a certificate's rows. Raises Fatal where there is none."""
    proofs: list[bytes] = []
    async with session(settings) as connection:
        async for period in _periods(connection, month, ()):
            if await connection.fetchval(statement("close/has_certificate"), *period, certificate_id):
                proofs += await prove(connection, period, certificate_id)
    if not proofs:
        raise Fatal(f"No signed close of {month:%Y-%m} has certificate {certificate_id}: nothing was left on it then.")
    for number, proof in enumerate(proofs):
        if output is None:
            click.echo(proof)
        else:
            output.with_name(f"{output.stem}-{number + 1}{output.suffix}" if number else output.name).write_bytes(proof)


async def run_pack(
    settings: Settings, month: date, accounts: Accounts, folder: Path, *, key: Path | None, by: str | None
) -> None:
    """Write what an auditor gets, a folder an account."""
    signer = Signer(require_name(by), read_private(key)) if key and by is not None else None
    async with session(settings) as connection:
        async for period in _periods(connection, month, accounts):
            of_period = folder / folder_name(period)
            await write_pack(connection, period, of_period, signer)
            say(f"{period}: {of_period}")


def folder_name(period: Period) -> str:
    """Name the folder of a month and account; no account's id leads out of it."""
    account = "no-account" if period.account_id is None else f"account-{quote(period.account_id, safe='')}"
    return f"{period.month:%Y-%m}-{account}"


async def run_list(settings: Settings) -> None:
    """List every month and account that was prepared or closed."""
    async with session(settings) as connection:
        rows = await connection.fetch(statement("close/list"))
    for row in rows:
        steps = [f"prepared by {row['prepared_by']} {row['prepared_at']:%Y-%m-%d %H:%M}"]
        if row["cut_by"]:
            steps.append(f"cut by {row['cut_by']} {row['cut_at']:%Y-%m-%d %H:%M}")
        if row["signed_by"]:
            steps.append(f"signed by {row['signed_by']}")
        say(f"{Period(row['month'], row['account_id'])}: {row['state']} ({'; '.join(steps)})")
    if not rows:
        say("No month was prepared or closed.")


async def _periods(connection: Connection, month: date, accounts: Accounts) -> AsyncIterator[Period]:
    """Give what is meant, account by account. Raises Fatal where there is nothing."""
    known = await store.accounts(connection, month)
    if unknown := [account for account in accounts if account not in known]:
        raise Fatal(f"Account {unknown[0]} has no line up to the end of {month:%Y-%m}.")
    if not known:
        raise Fatal(f"Nothing was booked up to the end of {month:%Y-%m}.")
    for account in accounts or known:
        yield Period(month, account)
