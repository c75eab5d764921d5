"""What the demo shows: reporting views and key metrics, as tables."""

import urllib.request
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import asyncpg
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table

from consumer.traffic.examples import CERTIFICATE_ID

WIDTH_WITHOUT_TERMINAL = 150


class Report(NamedTuple):
    """A view of the schema ``reporting``, the columns to show of it, and which rows."""

    view: str
    columns: str
    where: str = ""
    order: str = "1, 2"
    limit: int = 5


REPORTS = (
    Report(
        "liability_current",
        "account_id, currency, outstanding, outstanding_at_consideration AS at_consideration, certificates",
        limit=20,
    ),
    Report(
        "certificate_current",
        "certificate_id, currency, face_value, balance, last_station_name AS last_station, updated_at",
        order="updated_at DESC",
    ),
    Report(
        "definition_current",
        "definition_id, definition_name AS name, currency, price, face_value, deleted_at",
        order="deleted_at, definition_id",
    ),
    Report(
        "certificate_activity",
        "movement, change, balance_before AS before, balance_after AS after, currency, station_name AS station, "
        "local_day",
        where=f"WHERE certificate_id = '{CERTIFICATE_ID}'",
        order="position",
    ),
    Report(
        "liability_rollforward_monthly",
        "to_char(month, 'YYYY-MM') AS month, currency, sum(opening) AS opening, sum(issued) AS issued, "
        "sum(adjusted_up) AS up, sum(redeemed) AS redeemed, sum(adjusted_down) AS down, sum(voided) AS voided, "
        "sum(closing) AS closing, sum(difference) AS difference",
        where="GROUP BY 1, 2",
        order="1 DESC, 2",
    ),
)

METRICS = (
    "giftcert_webhook_requests",
    "giftcert_messages_sent",
    "giftcert_messages_processed",
    "giftcert_dead_letters",
    "giftcert_retries",
    "giftcert_consumer_rebalances",
)
MEANS = ("giftcert_webhook_request_duration_seconds", "giftcert_batch_size", "giftcert_event_age_seconds")


def terminal() -> Console:
    """Give the console of standard output, wide enough for the tables where it is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH_WITHOUT_TERMINAL)


async def print_reports(console: Console, database: asyncpg.Connection) -> None:
    """Print each view's first rows, and how many it has. Views that are not there are left out."""
    for report in REPORTS:
        name = f"reporting.{report.view}"
        if await database.fetchval("SELECT to_regclass($1)", name) is None:
            continue
        query = f"SELECT {report.columns} FROM {name} {report.where}"  # noqa: S608 - all of it from this file
        rows = await database.fetch(f"{query} ORDER BY {report.order} LIMIT {report.limit}")
        count = await database.fetchval(f"SELECT count(*) FROM ({query}) AS report")  # noqa: S608
        shown = f"{count:,} rows" if count <= report.limit else f"{report.limit} of {count:,} rows"
        _print(console, f"{name} · {shown}", [tuple(row.items()) for row in rows])


def print_metrics(console: Console, families: Iterable[Metric]) -> None:
    """Print what was counted, and the means of what was measured."""
    lines = [
        (sample.name + _labels(sample.labels), f"{sample.value:,.0f}")
        for family in families
        if family.name in METRICS
        for sample in family.samples
        if sample.name.endswith("_total") and sample.value
    ]
    lines += [
        (f"{name}{labels} (mean)", f"{mean:,.4g}")
        for family in families
        if family.name in MEANS
        for name, labels, mean in _means(family)
    ]
    _print(console, "metrics", [(("metric", name), ("value", value)) for name, value in lines])


def scrape(url: str) -> list[Metric]:
    """Read the metrics of a process."""
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own children, on loopback
        return list(text_string_to_metric_families(answer.read().decode()))


def total(families: Iterable[Metric], name: str, **labels: str) -> int:
    """Add up a counter over all its labels but the given ones."""
    return sum(
        int(sample.value)
        for family in families
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def _means(family: Metric) -> list[tuple[str, str, float]]:
    sums = {_labels(s.labels): s.value for s in family.samples if s.name.endswith("_sum")}
    counts = {_labels(s.labels): s.value for s in family.samples if s.name.endswith("_count")}
    return [(family.name, labels, sums[labels] / count) for labels, count in counts.items() if count]


def _labels(labels: dict[str, str]) -> str:
    inside = ", ".join(f"{name}={value}" for name, value in labels.items() if value)
    return f"{{{inside}}}" if inside else ""


def _print(console: Console, title: str, rows: Sequence[tuple[tuple[str, object], ...]]) -> None:
    table = Table(title=title, title_justify="left", title_style="bold")
    for name, value in rows[0] if rows else ():
        table.add_column(name, justify="right" if _is_number(value) else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_shown(value) for _, value in row))
    console.print(table, "")


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) or str(value).replace(",", "").replace(".", "").isdigit()
