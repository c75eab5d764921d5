"""The workbook of a pack: the same tables, with check formulas that a reader's program computes again.

A number of a workbook has 15 digits: an amount with more stands as text, too. Texts stay texts.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name, xl_rowcol_to_cell

from consumer.close.pack.tables import Pack, Table
from consumer.close.signed.canonical import units
from consumer.close.signed.rows import CERTIFICATE

_DIGITS = 15
# A sheet holds 1,048,576 rows.
ROWS_OF_A_SHEET = 1_000_000
_SHEETS = (
    *("Totals", "Roll-forward", "Settlement", "Restatements", "Twelve months", "Aging"),
    *("Coverage", "Accepted", "Acknowledged", "Records"),
)
_RISES = ("opening", "issued", "first_seen", "adjusted_up")
_FALLS = ("redeemed", "adjusted_down", "voided", "closing")


def write_workbook(file: Path, pack: Pack, certificates: Iterable[Sequence[Any]], made_at: datetime) -> None:
    """Write the workbook; ``certificates`` are rows in the order of ``CERTIFICATE``, amounts as texts."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(file), options) as book:
        book.set_properties({"title": pack.title, "created": made_at.replace(tzinfo=None)})
        for name, table in zip(_SHEETS, pack.tables, strict=True):
            _Sheet(book, name, table.columns, table.amounts).write(table)
        _write_certificates(book, certificates)


class _Sheet:
    """One sheet, filled from the top."""

    def __init__(self, book: Any, name: str, columns: Sequence[str], amounts: frozenset[str]) -> None:
        self._sheet = book.add_worksheet(name)
        self._money = book.add_format({"num_format": "#,##0.00000"})
        self._bold = book.add_format({"bold": True})
        self._columns, self._amounts = columns, amounts
        self._row = 0
        self._sheet.freeze_panes(1, 0)
        self._sheet.set_column(0, len(columns), 18)
        for column, title in enumerate([*columns, "beyond 15 digits", "check"]):
            self._sheet.write_string(0, column, title, self._bold)

    def write(self, table: Table) -> None:
        for row in table.rows:
            self.add(row)
        if table.rows and self._amounts and "currency" in self._columns:
            self._currencies(table)

    def add(self, row: Sequence[Any]) -> None:
        """Write a row; behind it what has more than 15 digits, and the check, where it is one of a roll-forward."""
        self._row += 1
        long = []
        for column, (name, value) in enumerate(zip(self._columns, row, strict=True)):
            if name in self._amounts:
                self._sheet.write_number(self._row, column, units(value) / 100_000, self._money)
                if len(str(abs(units(value)))) > _DIGITS:
                    long.append(f"{name} {value}")
            elif isinstance(value, int):
                self._sheet.write_number(self._row, column, value)
            elif value is not None:
                self._sheet.write_string(self._row, column, str(value))
        if long:
            self._sheet.write_string(self._row, len(self._columns), "; ".join(long))
        if {*_RISES, *_FALLS} <= {*self._columns}:
            self._check()

    def _check(self) -> None:
        rises, falls = (
            [xl_rowcol_to_cell(self._row, self._columns.index(name)) for name in names] for names in (_RISES, _FALLS)
        )
        formula = f"=ROUND({'+'.join(rises)}-{'-'.join(falls)},5)"
        self._sheet.write_formula(self._row, len(self._columns) + 1, formula, self._money, 0)

    def _currencies(self, table: Table) -> None:
        """Add up each currency by itself, by formulas."""
        of, last = xl_col_to_name(self._columns.index("currency")), self._row + 1
        place = self._columns.index("currency")
        for currency in sorted({row[place] for row in table.rows}):
            self._row += 1
            self._sheet.write_string(self._row, place, f"{currency}", self._bold)
            for column, name in enumerate(self._columns):
                if name in self._amounts:
                    letter = xl_col_to_name(column)
                    total = sum(units(row[column]) for row in table.rows if row[place] == currency)
                    formula = f"=SUMIF({of}$2:{of}${last},{of}{self._row + 1},{letter}$2:{letter}${last})"
                    self._sheet.write_formula(self._row, column, formula, self._money, total / 100_000)


def _write_certificates(book: Any, certificates: Iterable[Sequence[Any]]) -> None:
    sheet, number = None, 0
    for number, row in enumerate(certificates):
        if number % ROWS_OF_A_SHEET == 0:
            name = f"Certificates {number // ROWS_OF_A_SHEET + 1}"
            sheet = _Sheet(book, name, CERTIFICATE, frozenset({"balance", "balance_at_consideration"}))
        if sheet is not None:
            sheet.add(row)
