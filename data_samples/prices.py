"""What a stay of the sample pack pays, so that the month's totals are plausible.

The files are those of ``drg/packs/sample`` (read as data; the samples do not import
``drg``): weight x base rate x level coefficient. All values are invented.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

PACK = Path(__file__).resolve().parents[1] / "drg" / "packs" / "sample"
"""The sample price pack: ``groups.csv`` and ``region.csv``."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Weights by group, and yuan a weight by (insurance type, hospital level)."""

    weights: dict[str, Decimal]
    rates: dict[tuple[str, str], Decimal]

    def standard_fen(self, group: str, insurance_type: str, level: str) -> int:
        """The payment standard in fen; KeyError if the pack does not price the stay."""
        yuan = self.weights[group] * self.rates[insurance_type, level]
        return int((yuan * 100).quantize(Decimal(1), ROUND_HALF_UP))


@cache
def read(pack: Path = PACK) -> Prices:
    """The prices of the pack."""
    with (pack / "groups.csv").open(encoding="utf-8", newline="") as file:
        weights = {row["group_code"]: Decimal(row["weight"]) for row in csv.DictReader(file)}
    with (pack / "region.csv").open(encoding="utf-8", newline="") as file:
        rates = {
            (row["insurance_type"], row["level"]): Decimal(row["base_rate_yuan"])
            * Decimal(row["level_coefficient"])
            for row in csv.DictReader(file)
        }
    return Prices(weights, rates)
