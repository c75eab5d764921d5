"""Findings: what stands against closing a month. Blockers cannot be passed; warnings can, by whoever says why."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
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


# Of something unfinished in the topics: rule, topic, whether live, place, what was observed and expected.
Noted = tuple[str, str, bool, str, str, str]
# Finds what is unfinished in the topics now.
Unfinished = Callable[[Settings, Connection], Awaitable[Sequence[Noted]]]


class Topics(NamedTuple):
    """What a look at the topics has found, of all accounts: records that wait (blockers), and what is unfinished."""

    waiting: Sequence[Finding]
    unfinished: Sequence[Noted]


async def look_at_topics(connection: Connection, settings: Settings, month: date, unfinished: Unfinished) -> Topics:
    """Look at the topics anew: what a worker has noted of them may be a minute old.

    First for records that wait: where none of the month does, none can become a dead letter behind the second look.
    """
    waiting = await _not_applied(connection, settings, month)
    return Topics(waiting, await unfinished(settings, connection))


async def blockers(connection: Connection, period: Period, topics: Topics) -> list[Finding]:
    """Look for what cannot be passed; whether the books agree with the facts is another's question."""
    return [
        *await out_of_turn(connection, period),
        *_not_over(period),
        *await open_tasks(connection),
        *await _differences(connection, period),
        *await _closed_too_late(connection, period),
        *topics.waiting,
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


async def _closed_too_late(connection: Connection, period: Period) -> list[Finding]:
    """Lines that somebody has put into a month that was closed: the next one would open with another sum."""
    lines = await connection.fetch(statement("books/closed_too_late"), period.account_id, period.month)
    if not lines:
        return []
    return [
        Finding("closed_month_changed", f"{len(lines)} lines came into closed months, from line {lines[0]['line']} on")
    ]


async def _not_applied(connection: Connection, settings: Settings, month: date) -> list[Finding]:
    """Name records, of any account, that Kafka has had since before the month's end, and that no worker has settled."""
    return [
        Finding("records_not_applied", f"{one.number} of {one.topic} {one.partition} from offset {one.first} on")
        for one in await not_applied(connection, settings, over_at(month))
    ]


async def warnings(
    connection: Connection, settings: Settings, period: Period, topics: Topics, coverage: Sequence[Covered]
) -> list[Finding]:
    """Look for what somebody must answer for: one finding a rule. Open dead letters are among the exceptions."""
    live = [row for row in topics.unfinished if row[2]]
    columns = [[row[column] for row in live] for column in (0, 1, 4, 5)]
    rows = await connection.fetch(statement("close/open_errors"), period.account_id, *columns)
    found = [Finding(row["rule"], f"{row['number']} open exceptions") for row in rows]
    if low := below(coverage, settings.close_coverage_ratio):
        found.append(Finding("coverage_low", f"the sender has confirmed within seven days {low}"))
    return found


def accept(found: Iterable[Finding], rules: Sequence[str], because: Sequence[str]) -> list[Accepted]:
    """Pair warnings with what was said of them; one reason may stand for all rules. Raises Fatal."""
    reasons = [reason.strip() for reason in because]
    if rules and (len(reasons) not in {1, len(rules)} or not all(reasons)):
        raise Fatal("Say why (--because), once for all rules that you accept, or once for each.")
    if len(set(rules)) < len(rules):
        raise Fatal("Accept each rule once (--accept).")
    reason_of = dict(zip(rules, reasons * len(rules) if len(reasons) == 1 else reasons, strict=bool(rules)))
    return [Accepted(one.rule, one.found, reason_of[one.rule]) for one in found if one.rule in reason_of]


def refuse_needless(found: Iterable[Finding], rules: Sequence[str]) -> None:
    """Refuse to accept what was not found: a word that is no rule, a blocker, yesterday's warning. Raises Fatal."""
    known = sorted({one.rule for one in found})
    for rule in rules:
        if rule not in known:
            found_are = f"the warnings are {', '.join(known)}" if known else "there is no warning"
            raise Fatal(f"--accept {rule}: nothing was found that this passes; {found_are}.")


def not_accepted(found: Iterable[Finding], accepted: Iterable[Accepted]) -> list[Finding]:
    """Give the warnings that nobody has accepted."""
    rules = {one.rule for one in accepted}
    return [one for one in found if one.rule not in rules]
