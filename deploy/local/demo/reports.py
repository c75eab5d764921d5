"""What the demo shows: reporting views and key metrics, as tables that fit 80 columns."""

import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import asyncpg
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from consumer.traffic.examples import CERTIFICATE_ID

WIDTH = 80  # where there is no terminal

Row = Mapping[str, object]


class Report(NamedTuple):
    """A view of the schema ``reporting``, the columns to show of it, and which rows."""

    view: str
    columns: str
    where: str = ""
    order: str = "1, 2"
    limit: int = 5
    heading: str = ""
    """The column whose values head the columns of a table that is turned round; as it stands without."""


REPORTS = (
    Report(
        "liability_current",
        "account_id, currency, outstanding, certificates",
        limit=20,
    ),
    Report(
        "certificate_current",
        "certificate_id, currency, face_value, balance, updated_at",
        order="updated_at DESC",
    ),
    Report(
        "definition_current",
        "definition_id, definition_name AS name, currency, price, deleted_at::date AS deleted",
        order="deleted_at, definition_id",
    ),
    Report(
        "certificate_activity",
        "movement, change, balance_after AS balance, currency, station_name AS station, local_day",
        where=f"WHERE certificate_id = '{CERTIFICATE_ID}'",
        order="position, line",
    ),
    Report(
        "liability_rollforward_monthly",
        "currency, sum(opening) AS opening, sum(issued) AS issued, sum(first_seen) AS first_seen, "
        "sum(adjusted_up) AS adjusted_up, sum(redeemed) AS redeemed, sum(adjusted_down) AS adjusted_down, "
        "sum(voided) AS voided, sum(closing) AS closing, sum(difference) AS difference",
        where="WHERE month = (SELECT max(month) FROM reporting.liability_rollforward_monthly) GROUP BY currency",
        order="1",
        heading="currency",
    ),
)

METRICS = {
    "giftcert_webhook_requests_total": "outcome",
    "giftcert_messages_processed_total": "outcome",
    "giftcert_retries_total": "stage",
}
AGE = "giftcert_event_age_seconds"


def terminal() -> Console:
    """Give the console of standard output."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


async def print_reports(console: Console, database: asyncpg.Connection) -> None:
    """Print each view's first rows, and how many it has. Views that are not there are left out."""
    for report in REPORTS:
        name = f"reporting.{report.view}"
        if await database.fetchval("SELECT to_regclass($1)", name) is None:
            continue
        query = f"SELECT {report.columns} FROM {name} {report.where}"  # noqa: S608 - all of it from this file
        found = await database.fetch(f"{query} ORDER BY {report.order} LIMIT {report.limit}")
        count = await database.fetchval(f"SELECT count(*) FROM ({query}) AS report")  # noqa: S608
        rows: list[Row] = [dict(row) for row in found]
        if report.heading:
            print_table(console, f"{name} · the newest month", turned_round(rows, report.heading))
        else:
            shown = f"{count:,} rows" if count <= report.limit else f"{report.limit} of {count:,} rows"
            print_table(console, f"{name} · {shown}", rows)


def turned_round(rows: Sequence[Row], heading: str) -> list[Row]:
    """Make rows of columns: one a figure, with a column for each row's ``heading``."""
    figures = [name for name in (rows[0] if rows else ()) if name != heading]
    return [{"": figure, **{str(row[heading]): row[figure] for row in rows}} for figure in figures]


def print_metrics(console: Console, families: Iterable[Metric]) -> None:
    """Print what was counted, by what matters most, and the mean age of an event when it was committed."""
    counted = {
        f"{name}{{{label}={value}}}": sum(_samples(families, name, **{label: value}))
        for name, label in METRICS.items()
        for value in sorted({sample.labels[label] for f in families for sample in f.samples if sample.name == name})
    }
    lines = {name: f"{value:,.0f}" for name, value in counted.items() if value}
    if events := sum(_samples(families, f"{AGE}_count")):
        lines[f"{AGE} (mean)"] = f"{sum(_samples(families, f'{AGE}_sum')) / events:.3f}"
    print_table(console, "/metrics · the most important", [{"metric": name, "value": lines[name]} for name in lines])


def scrape(url: str) -> list[Metric]:
    """Read the metrics of a process."""
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own children, on loopback
        return list(text_string_to_metric_families(answer.read().decode()))


def total(families: Iterable[Metric], name: str) -> int:
    """Add up a counter over all its labels."""
    return int(sum(_samples(families, name)))


def print_table(console: Console, title: str, rows: Sequence[Row]) -> None:
    """Print rows under the names of their columns. No value is broken or cut, so that it can be copied."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="")
    for name in rows[0] if rows else ():
        cells = [_shown(row[name]) for row in rows]
        is_number = all(_is_number(row[name]) for row in rows)
        width = max(map(cell_len, [name, *cells]))
        table.add_column(name, justify="right" if is_number else "left", no_wrap=True, min_width=width)
    for row in rows:
        table.add_row(*map(_shown, row.values()))
    console.print(f"[bold]{title}[/]", highlight=False)
    console.print(table, crop=False)
    console.print()


def _samples(families: Iterable[Metric], name: str, **labels: str) -> list[float]:
    return [
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) or str(value).replace(",", "").replace(".", "").isdecimal()
