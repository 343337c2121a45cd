"""The tables of items and of codes with a meaning, as facts join them to lines."""

from __future__ import annotations

from functools import cache
from typing import Final

import polars as pl

from rules.codebooks import SHIPPED, Place, rows_in_force
from rules.codebooks.item_tables import ITEM_FLAGS

FOLDER: Final = SHIPPED
"""The tables that ship with the rules; an installation may lay its own over them."""


@cache
def items(folder: Place = FOLDER) -> pl.DataFrame:
    """The tariff: item_code, valid_from, valid_to and one boolean column a flag."""
    return (
        rows_in_force("items", folder)
        .select(
            "item_code",
            "valid_from",
            "valid_to",
            *[pl.col("flags").list.contains(flag).alias(f"is_{flag}") for flag in ITEM_FLAGS],
        )
        .sort("valid_from", "item_code")
    )


@cache
def procedure_codes(meaning: str, folder: Place = FOLDER) -> tuple[str, ...]:
    """The procedure codes with that meaning, without dots."""
    table = rows_in_force("procedures", folder).filter(meaning=meaning)
    return tuple(table["code"].str.replace_all(".", "", literal=True).to_list())


@cache
def diagnosis_prefixes(meaning: str, folder: Place = FOLDER) -> tuple[tuple[str, str], ...]:
    """(diagnosis system, code prefix without dots) of each row with that meaning."""
    table = rows_in_force("diagnoses", folder).filter(meaning=meaning)
    return tuple(
        zip(
            table["system"].to_list(),
            table["prefix"].str.replace_all(".", "", literal=True).to_list(),
            strict=True,
        )
    )


@cache
def required_fields(folder: Place = FOLDER) -> tuple[tuple[str, str], ...]:
    """(claim type, field) of each field that a settlement list must fill."""
    table = rows_in_force("required_fields", folder)
    return tuple(zip(table["claim_type"].to_list(), table["field"].to_list(), strict=True))


def with_items(lines: pl.LazyFrame, day: str, folder: Place = FOLDER) -> pl.LazyFrame:
    """The lines with the flags of their item on their day; null where the tariff lacks it."""
    return join_dated(lines, day, items(folder), *[f"is_{flag}" for flag in ITEM_FLAGS])


@cache
def settings(folder: Place = FOLDER) -> pl.DataFrame:
    """item_code, setting, valid_from, valid_to; ReferenceTableError names the line of a wrong setting."""
    return rows_in_force("settings", folder).sort("valid_from", "item_code")


@cache
def classes(folder: Place = FOLDER) -> pl.DataFrame:
    """item_code, tariff_class (insurance class in the tariff), valid_from, valid_to."""
    return (
        rows_in_force("items", folder)
        .select(
            "item_code",
            pl.col("insurance_class").alias("tariff_class"),
            "valid_from",
            "valid_to",
        )
        .sort("valid_from", "item_code")
    )


def with_settings(lines: pl.LazyFrame, day: str, folder: Place = FOLDER) -> pl.LazyFrame:
    """The lines with the ``setting`` of their item on their day; null where the table lacks it."""
    return join_dated(lines, day, settings(folder), "setting")


def with_classes(lines: pl.LazyFrame, day: str, folder: Place = FOLDER) -> pl.LazyFrame:
    """The lines with the ``tariff_class`` of their item on their day; null where it is unknown."""
    return join_dated(lines, day, classes(folder), "tariff_class")


def join_dated(lines: pl.LazyFrame, day: str, table: pl.DataFrame, *values: str) -> pl.LazyFrame:
    """The lines with ``values`` of the row that holds for their item on their day, else null.

    ``table`` has item_code, valid_from (inclusive), valid_to (exclusive, null while it
    holds), sorted by valid_from.
    """
    if table["item_code"].is_unique().all():
        joined = lines.join(table.lazy(), on="item_code", how="left")
    else:
        joined = lines.sort(day).join_asof(
            table.lazy(),
            left_on=day,
            right_on="valid_from",
            by="item_code",
            strategy="backward",
            check_sortedness=False,
        )
    holds = pl.col("valid_from") <= pl.col(day)
    holds &= pl.col("valid_to").is_null() | (pl.col(day) < pl.col("valid_to"))
    return joined.with_columns(pl.when(holds).then(pl.col(*values))).drop("valid_from", "valid_to")
