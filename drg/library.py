"""The schemes of a site, and which of them groups and prices a stay."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from domain.tables import Tables
from drg import schemes
from drg.schemes import Scheme, SchemeError
from drg.schemes.layout import MANIFEST

PACKS: Final = Path(__file__).parent / "packs"
SAMPLE: Final = PACKS / "chs_sample"
"""Our compact CHS-DRG pack: a subset for the sample data."""
MEDICARE: Final = PACKS / "ms_fy2026"
"""MS-DRG with the weights of the US fiscal year 2026."""

SYSTEMS: Final = {"chs": ("ICD-10-CN",), "ms": ("ICD-10-CM", "ICD-9-CM")}
"""The diagnosis systems that an engine reads."""


@dataclass(frozen=True, slots=True)
class Library:
    """Several schemes, each with its places, days and code system.

    ``sha256`` covers all of them; decisions freeze it.
    """

    schemes: tuple[Scheme, ...]
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        _refuse_twins(self.schemes)
        joined = "\n".join(sorted(scheme.sha256 for scheme in self.schemes))
        object.__setattr__(self, "sha256", hashlib.sha256(joined.encode()).hexdigest())

    def assign(self, tables: Tables) -> pl.Series:
        """The place in ``schemes`` of each stay's scheme, in the order of the batch; null: none.

        A scheme fits if it reads the stay's diagnosis codes, holds on the day of discharge
        (of admission while the patient is in hospital), and one of its divisions is the
        start of the stay's. The longest division wins, then the scheme that began last.
        """
        stays = pl.DataFrame(
            tables.stays.select(
                ["region_code", "diagnosis_system", "admission_date", "discharge_date"]
            )
        ).with_columns(day=pl.coalesce("discharge_date", "admission_date"))
        found: pl.Expr = pl.lit(None, dtype=pl.Int32)
        for place, prefix in self._by_preference():
            manifest = self.schemes[place].manifest
            fits = pl.col("diagnosis_system").is_in(SYSTEMS[manifest.engine]) & (
                pl.col("day") >= manifest.effective_from
            )
            if manifest.effective_to is not None:
                fits &= pl.col("day") <= manifest.effective_to
            if prefix:
                fits &= pl.col("region_code").str.starts_with(prefix)
            # Later ones are preferred and overwrite, so the least preferred comes first.
            found = pl.when(fits).then(pl.lit(place, dtype=pl.Int32)).otherwise(found)
        return stays.select(found.alias("scheme"))["scheme"]

    def _by_preference(self) -> list[tuple[int, str]]:
        """(place, division) of every scheme, the least preferred first."""
        rows = [
            (len(prefix), scheme.manifest.effective_from, place, prefix)
            for place, scheme in enumerate(self.schemes)
            for prefix in scheme.manifest.region_codes or ("",)
        ]
        return [(place, prefix) for *_, place, prefix in sorted(rows)]


def load(folders: Sequence[Path] = ()) -> Library:
    """The schemes of the folders beside ours; one of theirs comes before ours where both fit."""
    theirs = [schemes.load(folder) for folder in folders]
    ours = [schemes.load(folder) for folder in (SAMPLE, MEDICARE)]
    taken = {scheme.manifest.code for scheme in theirs}
    # A scheme given later is preferred to an equal one, so the site's come last.
    return Library((*[s for s in ours if s.manifest.code not in taken], *theirs))


def _refuse_twins(given: Sequence[Scheme]) -> None:
    seen: dict[str, Scheme] = {}
    for scheme in given:
        code = scheme.manifest.code
        if code in seen:
            raise SchemeError(
                f"two schemes have the code {code}: {seen[code].folder} and {scheme.folder}",
                where=f"{scheme.folder}/{MANIFEST}:code",
                cure="Give each scheme a code of its own, or leave one of them out.",
            )
        seen[code] = scheme
