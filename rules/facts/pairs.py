"""Lists of principal diagnoses that hospitals are compared by, read from the reference tables."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from rules.codebooks import SHIPPED, Place, rows_in_force
from rules.codebooks.diagnosis_tables import ROLES

SYSTEM = "ICD-10-CN"
"""The code system of the tables."""


@cache
def diagnosis_pairs(folder: Place = SHIPPED) -> tuple[tuple[str, str, str], ...]:
    """(pair, pattern of the heavier diagnosis, pattern of the lighter one) of each pair."""
    table = rows_in_force("diagnosis_pairs", folder).filter(system=SYSTEM)
    made = []
    for pair in table["pair"].unique(maintain_order=True).to_list():
        sides = [table.filter(pair=pair, role=role)["prefix"].to_list() for role in ROLES]
        if all(sides):
            made.append((pair, _pattern(sides[0]), _pattern(sides[1])))
    return tuple(made)


@cache
def outpatient_treatable(folder: Place = SHIPPED) -> str:
    """Pattern of the principal diagnoses that a clinic usually treats."""
    table = rows_in_force("outpatient_treatable", folder)
    return _pattern(table.filter(system=SYSTEM)["prefix"].to_list())


def _pattern(prefixes: Sequence[str]) -> str:
    if not prefixes:
        return "^$.^"  # matches nothing: an empty alternative would match everything
    return "^(" + "|".join(p.replace(".", "") for p in prefixes) + ")"
