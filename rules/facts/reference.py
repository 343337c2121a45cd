"""Dated code tables: CSV files with a ``source`` column, read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import polars as pl

from domain.errors import SentinelError

FOLDER: Final = Path(__file__).resolve().parent.parent / "reference"
"""The tables that ship with the rules; an installation may point elsewhere."""

ITEM_FLAGS: Final = (
    "antibacterial", "bed", "clinical", "hourly", "newborn_bed", "nursing_1", "nursing_2",
    "nursing_3", "nursing_special", "repeatable", "ventilation",
)  # fmt: skip
"""The flags that ``items.csv`` may carry."""


@cache
def items(folder: Path = FOLDER) -> pl.DataFrame:
    """The tariff: item_code, valid_from, valid_to and one boolean column a flag."""
    raw = _read(folder / "items.csv")
    words = pl.col("flags").fill_null("").str.split(" ")
    return raw.select(
        "item_code",
        pl.col("valid_from").str.to_date(),
        pl.col("valid_to").str.to_date(),
        *[words.list.contains(flag).alias(f"is_{flag}") for flag in ITEM_FLAGS],
    ).sort("valid_from", "item_code")


@cache
def procedure_codes(meaning: str, folder: Path = FOLDER) -> tuple[str, ...]:
    """The procedure codes with that meaning, without dots."""
    table = _read(folder / "procedures.csv").filter(pl.col("meaning") == meaning)
    return tuple(table["code"].str.replace_all(".", "", literal=True).to_list())


@cache
def diagnosis_prefixes(meaning: str, folder: Path = FOLDER) -> tuple[tuple[str, str], ...]:
    """(diagnosis system, code prefix without dots) of each row with that meaning."""
    table = _read(folder / "diagnoses.csv").filter(pl.col("meaning") == meaning)
    return tuple(
        zip(
            table["system"].to_list(),
            table["prefix"].str.replace_all(".", "", literal=True).to_list(),
            strict=True,
        )
    )


@cache
def required_fields(folder: Path = FOLDER) -> tuple[tuple[str, str], ...]:
    """(claim type, field) of each field that a settlement list must fill."""
    table = _read(folder / "required_fields.csv")
    return tuple(zip(table["claim_type"].to_list(), table["field"].to_list(), strict=True))


def with_items(lines: pl.LazyFrame, day: str, folder: Path = FOLDER) -> pl.LazyFrame:
    """The lines with the flags of their item on their day; null where the tariff lacks it."""
    return join_dated(lines, day, items(folder), *[f"is_{flag}" for flag in ITEM_FLAGS])


SETTINGS: Final = ("ward", "clinic", "parenteral", "vehicle", "oral")
"""What ``settings.csv`` may say of a treatment (the first two) or a drug; a vehicle is a fluid
that carries drugs or salts, given in a ward but for any disease."""


@cache
def settings(folder: Path = FOLDER) -> pl.DataFrame:
    """item_code, setting, valid_from, valid_to; SentinelError names the line of a wrong setting."""
    path = folder / "settings.csv"
    raw = _read(path).with_row_index("line", offset=2)
    wrong = raw.filter(~pl.col("setting").is_in(SETTINGS))
    if wrong.height:
        raise SentinelError(
            f"setting {wrong['setting'][0]!r} is not one of {', '.join(SETTINGS)}",
            where=f"{path}:{wrong['line'][0]}",
            cure="Write one of them, or leave the item out.",
        )
    return raw.select("item_code", "setting", pl.col("valid_from", "valid_to").str.to_date()).sort(
        "valid_from", "item_code"
    )


@cache
def classes(folder: Path = FOLDER) -> pl.DataFrame:
    """item_code, tariff_class (insurance class in the tariff), valid_from, valid_to."""
    return (
        _read(folder / "items.csv")
        .select(
            "item_code",
            pl.col("insurance_class").alias("tariff_class"),
            pl.col("valid_from", "valid_to").str.to_date(),
        )
        .sort("valid_from", "item_code")
    )


def with_settings(lines: pl.LazyFrame, day: str, folder: Path = FOLDER) -> pl.LazyFrame:
    """The lines with the ``setting`` of their item on their day; null where the table lacks it."""
    return join_dated(lines, day, settings(folder), "setting")


def with_classes(lines: pl.LazyFrame, day: str, folder: Path = FOLDER) -> pl.LazyFrame:
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


def sha_paths(folder: Path = FOLDER) -> list[Path]:
    """The files whose bytes belong to the digest of a rule set, in order."""
    return sorted(folder.glob("*.csv"))


def _read(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False)
