"""Codes looked up in reference tables: by their start, the longest or every one that fits."""

from __future__ import annotations

from functools import cache

import polars as pl

from rules import codebooks
from rules.codebooks import SHIPPED, Place, ReferenceTableError

__all__ = ["ReferenceTableError", "every", "longest", "plain", "read", "starting"]


def read(name: str, folder: Place = SHIPPED) -> pl.DataFrame:
    """A reference table with typed columns; ReferenceTableError names file and line."""
    return codebooks.rows_in_force(name, folder)


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
    return (
        codes.unique()
        .drop_nulls()
        .alias("norm")
        .to_frame()
        .join(table, how="cross")
        .filter(pl.col("norm").str.starts_with(pl.col(column)))
    )
