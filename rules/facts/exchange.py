"""Facts computed part by part: what one part of the claims must be told of the others.

A run over years of claims is cut into parts: by patient for claims, by hospital for its
months, by physician for his days. Most facts see only their own part. The others see a
little of all parts, and only through the two doors of this module:

- what another cut has computed already is *given* (``Source.known``), such as the stays that
  stand before a stay, which only the cut by patient knows;
- what a part must know of its peers goes through ``everyone``: the part's own rows are
  kept to be told, and the rows that others told are added.

In a run over all claims at once both doors are open walls: ``everyone`` returns the rows
as they are, and nothing is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from rules.facts.source import Source

OF_CLAIMS: Final = ("likeness", "peers")
"""Facts of a claim that look at claims of other patients: given to the cut by patient."""

OF_PATIENTS: Final = ("month_claims", "chained_stays", "without_complications", "physician_acts")
"""What the cut by patient computes for those by hospital and physician."""


@dataclass(frozen=True)
class Part(Source):
    """One part of the claims. ``told`` fills with what the others must know of it."""

    others: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    told: dict[str, pl.DataFrame] = field(default_factory=dict)


def everyone(source: Source, name: str, rows: pl.LazyFrame) -> pl.LazyFrame:
    """The rows of all parts: those of this one, told under ``name``, and those of the others."""
    if not isinstance(source, Part):
        return rows
    if name not in source.told:
        source.told[name] = rows.collect()
    mine = source.told[name]
    others = source.others.get(name)
    return mine.lazy() if others is None else pl.concat([mine, others]).lazy()
