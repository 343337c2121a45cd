"""The reference tables of diagnosis coding, as they are compared with codes."""

from __future__ import annotations

from functools import cache
from typing import Final

import polars as pl

from rules.codebooks import SHIPPED, Place, rows_in_force
from rules.codebooks.diagnosis_tables import PARTNER_RELATIONS

RELATIONS: Final = PARTNER_RELATIONS
"""How two diagnoses may depend on each other (``diagnosis_partners.csv``)."""


@cache
def meanings(folder: Place = SHIPPED) -> pl.DataFrame:
    """Meanings of diagnosis codes (``diagnoses.csv``): meaning, system, prefix."""
    return _prefixed(rows_in_force("diagnoses", folder))


@cache
def limits(folder: Place = SHIPPED) -> pl.DataFrame:
    """Diagnoses of one sex or an age: system, prefix, sex, min_age_years, max_age_years."""
    return _prefixed(rows_in_force("limited_diagnoses", folder))


@cache
def partners(folder: Place = SHIPPED) -> pl.DataFrame:
    """Diagnoses that depend on each other: relation, rule, side, system, prefix."""
    return _prefixed(rows_in_force("diagnosis_partners", folder))


@cache
def words(folder: Place = SHIPPED) -> pl.DataFrame:
    """Words of diagnosis names and where their codes begin: word, system, prefix."""
    return _prefixed(rows_in_force("diagnosis_names", folder))


@cache
def indications(folder: Place = SHIPPED) -> pl.DataFrame:
    """Items and diagnoses one of which they imply: item_code, system, prefix, valid_from, valid_to."""
    return _prefixed(rows_in_force("items_with_indication", folder))


def _prefixed(table: pl.DataFrame) -> pl.DataFrame:
    """Prefixes without dots, with their first letter to join by."""
    prefix = pl.col("prefix").str.replace_all(".", "", literal=True)
    return table.with_columns(prefix, letter=prefix.str.head(1))
