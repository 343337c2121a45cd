"""Codes looked up in reference tables: by their start, the longest or every one that fits."""

from __future__ import annotations

from functools import cache
from typing import Final

import polars as pl

from rules import codebooks
from rules.codebooks import SHIPPED, Place, ReferenceTableError

__all__ = ["ReferenceTableError", "every", "longest", "named", "plain", "read", "starting"]


def read(name: str, folder: Place = SHIPPED) -> pl.DataFrame:
    """A reference table with typed columns; ReferenceTableError names file and line."""
    return codebooks.rows_in_force(name, folder)


@cache
def named(name: str, column: str, folder: Place = SHIPPED) -> pl.Series:
    """The values of a column of a reference table as one list, to look others up in."""
    return read(name, folder)[column].unique().sort().implode()


def plain(code: str) -> str:
    """A code or prefix as compared: upper case, without dots."""
    return code.strip().upper().replace(".", "")


@cache
def starting(name: str, column: str, folder: Place = SHIPPED) -> pl.DataFrame:
    """A table with ``column`` as compared: without dots, in upper case."""
    return read(name, folder).with_columns(
        pl.col(column).str.to_uppercase().str.replace_all(".", "", literal=True)
    )


def longest(codes: pl.Series, table: pl.DataFrame, column: str = "prefix") -> pl.DataFrame:
    """The row of the longest prefix for each normalised code (``norm``); others are left out."""
    return (
        every(codes, table, column)
        .sort("norm", pl.col(column).str.len_bytes(), descending=[False, True])
        .unique("norm", keep="first", maintain_order=True)
    )


def every(codes: pl.Series, table: pl.DataFrame, column: str = "prefix") -> pl.DataFrame:
    """Each normalised code (``norm``) with every row whose prefix it starts with."""
    asked = codes.unique().drop_nulls().alias("norm").to_frame()
    if asked.height * table.height <= _FEW_PAIRS:
        return asked.join(table, how="cross").filter(pl.col("norm").str.starts_with(pl.col(column)))
    length = table[column].str.len_chars()
    parts = [
        asked.filter(pl.col("norm").str.len_chars() >= reach)
        .with_columns(pl.col("norm").str.head(reach).alias(column))
        .join(table.filter(length == reach), on=column, maintain_order="left_right")
        .select("norm", *table.columns)
        for reach in length.unique().sort()
    ]
    return pl.concat(parts)


_FEW_PAIRS: Final = 500_000
"""Up to so many pairs of code and row each is looked at, which is the quickest for our tables;
a site's table of a whole classification has too many, and is joined by each length of its prefixes."""
