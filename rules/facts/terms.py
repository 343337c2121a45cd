"""What the tariff says of an item and of two items together: dated, regional tables of rules/reference."""

from __future__ import annotations

from functools import cache

import polars as pl

from rules.codebooks import SHIPPED, Place, rows_in_force


@cache
def item_terms(folder: Place = SHIPPED) -> pl.DataFrame:
    """item_code, term, value, region_code, valid_from, valid_to; ReferenceTableError names the row."""
    return _everywhere(rows_in_force("item_terms", folder))


@cache
def item_pairs(folder: Place = SHIPPED) -> pl.DataFrame:
    """relation, item_code (the main item), other_code, window, value, region_code and dates."""
    return _everywhere(rows_in_force("item_pairs", folder))


@cache
def price_caps(folder: Place = SHIPPED) -> pl.DataFrame:
    """item_code, region_code, provider_level, cap_yuan (Decimal), valid_from, valid_to."""
    return _everywhere(rows_in_force("price_caps", folder)).with_columns(
        pl.col("provider_level").fill_null(""), pl.col("cap_yuan").cast(pl.Decimal(18, 6))
    )


@cache
def item_prices(folder: Place = SHIPPED) -> pl.DataFrame:
    """item_code, price_yuan (Decimal), region_code (everywhere), valid_from, valid_to of the tariff."""
    return rows_in_force("items", folder).select(
        "item_code",
        pl.col("unit_price_yuan").cast(pl.Decimal(18, 6)).alias("price_yuan"),
        pl.lit("").alias("region_code"),
        "valid_from",
        "valid_to",
    )


def applicable(lines: pl.DataFrame, table: pl.DataFrame, *, on: str = "item_code") -> pl.DataFrame:
    """Each line with the rows of the table that hold for its item, day and region.

    ``lines`` has ``item_code``, ``charge_date``, ``region_code``; ``on`` is the column of
    the table that names the item. A region's row holds beside the national one; the
    caller takes the longest ``term_region``.
    """
    rows = table.rename({"region_code": "term_region"})
    if on != "item_code":
        rows = rows.rename({"item_code": "main_code", on: "item_code"})
    day = pl.col("charge_date")
    return lines.join(rows, on="item_code", how="inner").filter(
        (pl.col("valid_from") <= day)
        & (pl.col("valid_to").is_null() | (day < pl.col("valid_to")))
        & pl.col("region_code").fill_null("").str.starts_with(pl.col("term_region"))
    )


def _everywhere(table: pl.DataFrame) -> pl.DataFrame:
    """With an empty region, the beginning of every other, instead of null."""
    return table.with_columns(pl.col("region_code").fill_null(""))
