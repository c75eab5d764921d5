"""Tables: what commands print in columns."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from consumer.common.saying import harmless


def say_rows(names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table. Rows are lines, and nothing is cut to make them fit: a terminal that is narrower wraps them."""
    table = Table(*names, box=None, header_style="bold")
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    Console(markup=False, highlight=False, width=240, soft_wrap=True).print(table)


def cell(value: object) -> str:
    """Give a value as it stands in a table."""
    return "" if value is None else harmless(f"{value}")
