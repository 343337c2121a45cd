"""What the tables of a pack must be to each other."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from drg.schemes.layout import SHEETS, Sheet
from drg.schemes.problems import Problems

Frames = Mapping[str, pl.DataFrame]


def check_tables(tables: Frames, problems: Problems) -> None:
    """Note what is wrong between the tables; a table that is not there is passed over."""
    for sheet in SHEETS:
        if sheet.name in tables:
            _check_references(tables, sheet, problems)


def _check_references(tables: Frames, sheet: Sheet, problems: Problems) -> None:
    frame = tables[sheet.name]
    for column, other, target in sheet.references:
        if other not in tables:
            continue
        known = tables[other][target].drop_nulls().implode()
        wrong = frame.filter(pl.col(column).is_not_null() & ~pl.col(column).is_in(known))
        problems.add_rows(
            f"unknown {column}",
            sheet.file,
            wrong,
            lambda row, column=column, other=other: (  # type: ignore[misc]
                f"{column} {row[column]} does not stand in {other}.csv"
            ),
            f"Correct the {column}, or add it to {other}.csv.",
        )
