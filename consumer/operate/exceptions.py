"""Exceptions: what cannot all be true, as the reports show it, and who understood it."""

from consumer.common.errors import Fatal
from consumer.common.names import require_name
from consumer.common.saying import say
from consumer.common.settings import Settings
from consumer.postgres.conflicts import until_undisturbed
from consumer.postgres.database import connect, statement
from consumer.postgres.reporting import TWINS

LIVE, TEST = TWINS


async def show_exceptions(settings: Settings, *, rule: str | None, everything: bool, test: bool, limit: int) -> None:
    """Print exceptions and their number by rule."""
    connection = await connect(settings)
    try:
        rows = await connection.fetch(_of(test, "exceptions/list"), rule, everything)
    finally:
        await connection.close()
    for row in rows[:limit]:
        say(_line(row))
    if len(rows) > limit:
        say(f"and {len(rows) - limit} more")
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["rule"]] = counts.get(row["rule"], 0) + 1
    for name, count in sorted(counts.items()):
        say(f"{name}: {count}")
    of_rule = f" of {rule}" if rule else ""
    say(f"{len(rows)} {'' if everything else 'open '}exception{'s' * (len(rows) != 1)}{of_rule}.")


async def acknowledge(
    settings: Settings,
    *,
    rule: str,
    entity_id: str,
    event_id: str | None,
    acknowledged_by: str,
    because: str,
    test: bool,
) -> int:
    """Acknowledge open exceptions; give their number. Raises Fatal where there is none, or nothing is said."""
    if not acknowledged_by.strip() or not because.strip():
        raise Fatal("Say who acknowledges it (--by), and why (--because).")
    by = require_name(acknowledged_by)
    connection = await connect(settings)
    try:
        said = (rule, entity_id, event_id, by, because.strip(), not test)
        # It reads many tables, which a rebuild locks one after the other.
        status = await until_undisturbed(lambda: connection.execute(_of(test, "exceptions/acknowledge"), *said))
    finally:
        await connection.close()
    count = int(status.rpartition(" ")[2])
    if not count:
        event = f", shown by the event {event_id}" if event_id else ""
        raise Fatal(
            f"There is no open exception {rule} of {entity_id}{event}: `giftledger exceptions list` shows them."
        )
    return count


def _of(test: bool, name: str) -> str:  # noqa: FBT001 - which twin
    return statement(name).replace("{schema}", TEST if test else LIVE)


def _line(row: object) -> str:
    said = dict(row)  # type: ignore[call-overload]
    event = f" event {said['event_id']}" if said["event_id"] else ""
    line = f"{said['severity']} {said['rule']} {said['entity']} {said['entity_id']}{event}: "
    line += f"{said['observed']}, expected {said['expected']}"
    if said["is_acknowledged"]:
        line += f" (acknowledged by {said['acknowledged_by']}: {said['because']})"
    return line
