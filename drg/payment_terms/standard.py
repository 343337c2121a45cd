"""The payment standard: weight x base rate x coefficient, exact, half a fen up."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from domain.tables import Tables
from drg.arrays import Ids, Numbers, numbers
from drg.payment_terms.matching import Keys, Ranked, last_of, match, match_one
from drg.payment_terms.terms import Terms

_COEFFICIENT_ONE: Final = 10**6
_STANDARD_SCALE: Final = 10**12
# Weight counts 10**-4, the rate 10**-4 yuan = 10**-2 fen, the coefficient 10**-6.


def half_up(product: pl.Expr, scale: int) -> pl.Expr:
    """A 128-bit count of 1/scale as whole units, half of one up; Int64."""
    return ((product + scale // 2) // scale).cast(pl.Int64)


def wide(column: str) -> pl.Expr:
    """The column in 128 bits, so that products of three terms cannot overflow."""
    return pl.col(column).cast(pl.Int128)


_LEVEL: Final = pl.coalesce("own_level", "provider_level", "listed_level").alias("level")
_FORMULA: Final = half_up(
    wide("weight")
    * wide("rate")
    * pl.when(pl.col("needs_coefficient"))
    .then(wide("coefficient"))
    .otherwise(pl.lit(_COEFFICIENT_ONE, pl.Int128)),
    _STANDARD_SCALE,
).alias("formula_fen")


def add_level(facts: pl.DataFrame, keys: Keys, tables: Tables, terms: Terms) -> pl.DataFrame:
    """Add ``level``: the region's own word for the hospital, else the claim's, else the list's."""
    own = terms.levels.gather(match_one(keys, terms.levels))["own_level"]
    facts = facts.hstack([own])
    if tables.providers.num_rows:
        listed = pl.DataFrame(tables.providers.select(["provider_id", "level"])).unique(
            "provider_id", keep="any"
        )
        facts = facts.join(
            listed.rename({"level": "listed_level"}),
            on="provider_id",
            how="left",
            maintain_order="left",
        )
    else:
        facts = facts.hstack([own.clear(facts.height).alias("listed_level")])
    return facts.with_columns(_LEVEL)


def add_standard(facts: pl.DataFrame, keys: Keys, terms: Terms) -> pl.DataFrame:
    """Add weight, mean stay and cost, rate, coefficient, their sources, and ``formula_fen``.

    ``formula_fen`` is null where a part is missing; ``needs_coefficient`` says whether the
    region has coefficients at all: then none for this hospital means that the standard is
    not known, while a region without any pays weight x rate.
    """
    named = (
        (terms.weights, {"source": "weight_source", "mean_stay_days": "mean_days"}),
        (terms.rates, {"source": "rate_source", "base_rate_yuan": "rate"}),
        (terms.coefficients, {"source": "coefficient_source"}),
    )
    found = [
        column.alias(names.get(column.name, column.name))
        for ranked, names in named
        for column in ranked.gather(match_one(keys, ranked)).get_columns()
    ]
    needs = terms.coefficients.covers.alias("needs_coefficient")
    return facts.hstack(found).with_columns(needs).with_columns(_FORMULA)


def add_lines(facts: pl.DataFrame, keys: Keys, terms: Terms) -> pl.DataFrame:
    """Add the high and the low line and what each pays; ``standard_fen`` must be there.

    ``high_row`` and ``low_row`` say whether the region has such a line for the stay: if so
    and ``high_line_fen`` is null, the line exists but cannot be computed.
    """
    weight = numbers(facts["weight"].to_arrow())
    without = facts["standard_fen"].is_null().to_numpy()
    added: list[pl.Series] = []
    for kind in ("high", "low"):
        ranked = terms.outliers[kind]
        rows = _by_weight(keys, ranked, weight)
        rows[without] = -1
        told = ranked.gather(rows)
        added += [told[name].alias(f"{kind}_{name}") for name in _TOLD]
        added.append(pl.Series(f"{kind}_row", rows >= 0))
    return facts.hstack(added).with_columns(_LINES)


def _by_weight(keys: Keys, ranked: Ranked, weight: Numbers) -> Ids:
    """The row of each stay whose ``weight_up_to`` is the lowest not below its weight."""
    up_to = numbers(ranked.rows["weight_up_to"].to_arrow())
    up_to = np.where(np.isnan(up_to), np.inf, up_to)
    places, rows = match(keys, ranked, holds=lambda at, row: _fits(weight[at], up_to[row]))
    return last_of(places[::-1], rows[::-1], -up_to[rows[::-1]], len(keys))


def _fits(weight: Numbers, up_to: Numbers) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray((weight <= up_to) | np.isinf(up_to))


_TOLD: Final = ("line_basis", "multiple", "line_yuan", "pays", "factor", "cap_multiple", "source")


def _line(kind: str) -> pl.Expr:
    basis = pl.col(f"{kind}_line_basis")
    return (
        pl.when(basis == "yuan")
        .then(pl.col(f"{kind}_line_yuan"))
        .when(basis == "standard")
        .then(half_up(wide("standard_fen") * wide(f"{kind}_multiple"), 10**4))
        .when(basis == "mean_cost")
        .then(half_up(wide("mean_cost_yuan") * wide(f"{kind}_multiple"), 10**4))
        .alias(f"{kind}_line_fen")
    )


_LINES: Final = [_line(kind) for kind in ("high", "low")]
