"""What a stay of the sample pack pays, so that the month's totals are plausible.

Weight x base rate x level coefficient, read as data from ``drg/packs/chs_sample`` (the
samples do not import ``drg``). All values are invented.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

from data_samples.grouping import PACK, rows


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
def read(region: str = "330100", pack: Path = PACK) -> Prices:
    """The prices of a region in the pack; the rows of the latest date count."""
    weights = sorted(rows("weights", pack), key=lambda row: row["effective_from"])
    bases = sorted(rows("base_rates", pack), key=lambda row: row["effective_from"])
    factors = sorted(rows("level_coefficients", pack), key=lambda row: row["effective_from"])
    by_level = {
        row["level"]: Decimal(row["coefficient"])
        for row in factors
        if row["region_code"] == region and not row["provider_id"] and not row["group_code"]
    }
    return Prices(
        weights={
            row["group_code"]: Decimal(row["weight"])
            for row in weights
            if row["region_code"] in ("", region)
        },
        rates={
            (row["insurance_type"], level): Decimal(row["base_rate_yuan"]) * factor
            for row in bases
            if row["region_code"] == region
            for level, factor in by_level.items()
        },
    )
