"""Lists of principal diagnoses that hospitals are compared by, read from the reference tables."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import polars as pl

from domain.errors import SentinelError
from rules.facts import reference

SYSTEM = "ICD-10-CN"
"""The code system of the tables."""


@cache
def diagnosis_pairs(folder: Path = reference.FOLDER) -> tuple[tuple[str, str, str], ...]:
    """(pair, pattern of the heavier diagnosis, pattern of the lighter one) of each pair."""
    path = folder / "diagnosis_pairs.csv"
    table = pl.read_csv(path, infer_schema=False).filter(pl.col("system") == SYSTEM)
    made = []
    for pair in table["pair"].unique(maintain_order=True).to_list():
        rows = table.filter(pl.col("pair") == pair)
        sides = [rows.filter(pl.col("role") == role)["prefix"].to_list() for role in _ROLES]
        if not all(sides):
            raise SentinelError(
                f"pair {pair} lacks a heavier or a lighter diagnosis",
                where=f"{path}: {pair}",
                cure="Give each pair at least one row of role heavier and one of role lighter.",
            )
        made.append((pair, _pattern(sides[0]), _pattern(sides[1])))
    return tuple(made)


@cache
def outpatient_treatable(folder: Path = reference.FOLDER) -> str:
    """Pattern of the principal diagnoses that a clinic usually treats."""
    table = pl.read_csv(folder / "outpatient_treatable.csv", infer_schema=False)
    return _pattern(table.filter(pl.col("system") == SYSTEM)["prefix"].to_list())


_ROLES = ("heavier", "lighter")


def _pattern(prefixes: Sequence[str]) -> str:
    return "^(" + "|".join(p.replace(".", "") for p in prefixes) + ")"
