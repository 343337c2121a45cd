"""Reference tables of cost: what class an item is of, and what a group usually costs."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

import polars as pl

from domain.errors import SentinelError
from rules.facts import reference
from rules.facts.reference import FOLDER

ITEM_CLASSES: Final = ("blood_product", "intensive_bed")
"""The classes that ``item_classes.csv`` may name; antibacterials are flagged in ``items.csv``."""

ALWAYS: Final = date(9999, 1, 1)
"""Stands for an empty ``valid_to``."""

FEW: Final = 30
"""Fewer cases than this have no 95th percentile worth the name."""


@cache
def item_classes(folder: Path = FOLDER) -> pl.DataFrame:
    """item_code, class, valid_from, valid_to of each classed item; an item has one class a day."""
    path = folder / "item_classes.csv"
    table = _dated(path, ("item_code", "class", "source"))
    _demand(table, pl.col("class").is_in(ITEM_CLASSES), path, "class", f"one of {ITEM_CLASSES}")
    listed = table.select("item_code", "class", "valid_from", "valid_to")
    flagged = (
        reference.items(folder)
        .filter("is_antibacterial")
        .select(
            "item_code",
            pl.lit("antibacterial").alias("class"),
            "valid_from",
            pl.col("valid_to").fill_null(ALWAYS),
        )
    )
    return pl.concat([listed, flagged]).sort("valid_from", "item_code")


def with_item_class(lines: pl.LazyFrame, day: str, folder: Path = FOLDER) -> pl.LazyFrame:
    """The lines with ``class`` of their item on their day; null for an item that has none."""
    return reference.join_dated(lines, day, item_classes(folder), "class")


@cache
def benchmarks(measures: tuple[str, ...], folder: Path = FOLDER) -> pl.DataFrame:
    """What groups usually cost: ``row``, ``cell``, ``currency``, dates, mean and p95 of each measure.

    Amounts are whole fen, days have decimals. A cell is a group or an ADRG. Errors name
    the file and line.
    """
    path = folder / "group_benchmarks.csv"
    names = [f"{m}_{part}" for m in measures for part in ("mean", "p95")]
    table = _dated(path, ("cell", "currency", "cases", "source", *names))
    for name in names:
        number = pl.col(name).cast(pl.Float64, strict=False)
        _demand(
            table, pl.col(name).is_null() | (number >= 0).fill_null(value=False),
            path, name, "a number from 0 on, or nothing",
        )  # fmt: skip
    twice = table.select("cell", "currency", "valid_from").is_duplicated()
    _demand(
        table.with_columns(twice=twice), ~pl.col("twice"), path, "cell", "each cell once a date"
    )
    found = table.select(
        "cell", "currency", "valid_from", "valid_to", pl.col(names).cast(pl.Float64)
    )
    return found.sort("valid_from", "cell").with_row_index("row")


def find_rows(
    stays: pl.DataFrame, key: str, measures: tuple[str, ...], folder: Path = FOLDER
) -> pl.Series:
    """The row of ``benchmarks`` that holds for each stay (``key``, ``currency``, ``day``), or null.

    The stays are sorted by day.
    """
    table = benchmarks(measures, folder).select("row", "cell", "currency", "valid_from", "valid_to")
    keys = ["cell", "currency"]
    asked = stays.select("currency", "day", cell=key)
    if not table.select(keys).is_duplicated().any():
        joined = asked.join(table, on=keys, how="left", maintain_order="left")
    else:
        joined = asked.join_asof(
            table, left_on="day", right_on="valid_from", by=keys, strategy="backward",
            check_sortedness=False,
        )  # fmt: skip
    return joined.select(_holding("day", "row"))["row"]


def _holding(day: str, *names: str) -> pl.Expr:
    holds = (pl.col("valid_from") <= pl.col(day)) & (pl.col(day) < pl.col("valid_to"))
    return pl.when(holds).then(pl.col(*names))


def _dated(path: Path, needed: tuple[str, ...]) -> pl.DataFrame:
    if not path.is_file():
        raise SentinelError(
            f"the reference table {path.name} is missing",
            where=str(path),
            cure="Put the file there; rules/reference/README.md says what it holds.",
        )
    table = pl.read_csv(path, infer_schema=False)
    absent = [n for n in (*needed, "valid_from", "valid_to") if n not in table.columns]
    if absent:
        raise SentinelError(
            f"the reference table {path.name} lacks the column {absent[0]}",
            where=f"{path}:1",
            cure="Add it; rules/reference/README.md says what it holds.",
        )
    for name in ("valid_from", "valid_to"):
        read = pl.col(name).str.to_date(strict=False)
        fine = read.is_not_null()
        if name == "valid_to":
            fine |= pl.col(name).is_null()
        _demand(table, fine, path, name, "a date such as 2024-01-01")
    return table.with_columns(
        pl.col("valid_from").str.to_date(), pl.col("valid_to").str.to_date().fill_null(ALWAYS)
    )


def _demand(table: pl.DataFrame, holds: pl.Expr, path: Path, name: str, what: str) -> None:
    wrong = table.with_row_index("line", offset=2).filter(~holds)
    if wrong.height:
        raise SentinelError(
            f"{path.name} says {wrong[name][0]!r} under {name}, where {what} must stand",
            where=f"{path}:{wrong['line'][0]}",
            cure="Correct the line.",
        )
