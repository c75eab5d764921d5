"""Findings: what stands against closing a month. Blockers cannot be passed; warnings can, by whoever says why."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

from consumer.books.days import month_after
from consumer.close.applied import not_applied
from consumer.close.coverage import below
from consumer.close.month import Period, over_at
from consumer.close.store import Accepted, Covered
from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from consumer.postgres.database import Connection, statement


class Finding(NamedTuple):
    """One thing that stands against a close."""

    rule: str
    found: str


async def blockers(
    connection: Connection, settings: Settings, period: Period, waiting: Sequence[Finding] | None = None
) -> list[Finding]:
    """Look for what cannot be passed; whether the books agree with the facts is another's question.

    ``waiting`` are the records that are not applied, where somebody has looked for them already.
    """
    if waiting is None:
        waiting = await not_applied_findings(connection, settings, period.month)
    return [
        *await out_of_turn(connection, period),
        *_not_over(period),
        *await open_tasks(connection),
        *await _differences(connection, period),
        *waiting,
    ]


async def out_of_turn(connection: Connection, period: Period) -> list[Finding]:
    """Months are closed in their order; the first close closes all before it, too."""
    last = await connection.fetchval(statement("close/last_closed"), period.account_id)
    if last is None or period.month == month_after(last):
        return []
    if period.month <= last:
        return [Finding("closed_already", f"{last:%Y-%m} is closed: what comes late is booked into the next month")]
    return [Finding("month_before_open", f"{month_after(last):%Y-%m} is not closed yet")]


def _not_over(period: Period) -> list[Finding]:
    ends = over_at(period.month)
    if datetime.now(UTC) >= ends:
        return []
    return [Finding("month_not_over", f"in every time zone it is at {ends:%Y-%m-%d %H:%M} UTC")]


async def open_tasks(connection: Connection) -> list[Finding]:
    """Certificates that are still to be booked again."""
    tasks = await connection.fetch(statement("books/open_tasks"))
    return [Finding("rebooking_open", f"{len(tasks)} rebooking tasks are open: a worker does them")] if tasks else []


async def _differences(connection: Connection, period: Period) -> list[Finding]:
    rows = await connection.fetch(statement("close/differences"), period.account_id)
    return [Finding("rollforward_difference", f"{row['difference']:f} {row['currency']}") for row in rows]


async def not_applied_findings(connection: Connection, settings: Settings, month: date) -> list[Finding]:
    """Name records, of any account, that Kafka has had since before the month's end, and that no worker has settled."""
    return [
        Finding("records_not_applied", f"{one.number} of {one.topic} {one.partition} from offset {one.first} on")
        for one in await not_applied(connection, settings, over_at(month))
    ]


async def warnings(
    connection: Connection, settings: Settings, period: Period, coverage: Sequence[Covered]
) -> list[Finding]:
    """Look for what somebody must answer for: one finding a rule. Open dead letters are among the exceptions."""
    rows = await connection.fetch(statement("close/open_errors"), period.account_id)
    found = [Finding(row["rule"], f"{row['number']} open exceptions") for row in rows]
    if low := below(coverage, settings.close_coverage_ratio):
        found.append(Finding("coverage_low", f"the sender has confirmed within seven days {low}"))
    return found


def accept(found: Iterable[Finding], rules: Sequence[str], because: Sequence[str]) -> list[Accepted]:
    """Pair warnings with what was said of them; one reason may stand for all rules. Raises Fatal."""
    reasons = [reason.strip() for reason in because]
    if rules and (len(reasons) not in {1, len(rules)} or not all(reasons)):
        raise Fatal("Say why (--because), once for all rules that you accept, or once for each.")
    reason_of = dict(zip(rules, reasons * len(rules) if len(reasons) == 1 else reasons, strict=bool(rules)))
    return [Accepted(one.rule, one.found, reason_of[one.rule]) for one in found if one.rule in reason_of]


def not_accepted(found: Iterable[Finding], accepted: Iterable[Accepted]) -> list[Finding]:
    """Give the warnings that nobody has accepted."""
    rules = {one.rule for one in accepted}
    return [one for one in found if one.rule not in rules]
