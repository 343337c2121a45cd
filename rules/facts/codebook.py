"""Reference tables of drugs and procedures, read once and checked as they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import polars as pl

from domain.errors import SentinelError
from rules.facts import reference

TEXT, WHOLE, AMOUNT, DAY, FLAG, WORDS = "text", "whole", "amount", "day", "flag", "words"
"""What a column holds; ``WORDS`` are codes separated by blanks."""

COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "drugs": {
        "item_code": TEXT, "drug_class": TEXT, "grade": TEXT, "sex": TEXT,
        "min_age_years": WHOLE, "max_age_years": WHOLE, "max_daily_dose": AMOUNT, "dose_unit": TEXT,
        "setting": TEXT, "min_level": WHOLE, "course_days": WHOLE, "start_window_hours": WHOLE,
        "valid_from": DAY, "valid_to": DAY,
    },
    "drug_indications": {
        "item_code": TEXT, "purpose": TEXT, "prefixes": WORDS, "valid_from": DAY, "valid_to": DAY,
    },
    "order_requirements": {
        "item_code": TEXT, "requirement": TEXT, "evidence_item_codes": WORDS,
        "hours_before": WHOLE, "hours_after": WHOLE,
    },
    "frequencies": {"frequency": TEXT, "times_a_day": AMOUNT},
    "imaging": {"item_code": TEXT, "study_zh": TEXT},
    "infection_signs": {"kind": TEXT, "code": TEXT},
    "procedure_limits": {
        "prefix": TEXT, "name_zh": TEXT, "sex": TEXT, "min_age_years": WHOLE, "max_age_years": WHOLE,
    },
    "operations": {"prefix": TEXT, "name_zh": TEXT, "level": WHOLE, "anaesthesia": FLAG},
    "once_only": {"prefix": TEXT, "organ_zh": TEXT, "most": WHOLE},
    "procedure_bundles": {"comprehensive": TEXT, "component": TEXT, "step_zh": TEXT},
    "procedure_evidence": {
        "prefix": TEXT, "kind": TEXT, "name_zh": TEXT, "category": TEXT, "item_codes": WORDS,
    },
    "procedures_not_covered": {"prefix": TEXT, "name_zh": TEXT, "accepted_diagnoses": WORDS},
    "bilateral_procedures": {
        "prefix": TEXT, "one_sided_diagnoses": WORDS, "both_sided_diagnoses": WORDS,
    },
    "diagnosis_evidence": {
        "diagnosis_system": TEXT, "prefix": TEXT, "kind": TEXT, "value": TEXT, "least": WHOLE,
        "name_zh": TEXT, "name_en": TEXT, "valid_from": DAY, "valid_to": DAY,
    },
    "hospital_acquired": {
        "diagnosis_system": TEXT, "prefix": TEXT, "name_zh": TEXT, "name_en": TEXT,
        "valid_from": DAY, "valid_to": DAY,
    },
    "minor_complications": {
        "diagnosis_system": TEXT, "principal_prefix": TEXT, "prefix": TEXT,
        "valid_from": DAY, "valid_to": DAY,
    },
    "trauma_regions": {"diagnosis_system": TEXT, "prefix": TEXT, "region_zh": TEXT, "region_en": TEXT},
    "implied_diagnoses": {
        "diagnosis_system": TEXT, "condition_zh": TEXT, "condition_en": TEXT, "item_code": TEXT,
        "least_days": WHOLE, "prefix": TEXT, "valid_from": DAY, "valid_to": DAY,
    },
}  # fmt: skip
"""The columns of each table that facts read, besides ``source``."""

_READERS: Final[Mapping[str, Callable[[pl.Expr], pl.Expr]]] = {
    TEXT: lambda value: value,
    WHOLE: lambda value: value.cast(pl.Int64, strict=False),
    AMOUNT: lambda value: value.cast(pl.Decimal(38, 6), strict=False),
    DAY: lambda value: value.str.to_date(strict=False),
    FLAG: lambda value: value.replace_strict({"true": True, "false": False}, default=None),
    WORDS: lambda value: value.fill_null("").str.split(" "),
}


class ReferenceTableError(SentinelError):
    """A reference table lacks a column, or a cell does not say what its column must."""


@cache
def read(name: str, folder: Path = reference.FOLDER) -> pl.DataFrame:
    """A table of ``COLUMNS`` with typed columns; ReferenceTableError names file and line."""
    path = folder / f"{name}.csv"
    raw = pl.read_csv(path, infer_schema=False)
    columns = COLUMNS[name]
    missing = [c for c in (*columns, "source") if c not in raw.columns]
    if missing:
        raise ReferenceTableError(
            f"column {missing[0]} is missing",
            where=f"{path}:1",
            cure="Give the column; rules/reference/README.md lists them.",
        )
    typed = raw.select(_READERS[kind](pl.col(c)).alias(c) for c, kind in columns.items())
    for column in columns:
        wrong = (raw[column].is_not_null() & typed[column].is_null()).arg_true()
        if len(wrong):
            line = int(wrong[0])
            raise ReferenceTableError(
                f"{column} holds {raw[column][line]!r}, which is not a {columns[column]}",
                where=f"{path}:{line + 2}",
                cure="Write whole numbers, decimals, ISO dates, or true and false.",
            )
    if raw["source"].is_null().any():
        raise ReferenceTableError(
            "a row has no source",
            where=f"{path}:{int(raw['source'].is_null().arg_true()[0]) + 2}",
            cure="Say where the row comes from.",
        )
    return typed


def plain(code: str) -> str:
    """A code or prefix as compared: upper case, without dots."""
    return code.strip().upper().replace(".", "")


def starting(name: str, column: str, folder: Path = reference.FOLDER) -> pl.DataFrame:
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
