"""The one reader of reference tables: cells to values, and everything wrong with its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from domain.errors import SentinelError
from rules.codebooks.form import COMMON, DATES, SOURCE, TYPED, Column, Kind, Row, Table

LINE: Final = ":line"
"""The column of a table as read that says where in its file a row stands."""
FILE: Final = ":file"
"""The column that says in which file."""
MANUAL: Final = "docs/reference.md lists the columns of each table."


class ReferenceTableError(SentinelError):
    """A reference table is missing, lacks a column, or has a row that does not say what it must."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong in one file; a ``warning`` may be meant and refuses nothing."""

    path: str
    line: int
    what: str
    cure: str
    warning: bool = False

    def __str__(self) -> str:
        mark = "warning: " if self.warning else ""
        return f"{self.path}:{self.line}: {mark}{self.what}. {self.cure}"

    def error(self) -> ReferenceTableError:
        """The fault as an error."""
        return ReferenceTableError(self.what, where=f"{self.path}:{self.line}", cure=self.cure)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A table as far as it could be read: every declared column typed, ``:file`` and ``:line``."""

    frame: pl.DataFrame
    faults: tuple[Fault, ...]


def parse(table: Table, path: Path, content: bytes) -> Parsed:
    """The rows of a file with all that is wrong with them; a faulty row is left out."""
    raw, faults = _cells(table, path, content)
    if raw is None:
        return Parsed(empty(table), tuple(faults))
    typed = raw.select(
        *[TYPED[c.kind](pl.col(c.name)).alias(c.name) for c in _columns(table)], LINE, FILE
    )
    for column in _columns(table):
        faults.extend(_wrong_cells(path, raw, typed, column))
    bad = {fault.line for fault in faults}
    typed = typed.filter(~pl.col(LINE).is_in(sorted(bad)))
    for demand in (*table.rows, _ORDERED):
        faults.extend(unmet(typed, demand))
    bad = {fault.line for fault in faults}
    return Parsed(typed.filter(~pl.col(LINE).is_in(sorted(bad))), tuple(sorted(faults)))


def empty(table: Table) -> pl.DataFrame:
    """A table without rows, as ``parse`` gives it."""
    return pl.DataFrame(schema=dict.fromkeys(table.header, pl.String)).select(
        *[TYPED[c.kind](pl.col(c.name)).alias(c.name) for c in _columns(table)],
        pl.lit(0, pl.UInt32).alias(LINE),
        pl.lit("").alias(FILE),
    )


def unmet(typed: pl.DataFrame, demand: Row) -> Iterator[Fault]:
    """Where a demand on rows is not met; null counts as not."""
    for file, line in typed.filter(~demand.holds.fill_null(value=False)).select(FILE, LINE).rows():
        yield Fault(file, line, demand.fault, f"Correct the line; {MANUAL}")


def clashes(table: Table, typed: pl.DataFrame) -> Iterator[Fault]:
    """Rows of one key that hold on one day (a fault), or leave days between them (a warning)."""
    key = list(table.key)
    ordered = typed.filter(~_NEVER).sort(*key, "valid_from", LINE, nulls_last=False)
    beside = ordered.with_columns(
        pl.col("valid_from").shift(1).over(key).alias(":began"),
        pl.col("valid_to").shift(1).over(key).alias(":ended"),
        pl.col(LINE).shift(1).over(key).alias(":above"),
        pl.col(FILE).shift(1).over(key).alias(":in"),
    ).filter(pl.col(":began").is_not_null())
    lapse = pl.col(":ended") < pl.col("valid_from")
    overlap = pl.col(":ended").is_null() | (pl.col(":ended") > pl.col("valid_from"))
    for row in beside.filter(overlap | lapse).iter_rows(named=True):
        said = " ".join(str(row[k]) for k in key if row[k] is not None)
        other = f"line {row[':above']}" + ("" if row[":in"] == row[FILE] else f" of {row[':in']}")
        ended = row[":ended"]
        if ended is not None and ended < row["valid_from"]:
            yield Fault(
                row[FILE], row[LINE],
                f"{said} holds from {row['valid_from']}, and {other} only until {ended}",
                "If it holds in between too, let the two dates meet.", warning=True,
            )  # fmt: skip
        elif row[":began"] == row["valid_from"]:
            yield Fault(
                row[FILE], row[LINE], f"{said} from {row['valid_from']} stands in {other} already",
                "Keep one of the two lines.",
            )  # fmt: skip
        else:
            yield Fault(
                row[FILE], row[LINE],
                f"{said} holds from {row['valid_from']}, when {other} still holds",
                f"End that line: write {row['valid_from']} as its valid_to.",
            )  # fmt: skip


def _columns(table: Table) -> Sequence[Column]:
    return (*table.columns, *COMMON)


def _cells(table: Table, path: Path, content: bytes) -> tuple[pl.DataFrame | None, list[Fault]]:
    """The cells as texts (empty as null) with ``:line``; None if the file has no such table."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return None, [Fault(str(path), line, "it is not UTF-8", "Save the file as CSV UTF-8.")]
    reader = csv.reader(io.StringIO(text, newline=""))
    header = next(reader, [])
    faults = [
        Fault(str(path), 1, f"column {name} is missing", f"Give the column; {MANUAL}")
        for name in table.header
        if name not in header
    ]
    faults += [
        Fault(str(path), 1, f"column {name!r} is unknown", f"Take it out; {MANUAL}")
        for name in header
        if name not in table.header
    ]
    if not faults and len(set(header)) < len(header):
        faults.append(Fault(str(path), 1, "a column stands twice", "Take one out."))
    if faults:
        return None, faults
    rows: list[list[str]] = []
    lines: list[int] = []
    above = reader.line_num
    for cells in reader:
        line, above = above + 1, reader.line_num
        if not cells:
            continue
        if len(cells) != len(header):
            faults.append(
                Fault(
                    str(path),
                    line,
                    f"the line has {len(cells)} cells, the header {len(header)}",
                    "Put a text that holds a comma into double quotes.",
                )
            )
            continue
        rows.append(cells)
        lines.append(line)
    frame = pl.DataFrame(rows, schema=dict.fromkeys(header, pl.String), orient="row")
    return (
        frame.with_columns(
            pl.when(pl.all() != "").then(pl.all()),
        ).with_columns(pl.Series(LINE, lines, pl.UInt32), pl.lit(str(path)).alias(FILE)),
        faults,
    )


