"""`python -m tests.metric_table` prints the README's table of metrics, from the metrics themselves."""

import sys
from typing import NamedTuple

from prometheus_client import Counter, Info
from prometheus_client.metrics import MetricWrapperBase

from consumer.common import metrics


class Metric(NamedTuple):
    """A metric as Prometheus names it."""

    name: str
    kind: type[MetricWrapperBase]
    labels: tuple[str, ...]
    description: str


def described() -> list[Metric]:
    """Give every metric in the order of its definition."""
    return [
        Metric(_name(metric), type(metric), metric._labelnames, metric._documentation)  # noqa: SLF001 - it has no other way
        for metric in vars(metrics).values()
        if isinstance(metric, MetricWrapperBase)
    ]


def _name(metric: MetricWrapperBase) -> str:
    ending = "_total" if isinstance(metric, Counter) else "_info" if isinstance(metric, Info) else ""
    return f"{metric._name}{ending}"  # noqa: SLF001


def table() -> str:
    """Give the table in Markdown."""
    rows = [
        f"| `{metric.name}{{{','.join(metric.labels)}}}` | {metric.kind.__name__.lower()} | {metric.description} |"
        if metric.labels
        else f"| `{metric.name}` | {metric.kind.__name__.lower()} | {metric.description} |"
        for metric in described()
    ]
    return "\n".join(["| metric | kind | meaning |", "|---|---|---|", *rows]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
