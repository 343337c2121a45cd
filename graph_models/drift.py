"""Whether the providers of today still look like those that a model learned from.

The population stability index (PSI) of a column compares two distributions over ten bins with the
same share of the older one each; unknown values are a bin of their own. By the usual rule of thumb
below 0.1 nothing has moved and above 0.25 the column means something else now. Few providers move
a PSI by chance alone, about ``(bins - 1) * (1/n + 1/m)`` times a chi-square variable a degree of
freedom; so what chance explains at the 95 % level does not count as moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from scipy.stats import chi2

from graph_models.head import Matrix

BINS: Final = 10
WATCH: Final = 0.1
"""From this index on a column is to be watched."""
MOVED: Final = 0.25
"""From this index on a column has moved, if chance does not explain it."""
LEAST: Final = 20
"""Fewer providers on either side tell nothing."""
_FLOOR: Final = 0.5
"""What an empty bin counts as, in providers: a logarithm needs something."""


@dataclass(frozen=True, slots=True)
class Column:
    """How one column moved; ``chance`` is what a PSI reaches by chance in one of twenty cases."""

    name: str
    psi: float
    chance: float
    median_then: float | None
    median_now: float | None
    unknown_then: float
    unknown_now: float

    @property
    def state(self) -> str:
        """``stable``, ``watch`` or ``moved``."""
        if self.psi < WATCH or self.psi <= self.chance:
            return "stable"
        return "moved" if self.psi >= MOVED else "watch"


@dataclass(frozen=True, slots=True)
class Drift:
    """The drift of a model's score and features; ``score`` is None with too few providers."""

    then: int
    now: int
    score: Column | None
    features: tuple[Column, ...]

    @property
    def moved(self) -> tuple[str, ...]:
        """The features that have moved, most first."""
        return tuple(c.name for c in self.features if c.state == "moved")

    def record(self) -> dict[str, Any]:
        """As plain values: counts, the score, and the features that are not stable, most first."""
        return {
            "providers_then": self.then,
            "providers_now": self.now,
            "score": None if self.score is None else _record(self.score),
            "features": [_record(c) for c in self.features if c.state != "stable"],
            "stable_features": sum(c.state == "stable" for c in self.features),
        }


def compare(then: pl.DataFrame, now: pl.DataFrame, names: Sequence[str]) -> Drift:
    """Compare two tables of providers with columns ``names`` and ``score``, NaN where unknown."""
    if min(then.height, now.height) < LEAST:
        return Drift(then.height, now.height, None, ())
    found = [_column(n, then[n].to_numpy(), now[n].to_numpy()) for n in names]
    return Drift(
        then.height,
        now.height,
        _column("score", then["score"].to_numpy(), now["score"].to_numpy()),
        tuple(sorted(found, key=lambda c: (-c.psi, c.name))),
    )


def _column(name: str, then: Matrix, now: Matrix) -> Column:
    known = then[~np.isnan(then)]
    inner = np.linspace(0, 1, BINS + 1)[1:-1]
    edges: Matrix = np.unique(np.quantile(known, inner)) if len(known) else np.empty(0)
    before, after = (_counts(values, edges) for values in (then, now))
    used = (before + after) > 0
    expected, actual = (_shares(counts[used]) for counts in (before, after))
    psi = float(((actual - expected) * np.log(actual / expected)).sum())
    freedom = max(int(used.sum()) - 1, 1)
    return Column(
        name,
        psi,
        float(chi2.ppf(0.95, freedom)) * (1 / len(then) + 1 / len(now)),
        _median(then),
        _median(now),
        float(np.isnan(then).mean()),
        float(np.isnan(now).mean()),
    )


def _counts(values: Matrix, edges: Matrix) -> Matrix:
    """Values in each bin, unknown ones in the last."""
    bins = np.searchsorted(edges, values, side="left")
    bins[np.isnan(values)] = len(edges) + 1
    return np.bincount(bins, minlength=len(edges) + 2).astype(np.float64)


def _shares(counts: Matrix) -> Matrix:
    filled = np.maximum(counts, _FLOOR)
    shares: Matrix = filled / filled.sum()
    return shares


def _median(values: Matrix) -> float | None:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else None


def _record(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "psi": round(column.psi, 4),
        "by_chance": round(column.chance, 4),
        "state": column.state,
        "median_then": column.median_then,
        "median_now": column.median_now,
        "unknown_then": round(column.unknown_then, 4),
        "unknown_now": round(column.unknown_now, 4),
    }