def _wrong_cells(
    path: Path, raw: pl.DataFrame, typed: pl.DataFrame, column: Column
) -> Iterator[Fault]:
    cell, name = pl.col(column.name), column.name
    if column.required:
        for line in raw.filter(cell.is_null())[LINE].to_list():
            what = "the row has no source" if name == SOURCE else f"{name} is empty"
            yield Fault(str(path), line, what, f"Give {column.demand}: {column.meaning}.")
    wrong = raw[name].is_not_null() & typed[name].is_null()
    wrong |= (raw[name] != raw[name].str.strip_chars()).fill_null(value=False)
    if column.pattern:
        wrong |= (~raw[name].str.contains(column.pattern)).fill_null(value=False)
    if column.options and column.kind is Kind.WORDS:
        known = pl.Series(["", *column.options])
        wrong |= ~typed[name].list.eval(pl.element().is_in(known.implode())).list.all()
    elif column.options:
        wrong |= (~raw[name].is_in(list(column.options))).fill_null(value=False)
    for line, value in raw.filter(wrong).select(LINE, name).rows():
        yield Fault(
            str(path), line, f"{name} holds {value!r}, which is not {column.demand}",
            f"Correct the column {name}; {MANUAL}",
        )  # fmt: skip


_NEVER: Final = pl.col("valid_to").is_not_null() & (pl.col("valid_to") <= pl.col("valid_from"))
_ORDERED: Final = Row(
    pl.col("valid_to").is_null() | (pl.col("valid_from") <= pl.col("valid_to")),
    "valid_to lies before valid_from",
)


def ever(typed: pl.DataFrame) -> pl.DataFrame:
    """Without the rows that never hold: those that end the day they begin."""
    return typed.filter(~_NEVER)


__all__ = [
    "DATES", "FILE", "LINE", "Fault", "Parsed", "ReferenceTableError", "clashes", "empty", "ever",
    "parse", "unmet",
]  # fmt: skip
