"""From the rows of an authority's file to rows of our tables: each row is taken, unneeded or set aside."""

from __future__ import annotations

import csv
import io
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Final

import polars as pl

from rules.codebooks.force import loaded_anew
from rules.codebooks.form import DATES, SOURCE, Table
from rules.codebooks.layouts.layout import (
    Cells,
    Given,
    Layout,
    Made,
    NothingToSayError,
    NotTakenError,
    plain_code,
)
from rules.codebooks.layouts.sheet import LayoutError, Line, Sheet, plain_heading
from rules.codebooks.reading import FILE, LINE, ever, parse
from rules.codebooks.tables import TABLES

Key = tuple[str, ...]


class Fate(StrEnum):
    """What became of a row of the file."""

    TAKEN = "taken"
    UNNEEDED = "unneeded"
    """Understood, and no table needs a row for it."""
    SET_ASIDE = "set aside"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A row of the file (``line`` from 1) with its fate, the reason, and the rows made of it."""

    line: int
    fate: Fate
    reason: str = ""
    rows: tuple[tuple[str, Mapping[str, str]], ...] = ()
    """(table, full row of it)"""


@dataclass(frozen=True, slots=True)
class Conversion:
    """All rows of a file with their fates; ``ignored`` are columns that the layout does not know."""

    layout: Layout
    sheet: Sheet
    outcomes: tuple[Outcome, ...]
    ignored: tuple[str, ...]

    def count(self, fate: Fate) -> int:
        """How many rows of the file had that fate."""
        return sum(outcome.fate is fate for outcome in self.outcomes)


class Standing:
    """The rows in force on a day, as texts by key: what a partial row of a list is completed by."""

    def __init__(self, folder: Path, day: date, tables: Iterable[str]) -> None:
        self.rows: dict[str, dict[Key, dict[str, str]]] = {}
        self.later: dict[str, dict[Key, str]] = {}
        for name in tables:
            table = TABLES[name]
            frame = ever(loaded_anew(name, folder).frame)
            ended = pl.col("valid_to").is_not_null() & (pl.col("valid_to") <= day)
            self.rows[name] = by_key(table, frame.filter((pl.col("valid_from") <= day) & ~ended))
            self.later[name] = {
                key: row["valid_from"]
                for key, row in by_key(
                    table,
                    frame.filter(pl.col("valid_from") > day).sort("valid_from", descending=True),
                ).items()
            }


def given_by(
    folder: Path, day: date, *, source: str, region: str = "", defaults: Mapping[str, str]
) -> Given:
    """What conversions look up in the tables in force on a day."""
    held = Standing(folder, day, ("items", "condition_words", "drug_indications", "operations"))
    rows = held.rows
    return Given(
        valid_from=day,
        source=source,
        region=region,
        items={row["item_code"]: row["name_zh"] for row in rows["items"].values()},
        words={
            row["word"]: tuple(row["prefixes"].split())
            for row in rows["condition_words"].values()
            if row["system"] == "ICD-10-CN"
        },
        justified={
            row["item_code"]: row["prefixes"]
            for row in rows["drug_indications"].values()
            if row["purpose"] == "payable"
        },
        levels={
            plain_code(row["prefix"]): row["anaesthesia"] == "true"
            for row in rows["operations"].values()
        },
        defaults=defaults,
    )


def by_key(table: Table, frame: pl.DataFrame) -> dict[Key, dict[str, str]]:
    """The rows of a table as texts by their key; of several the last."""
    words = [n for n, kind in frame.schema.items() if isinstance(kind, pl.List)]
    shown = frame.with_columns(pl.col(words).list.join(" ")) if words else frame
    rows = {}
    for row in shown.drop(LINE, FILE).iter_rows(named=True):
        cells = {n: _text(v) for n, v in row.items()}
        rows[tuple(cells[k] for k in table.key)] = cells
    return rows


def convert(layout: Layout, sheet: Sheet, given: Given, standing: Standing) -> Conversion:
    """Each row of the file with its fate; LayoutError if the file lacks a heading that it must have."""
    fields = _matched(layout, sheet)
    rows = [(line, _cells(line, fields, given.defaults, layout)) for line in sheet.lines]
    if layout.marks is not None:
        codes = dict(sorted(_all_codes(layout, [cells for _, cells in rows]).items()))
        given = replace(given, codes=codes, ordered=tuple(codes))
    outcomes = [_outcome(layout, line, cells, given, standing) for line, cells in rows]
    return Conversion(
        layout,
        sheet,
        tuple(_consistent(_readable(outcomes))),
        tuple(h for h in sheet.headings if h not in fields),
    )


def _matched(layout: Layout, sheet: Sheet) -> dict[str, str]:
    """Heading of the file -> field; LayoutError names what is missing, or what two columns claim."""
    known = layout.headings()
    fields: dict[str, str] = {}
    for heading in sheet.headings:
        name = known.get(plain_heading(heading))
        if name is None:
            continue
        if name in fields.values():
            other = next(h for h, n in fields.items() if n == name)
            raise LayoutError(
                f"{heading} and {other} both say {name}", where=str(sheet.path),
                cure="Take one of the two columns out, or rename it.",
            )  # fmt: skip
        fields[heading] = name
    for field in layout.fields:
        if field.required and field.name not in fields.values():
            raise LayoutError(
                f"no column is headed {' or '.join(field.headings[:4])}; found: {', '.join(sheet.headings)}",
                where=str(sheet.path),
                cure=f"Name the column so, if one holds the {field.meaning or field.name}. Is it the layout {layout.name}?",
            )
    return fields


def _cells(line: Line, fields: Mapping[str, str], defaults: Mapping[str, str], layout: Layout) -> Cells:  # fmt: skip
    cells = {name: line.cells.get(heading, "") for heading, name in fields.items()}
    for field in layout.fields:
        if field.name in defaults and not cells.get(field.name, "").strip():
            cells[field.name] = defaults[field.name]
    return cells


def _all_codes(layout: Layout, rows: Sequence[Cells]) -> dict[str, bool]:
    codes: dict[str, bool] = {}
    for cells in rows:
        try:
            code, marked = layout.marks(cells) if layout.marks else ("", False)
        except NotTakenError:
            code, marked = plain_code(cells.get("code", "")), False
        if code:
            codes[code] = marked
    return codes


def _outcome(layout: Layout, line: Line, cells: Cells, given: Given, standing: Standing) -> Outcome:
    try:
        if line.cells.get(""):
            raise NotTakenError("a cell stands beyond the last heading: the row may be shifted")
        made = layout.convert(cells, given)
        rows = tuple((one.table, _full(one, given, standing)) for one in made)
    except NothingToSayError as said:
        return Outcome(line.number, Fate.UNNEEDED, str(said))
    except NotTakenError as said:
        return Outcome(line.number, Fate.SET_ASIDE, str(said))
    return Outcome(line.number, Fate.TAKEN, "", rows)


def _full(made: Made, given: Given, standing: Standing) -> dict[str, str]:
    """The whole row: what the file says, over the row in force, over the defaults."""
    table = TABLES[made.table]
    key = tuple(made.cells.get(k, "") for k in table.key)
    base = standing.rows[made.table].get(key, {})
    row = {c.name: base.get(c.name, "") for c in table.columns}
    for name, text in made.cells.items():
        if text.startswith("+"):
            row[name] = " ".join(sorted({*row[name].split(), text[1:]}))
        elif text:
            row[name] = text
    for column in table.columns:
        if not row[column.name]:
            row[column.name] = given.defaults.get(column.name, "")
        if column.required and not row[column.name]:
            raise NotTakenError(
                f"{made.table} needs {column.name} ({column.meaning or column.name}), which neither the file "
                f"nor a row in force says: give --set {column.name}=.."
            )
    if base and all(row[c.name] == base[c.name] for c in table.columns):
        # Nothing new: the row in force stays as it is, and none is written.
        return {n: text for n, text in base.items() if n not in NOT_OURS}
    return row | {
        "valid_from": str(given.valid_from),
        "valid_to": standing.later[made.table].get(key, ""),
        "source": given.source,
    }


def _readable(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Rows that our own reader would refuse are set aside with what it says."""
    refused: dict[int, str] = {}
    for name, table in TABLES.items():
        texts, places, line = [lines_of(table, [])], list[tuple[int, int]](), 2
        for place, outcome in enumerate(outcomes):
            for of, row in outcome.rows:
                if of == name and "valid_from" in row:
                    texts.append(lines_of(table, [row]).split("\n", 1)[1])
                    places.append((line, place))
                    line += texts[-1].count("\n")
        if places:
            starts = [start for start, _ in places]
            for fault in parse(table, Path(table.file), "".join(texts).encode()).faults:
                place = places[bisect_right(starts, fault.line) - 1][1]
                refused.setdefault(place, f"{name}: {fault.what}")
    return [
        Outcome(outcome.line, Fate.SET_ASIDE, refused[place]) if place in refused else outcome
        for place, outcome in enumerate(outcomes)
    ]


def _consistent(outcomes: Sequence[Outcome]) -> Iterable[Outcome]:
    """Rows of the file that contradict an earlier one of the same key are set aside."""
    said: dict[tuple[str, Key], tuple[int, Mapping[str, str]]] = {}
    for outcome in outcomes:
        clash = ""
        for name, row in outcome.rows:
            key = (name, tuple(row[k] for k in TABLES[name].key))
            line, before = said.get(key, (0, row))
            if dict(before) != dict(row):
                clash = (
                    f"line {line} says otherwise of {' '.join(k for k in key[1] if k)} in {name}"
                )
                break
        if clash:
            yield Outcome(outcome.line, Fate.SET_ASIDE, clash)
            continue
        for name, row in outcome.rows:
            said.setdefault((name, tuple(row[k] for k in TABLES[name].key)), (outcome.line, row))
        yield outcome


def lines_of(table: Table, rows: Iterable[Mapping[str, str]]) -> str:
    """A table as CSV text with its header."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, table.header, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


NOT_OURS: Final = (*DATES, SOURCE)
"""Columns that a list does not fill."""
