"""What changes between two folders of reference tables, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from rules.codebooks.force import loaded_anew, present
from rules.codebooks.form import Table
from rules.codebooks.reading import FILE, LINE, ever
from rules.codebooks.tables import TABLES


@dataclass(frozen=True, slots=True)
class Change:
    """One row that is ``added``, ``removed`` or ``altered``: its key, first day and cells."""

    table: str
    kind: str
    key: tuple[str, ...]
    since: date
    cells: tuple[tuple[str, str, str], ...] = ()

    def __str__(self) -> str:
        sign = {"added": "+", "removed": "-", "altered": "~"}[self.kind]
        told = "; ".join(
            f"{name}: {old or 'empty'} -> {new or 'empty'}" for name, old, new in self.cells
        )
        return f"{sign} {self.table} {' '.join(self.key)} from {self.since}" + (f": {told}" if told else "")  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """The change as plain data."""
        return {
            "table": self.table,
            "kind": self.kind,
            "key": list(self.key),
            "since": str(self.since),
            "cells": {name: {"old": old, "new": new} for name, old, new in self.cells},
        }


def compare(old: Path, new: Path) -> list[Change]:
    """Every row that the two differ by, as laid over ours where a folder is a site's.

    ReferenceTableError if a table of either is faulty.
    """
    before, after = set(present(old)), set(present(new))
    changes: list[Change] = []
    for name, table in TABLES.items():
        sides = [_texts(table, f) if name in have else {} for f, have in ((old, before), (new, after))]  # fmt: skip
        changes.extend(_of_table(table, *sides))
    return changes


_Rows = dict[tuple[tuple[str, ...], date], dict[str, str]]


def _texts(table: Table, folder: Path) -> _Rows:
    loaded = loaded_anew(table.name, folder)
    for fault in loaded.faults:
        if not fault.warning:
            raise fault.error()
    frame = ever(loaded.frame).drop(LINE, FILE)
    words = [n for n, kind in frame.schema.items() if isinstance(kind, pl.List)]
    shown = frame.with_columns(pl.col(words).list.join(" ")) if words else frame
    rows: _Rows = {}
    for row in shown.iter_rows(named=True):
        cells = {n: "" if v is None else str(v) for n, v in row.items()}
        rows[tuple(cells[k] for k in table.key), row["valid_from"]] = cells
    return rows


def _of_table(table: Table, old: _Rows, new: _Rows) -> list[Change]:
    changes = []
    for place in sorted({*old, *new}):
        key, since = place
        if place not in new:
            changes.append(Change(table.name, "removed", key, since))
        elif place not in old:
            changes.append(Change(table.name, "added", key, since))
        else:
            cells = tuple(
                (n, old[place][n], value)
                for n, value in new[place].items()
                if old[place][n] != value
            )
            if cells:
                changes.append(Change(table.name, "altered", key, since, cells))
    return changes
