"""The demo's last words: what agrees with the simulator, what does not, and what to do next."""

from collections.abc import Sequence
from decimal import Decimal

from rich.console import Console

from consumer.traffic import Truth
from consumer.traffic.simulate import Summary
from deploy.local.demo.comparison import UNITS, Comparison, Liability
from deploy.local.demo.reports import print_table

SHOWN_DIFFERENCES = 10

_NEXT = """
Next:  make up         starts this again and keeps it, for you to try
       sql/README.md   says what each report means, and what finance asks
"""


def verdict(
    console: Console,
    summary: Summary,
    truth: Truth,
    comparisons: Sequence[Comparison],
    liabilities: Sequence[Liability],
) -> bool:
    """Say what agrees and what does not, the first differences of each kind; answer whether all does."""
    print_table(console, "Outstanding, to the unit", [_liability(one) for one in liabilities])
    print_table(console, "Compared with the simulator", [_posts(summary, truth), *map(_comparison, comparisons)])
    differences = [f"{mismatch}" for mismatch in summary.mismatches]
    for compared in comparisons:
        differences += compared.differences[:SHOWN_DIFFERENCES]
    for difference in differences:
        console.print(f"  {difference}", style="red", markup=False, soft_wrap=True)
    if differences:
        console.print("Not everything agrees with the simulator.", style="bold red")
    else:
        console.print("Everything agrees with the simulator.", style="bold green")
        console.print(_NEXT, markup=False, highlight=False, soft_wrap=True)
    return not differences


def _liability(one: Liability) -> dict[str, object]:
    return {
        "currency": one.currency,
        "giftledger": f"{Decimal(one.reported) / UNITS:,.5f}",
        "simulator": f"{Decimal(one.true) / UNITS:,.5f}",
        "": _mark(agrees=one.agrees),
    }


def _posts(summary: Summary, truth: Truth) -> dict[str, object]:
    posts = truth.posts.total()
    return _line("answers to POSTs", posts - summary.mismatched, posts)


def _comparison(one: Comparison) -> dict[str, object]:
    return _line(one.what, one.agreeing, one.total, agrees=one.agrees)


def _line(what: str, agreeing: int, total: int, *, agrees: bool = True) -> dict[str, object]:
    return {"": what, "agree": f"{agreeing:,}", "of": f"{total:,}", " ": _mark(agrees=agrees and agreeing == total)}


def _mark(*, agrees: bool) -> str:
    return "✓" if agrees else "✗"
