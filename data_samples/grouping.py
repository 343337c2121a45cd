"""Which group a sample stay bills, read as data from the sample scheme pack.

The template names the ADRG; the secondary diagnoses decide its split. The samples do not
import ``drg``: ``tests/golden/test_sample_groups.py`` proves that the grouper agrees.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from data_samples.tariff import TariffError

PACK: Final = Path(__file__).resolve().parents[1] / "drg" / "packs" / "chs_sample"
"""The sample scheme pack: groups, severities and made-up prices."""

_COUNTS: Final = {"mcc": ("mcc", "mcc_or_cc"), "cc": ("cc", "mcc_or_cc"), "none": ()}


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups by ADRG with the complication that each asks for, and levels of diagnoses."""

    splits: Mapping[str, tuple[tuple[str, str], ...]]
    levels: Mapping[str, tuple[str, str]]
    excluded: frozenset[tuple[str, str]]

    def severity(self, principal: str, secondary: Iterable[str]) -> str:
        """The worst level that counts beside this principal diagnosis: mcc, cc or none."""
        counted = {
            level
            for level, table in (self.levels[code] for code in secondary if code in self.levels)
            if (table, principal) not in self.excluded
        }
        return "mcc" if "mcc" in counted else "cc" if counted else "none"

    def find(self, adrg: str, severity: str) -> str:
        """The group of the ADRG for a severity; TariffError if the pack has none."""
        for group, asked in self.splits.get(adrg, ()):
            if not asked or asked in _COUNTS[severity]:
                return group
        raise TariffError(
            f"the pack has no group of ADRG {adrg} for the severity {severity}",
            where=str(PACK / "groups.csv"),
            cure="Correct the adrg of the template or add the group to the pack.",
        )


def rows(name: str, pack: Path = PACK) -> Iterator[dict[str, str]]:
    """The rows of a table of the pack."""
    with (pack / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


@cache
def read(pack: Path = PACK) -> Groups:
    """The groups of the pack."""
    asked = {
        row["code"]: row["value"]
        for row in rows("conditions", pack)
        if row["owner"] == "group" and row["test"] == "complication"
    }
    splits: dict[str, list[tuple[int, str, str]]] = {}
    for row in rows("groups", pack):
        group = row["group_code"]
        splits.setdefault(row["adrg"], []).append((int(row["rank"]), group, asked.get(group, "")))
    return Groups(
        splits={
            adrg: tuple((group, level) for _, group, level in sorted(listed))
            for adrg, listed in splits.items()
        },
        levels={
            row["code"]: (row["level"], row["exclusion_table"])
            for row in rows("complications", pack)
        },
        excluded=frozenset(
            (row["exclusion_table"], row["code"]) for row in rows("exclusions", pack)
        ),
    )
