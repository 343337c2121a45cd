"""Grouping a few claims for a waiting caller: intake, then the schemes; nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any, Final

import polars as pl

import drg
from domain.service import PeerCurve, PeerDay, Told
from domain.tables import Tables
from drg.projection.curves import LEVELS, NODES
from streaming import intake
from streaming.pseudonym import PseudonymKey

_QUARTILES: Final = tuple(NODES.tolist().index(share) for share in (0.25, 0.5, 0.75))
"""Where the quartiles of the cost to date stand in a curve."""


@dataclass(frozen=True, slots=True)
class GroupDesk:
    """The real ``domain.service.Group``."""

    library: drg.Library
    key: PseudonymKey

    def __call__(self, records: Sequence[bytes], /, *, trace: bool) -> Told:
        """Group canonical JSON claims."""
        claims, refused = intake.decode(records, key=self.key)
        settled = drg.settle(claims, self.library, trace=trace)
        return Told(drg.tell(settled, trace=trace), tuple(refused))


@dataclass(frozen=True, slots=True)
class WhatIfDesk:
    """The real ``domain.service.WhatIf``; with ``curves`` open stays are projected too."""

    library: drg.Library
    key: PseudonymKey
    curves: drg.Curves | None = None

    def __call__(self, record: bytes, changes: Sequence[Mapping[str, Any]], /) -> Told:
        """Compare one claim with what it would be."""
        claims, refused = intake.decode([record], key=self.key)
        if refused:
            return Told([], tuple(refused))
        return Told([drg.what_if(claims, changes, self.library, curves=self.curves)], ())


@dataclass(frozen=True, slots=True)
class StoredGroupDesk:
    """The real ``domain.service.GroupStored``: stored claims hold pseudonyms, and none is made again."""

    library: drg.Library

    def __call__(self, claims: Tables, /) -> list[dict[str, Any]]:
        """Group claims as stored, with the trace."""
        return drg.tell(drg.settle(claims, self.library, trace=True), trace=True)


@dataclass(frozen=True, slots=True)
class PeerDesk:
    """The real ``domain.service.Peers``, from cost curves of settled stays."""

    curves: drg.Curves

    def __call__(self, told: Mapping[str, Any], currency: str, days: int, /) -> PeerCurve | None:
        """The quartiles of the narrowest cell that has a curve."""
        if currency != self.curves.currency:
            return None
        price = told.get("price") or {}
        standard = price.get("payment_standard_fen")
        keys = {
            "group_code": price.get("group") or told.get("group"),
            "adrg": told.get("adrg"),
            "mdc": told.get("mdc"),
        }
        for level, column, per_standard in LEVELS:
            key = None if column is None else keys[column]
            if (column is not None and key is None) or (per_standard and not standard):
                continue
            cell = level if column is None else f"{level}:{key}"
            here = (pl.col("cell") == cell) & (pl.col("per_standard") == per_standard)
            about = self.curves.cells.filter(here)
            if about.is_empty():
                continue
            unit = float(standard) if per_standard and standard else 1.0
            rows = self.curves.days.filter(here & (pl.col("day") <= days)).sort("day")
            return PeerCurve(
                cell,
                level,
                int(about["cases"][0]),
                tuple(
                    PeerDay(
                        row["day"],
                        row["cases"],
                        *(round(exp(row["log_cost"][i]) * unit) for i in _QUARTILES),
                    )
                    for row in rows.iter_rows(named=True)
                ),
            )
        return None
