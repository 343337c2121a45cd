"""Reference tables of cost: what class an item is of, and what a group usually costs."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Final

import polars as pl

from rules.codebooks import SHIPPED, Place, rows_in_force
from rules.facts import reference

ALWAYS: Final = date(9999, 1, 1)
"""Stands for an empty ``valid_to``."""

FEW: Final = 30
"""Fewer cases than this have no 95th percentile worth the name."""


@cache
def item_classes(folder: Place = SHIPPED) -> pl.DataFrame:
    """item_code, class, valid_from, valid_to of each classed item; an item has one class a day."""
    listed = _ending(rows_in_force("item_classes", folder)).select(
        "item_code", "class", "valid_from", "valid_to"
    )
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


def with_item_class(lines: pl.LazyFrame, day: str, folder: Place = SHIPPED) -> pl.LazyFrame:
    """The lines with ``class`` of their item on their day; null for an item that has none."""
    return reference.join_dated(lines, day, item_classes(folder), "class")


@cache
def benchmarks(measures: tuple[str, ...], folder: Place = SHIPPED) -> pl.DataFrame:
    """What groups usually cost: ``row``, ``cell``, ``currency``, dates, mean and p95 of each measure.

    Amounts are whole fen, days have decimals. A cell is a group or an ADRG. Errors name
    the file and line.
    """
    names = [f"{m}_{part}" for m in measures for part in ("mean", "p95")]
    table = _ending(rows_in_force("group_benchmarks", folder))
    found = table.select("cell", "currency", "valid_from", "valid_to", *names)
    return found.sort("valid_from", "cell").with_row_index("row")


def find_rows(
    stays: pl.DataFrame, key: str, measures: tuple[str, ...], folder: Place = SHIPPED
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


def _ending(table: pl.DataFrame) -> pl.DataFrame:
    """With a day that never comes as ``valid_to`` of the rows that still hold."""
    return table.with_columns(pl.col("valid_to").fill_null(ALWAYS))
