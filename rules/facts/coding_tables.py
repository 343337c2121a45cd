"""The reference tables of diagnosis coding, checked when they are read."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import polars as pl

from domain import codes
from domain.errors import SentinelError
from rules.facts.reference import FOLDER

RELATIONS: Final = ("needs", "dagger", "excludes")
"""How two diagnoses may depend on each other (``diagnosis_partners.csv``)."""


@cache
def meanings(folder: Path = FOLDER) -> pl.DataFrame:
    """Meanings of diagnosis codes (``diagnoses.csv``): meaning, system, prefix."""
    return _prefixed(_read(folder / "diagnoses.csv", ("meaning", "system", "prefix", "source")))


@cache
def limits(folder: Path = FOLDER) -> pl.DataFrame:
    """Diagnoses of one sex or an age: system, prefix, sex, min_age_years, max_age_years."""
    path = folder / "limited_diagnoses.csv"
    table = _read(path, ("system", "prefix", "sex", "min_age_years", "max_age_years", "source"))
    _demand(
        path,
        table,
        pl.col("sex").is_null() | pl.col("sex").is_in(["1", "2"]),
        "sex is not 1, 2 or empty",
    )
    ages = ("min_age_years", "max_age_years")
    for name in ages:
        number = pl.col(name).is_null() | pl.col(name).str.contains(r"^\d{1,3}$")
        _demand(path, table, number, f"{name} is not a whole number")
    limited = pl.any_horizontal(pl.col("sex", *ages).is_not_null())
    _demand(path, table, limited, "the row limits neither sex nor age")
    return _prefixed(table).with_columns(pl.col(ages).cast(pl.Int64))


@cache
def partners(folder: Path = FOLDER) -> pl.DataFrame:
    """Diagnoses that depend on each other: relation, rule, side, system, prefix."""
    path = folder / "diagnosis_partners.csv"
    table = _read(path, ("relation", "rule", "side", "system", "prefix", "source"))
    _demand(
        path,
        table,
        pl.col("relation").is_in(RELATIONS),
        f"relation is none of {', '.join(RELATIONS)}",
    )
    _demand(path, table, pl.col("side").is_in(["of", "with"]), "side is neither of nor with")
    whole = pl.col("side").n_unique().over("relation", "rule") == 2
    _demand(path, table, whole, "the rule has only one side")
    return _prefixed(table)


@cache
def words(folder: Path = FOLDER) -> pl.DataFrame:
    """Words of diagnosis names and where their codes begin: word, system, prefix."""
    return _prefixed(_read(folder / "diagnosis_names.csv", ("word", "system", "prefix", "source")))


@cache
def indications(folder: Path = FOLDER) -> pl.DataFrame:
    """Items and diagnoses one of which they imply: item_code, system, prefix, valid_from, valid_to."""
    path = folder / "items_with_indication.csv"
    table = _read(path, ("item_code", "system", "prefix", "valid_from", "valid_to", "source"))
    for name in ("valid_from", "valid_to"):
        dated = pl.col(name).str.to_date(strict=False).is_not_null()
        _demand(
            path,
            table,
            dated | (pl.col(name).is_null() & (name == "valid_to")),
            f"{name} is not a date",
        )
    return _prefixed(table).with_columns(pl.col("valid_from", "valid_to").str.to_date())


def _prefixed(table: pl.DataFrame) -> pl.DataFrame:
    """Without source; prefixes without dots, with their first letter to join by."""
    prefix = pl.col("prefix").str.replace_all(".", "", literal=True)
    return table.drop("source").with_columns(prefix, letter=prefix.str.head(1))


def _read(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    table = pl.read_csv(path, infer_schema=False)
    if tuple(table.columns) != columns:
        raise SentinelError(
            f"the columns are {', '.join(table.columns)}",
            where=f"{path}:1",
            cure=f"Give the columns {', '.join(columns)}.",
        )
    _demand(path, table, pl.col("source").is_not_null(), "the row has no source")
    if "system" in columns:
        _demand(
            path,
            table,
            pl.col("system").is_in(list(codes.DIAGNOSIS_SYSTEM)),
            "system is no diagnosis system",
        )
        _demand(
            path,
            table,
            pl.col("prefix").str.contains(r"^[A-Z0-9.]+$"),
            "prefix is no start of a code",
        )
    return table


def _demand(path: Path, table: pl.DataFrame, holds: pl.Expr, fault: str) -> None:
    bad = table.with_row_index("row").filter(~holds.fill_null(value=False))
    if bad.height:
        raise SentinelError(
            fault,
            where=f"{path}:{bad['row'][0] + 2}",
            cure="Correct the line; rules/reference/README.md describes the columns.",
        )
