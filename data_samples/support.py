"""What an honest record shows for the complications that it lists.

A hospital that treats heart failure orders a test or drug for it. The first row of
``rules/reference/diagnosis_evidence.csv`` for a diagnosis is what the samples order where
nothing else on the claim shows it yet.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from data_samples.tariff import ITEMS

EVIDENCE = ITEMS.with_name("diagnosis_evidence.csv")
"""Which items support which diagnosis."""


@cache
def read(path: Path = EVIDENCE) -> Mapping[str, tuple[tuple[str, int], ...]]:
    """By the start of a diagnosis code, the (item, least number of days) that support it."""
    found: dict[str, list[tuple[str, int]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["kind"] == "item":
                found.setdefault(row["prefix"], []).append((row["value"], int(row["least"])))
    return {prefix: tuple(listed) for prefix, listed in found.items()}


def missing(
    code: str, days: Mapping[str, int], nights: int, path: Path = EVIDENCE
) -> Iterable[tuple[str, int]]:
    """(item, further days) to order for a diagnosis; nothing where the claim shows it.

    ``days`` counts for each item on how many days it is charged.
    """
    rows = read(path)
    prefix = max((p for p in rows if code.startswith(p)), key=len, default="")
    listed = rows.get(prefix, ())
    if listed and not any(days.get(item, 0) >= least for item, least in listed):
        item, least = next(((i, n) for i, n in listed if n <= nights), listed[0])
        yield item, least - days.get(item, 0)
