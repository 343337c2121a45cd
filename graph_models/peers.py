"""Peer groups: with whom a provider is compared when a reason is given."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl

MIN_PEERS: Final = 30
"""Fewer peers make a percentile a matter of single providers; then the wider group is used."""
EVERYONE: Final = "all"
_BANDS: Final = ("small", "medium", "large")
_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)


def choose_groups(table: pl.DataFrame) -> dict[str, Any]:
    """The groups that a reference table is large enough for, as plain JSON values.

    A provider's kind is ``inpatient`` (any inpatient claim in the data),
    ``outpatient`` (only others) or ``table`` (no claims, only the extra table); its
    band is the third of its kind by number of claims. ``bands`` holds the two cuts a
    kind, ``groups`` the names with at least ``MIN_PEERS`` members.
    """
    bands: dict[str, list[float]] = {}
    kinds = _kinds(table)
    claims = table["claims"].to_numpy()
    for kind in ("inpatient", "outpatient"):
        inside = claims[kinds == kind]
        if len(inside):
            bands[kind] = [float(q) for q in np.quantile(inside, [1 / 3, 2 / 3])]
    names, counts = np.unique(np.concatenate([kinds, _fine(table, bands)]), return_counts=True)
    large = {str(n) for n, c in zip(names, counts, strict=True) if c >= MIN_PEERS}
    # Every name counts once for the kind and once for the band; a kind without bands twice.
    for kind in set(kinds):
        if (kinds == kind).sum() < MIN_PEERS:
            large.discard(str(kind))
    return {"bands": bands, "groups": sorted(large)}


def assign(table: pl.DataFrame, chosen: dict[str, Any]) -> list[str]:
    """The narrowest group of ``chosen`` for each row of the table."""
    groups = set(chosen["groups"])
    return [
        fine if fine in groups else kind if kind in groups else EVERYONE
        for fine, kind in zip(_fine(table, chosen["bands"]), _kinds(table), strict=True)
    ]


def summarise(entities: pl.DataFrame, chosen: dict[str, Any], features: list[str]) -> pl.DataFrame:
    """``peer_group, feature, n`` and quantiles (``q05 … q95``) of the known values.

    A group holds all providers of its name, whichever narrower group they compare
    with themselves.
    """
    rows = []
    for group in (*chosen["groups"], EVERYONE):
        inside = entities.filter(members(entities, chosen, group))
        for feature in features:
            values = inside[feature].drop_nans().drop_nulls()
            quantiles = [values.quantile(q, "linear") for q in _QUANTILES]
            rows.append((group, feature, values.len(), *quantiles))
    schema = {"peer_group": pl.String, "feature": pl.String, "n": pl.Int64}
    schema |= {f"q{round(q * 100):02d}": pl.Float64 for q in _QUANTILES}
    return pl.DataFrame(rows, schema=schema, orient="row")


def members(table: pl.DataFrame, chosen: dict[str, Any], group: str) -> pl.Series:
    """Which rows belong to the group: a mask."""
    if group == EVERYONE:
        return pl.Series([True] * table.height, dtype=pl.Boolean)
    names = _fine(table, chosen["bands"]) if "/" in group else _kinds(table)
    return pl.Series(names == group)


def _kinds(table: pl.DataFrame) -> np.ndarray[Any, np.dtype[Any]]:
    inpatient = np.nan_to_num(table["claims_inpatient"].to_numpy()) > 0
    seen = np.nan_to_num(table["claims"].to_numpy()) > 0
    return np.where(inpatient, "inpatient", np.where(seen, "outpatient", "table"))


def _fine(table: pl.DataFrame, bands: dict[str, list[float]]) -> np.ndarray[Any, np.dtype[Any]]:
    claims = np.nan_to_num(table["claims"].to_numpy())
    return np.array(
        [
            f"{kind}/{_BANDS[int(np.searchsorted(bands[kind], n))]}" if kind in bands else str(kind)
            for kind, n in zip(_kinds(table), claims, strict=True)
        ]
    )
