"""The form of a reference table: its columns, its key, and what its rows must say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import polars as pl


class Kind(StrEnum):
    """What a cell holds."""

    TEXT = "text"
    WHOLE = "whole number"
    AMOUNT = "decimal"
    """Exact, at most six decimals."""
    NUMBER = "number"
    DAY = "date"
    FLAG = "true or false"
    WORDS = "words"
    """Codes separated by single blanks."""


class Dating(StrEnum):
    """Which day a row's dates are compared with."""

    LINE = "line"
    """The day of the charge line or order, or the day of service; the fact compares them."""
    CLAIM = "claim"
    """The day of service of the claim: the discharge, else the admission."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: ``options`` are all values that it may hold, ``pattern`` what they look like.

    ``note`` marks a column that is there for people and that no fact reads.
    """

    name: str
    kind: Kind = Kind.TEXT
    meaning: str = ""
    required: bool = True
    options: tuple[str, ...] = ()
    pattern: str = ""
    looks_like: str = ""
    note: bool = False

    @property
    def demand(self) -> str:
        """What must stand there, in words that follow "is not"."""
        if self.looks_like:
            return self.looks_like
        if self.options:
            return f"one of {', '.join(self.options)}"
        return _DEMANDS[self.kind]


@dataclass(frozen=True, slots=True)
class Row:
    """A demand on a whole row: ``holds`` is an expression over the typed columns."""

    holds: pl.Expr
    fault: str


@dataclass(frozen=True, slots=True)
class Table:
    """A reference table.

    ``key``: the columns of which two rows must not hold on one day. ``missing`` says what
    it means that a row is not there. ``rows`` are demands on each row, ``whole`` on the table
    as it is read.
    """

    name: str
    zh: str
    en: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    missing: str
    dating: Dating = Dating.CLAIM
    rows: tuple[Row, ...] = ()
    whole: tuple[Row, ...] = ()

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.name}.csv"

    @property
    def header(self) -> tuple[str, ...]:
        """All columns of the file in their order: its own, the dates, the source."""
        return (*[c.name for c in self.columns], *DATES, SOURCE)

    @property
    def read_columns(self) -> tuple[Column, ...]:
        """Its own columns that facts read."""
        return tuple(c for c in self.columns if not c.note)

    def column(self, name: str) -> Column:
        """The column of that name, dates and source included; KeyError if there is none."""
        for column in (*self.columns, *COMMON):
            if column.name == name:
                return column
        raise KeyError(name)


DATES: Final = ("valid_from", "valid_to")
SOURCE: Final = "source"
COMMON: Final = (
    Column("valid_from", Kind.DAY, "first day on which the row holds"),
    Column("valid_to", Kind.DAY, "first day on which it no longer holds; empty while it does", required=False),
    Column("source", meaning="where the row comes from"),
)  # fmt: skip
"""The columns that every table ends with."""

_DEMANDS: Final[Mapping[Kind, str]] = {
    Kind.TEXT: "a text",
    Kind.WHOLE: "a whole number",
    Kind.AMOUNT: "a decimal from 0 on with at most six places",
    Kind.NUMBER: "a number from 0 on",
    Kind.DAY: "a date such as 2024-01-31",
    Kind.FLAG: "true or false",
    Kind.WORDS: "codes separated by single blanks",
}

TYPED: Final[Mapping[Kind, Callable[[pl.Expr], pl.Expr]]] = {
    Kind.TEXT: lambda cell: cell,
    Kind.WHOLE: lambda cell: _fits(cell, r"^\d{1,15}$").cast(pl.Int64, strict=False),
    Kind.AMOUNT: lambda cell: _fits(cell, r"^\d{1,18}(\.\d{1,6})?$").cast(pl.Decimal(38, 6)),
    Kind.NUMBER: lambda cell: _fits(cell, r"^\d{1,15}(\.\d+)?$").cast(pl.Float64, strict=False),
    Kind.DAY: lambda cell: _fits(cell, r"^\d{4}-\d\d-\d\d$").str.to_date(strict=False),
    Kind.FLAG: lambda cell: cell.replace_strict({"true": True, "false": False}, default=None),
    Kind.WORDS: lambda cell: cell.fill_null("").str.split(" "),
}
"""From the text of a cell to its value; null where the text does not say one."""


def _fits(cell: pl.Expr, pattern: str) -> pl.Expr:
    return pl.when(cell.str.contains(pattern)).then(cell)
