"""The payment standard: weight x base rate x coefficient, exact, half a fen up."""

from __future__ import annotations

from typing import Final

import polars as pl

from domain.tables import Tables
from drg.payment_terms.matching import REGION, covers, match, match_one
from drg.payment_terms.terms import Terms

WHERE: Final = ("place", "date", REGION, "insurance_type", "provider_id", "level")
WHERE_GROUP: Final = (*WHERE, "group_code", "adrg")

_COEFFICIENT_ONE: Final = 10**6
_STANDARD_SCALE: Final = 10**12
# Weight counts 10**-4, the rate 10**-4 yuan = 10**-2 fen, the coefficient 10**-6.


def half_up(product: pl.Expr, scale: int) -> pl.Expr:
    """A 128-bit count of 1/scale as whole units, half of one up; Int64."""
    return ((product + scale // 2) // scale).cast(pl.Int64)


def wide(column: str) -> pl.Expr:
    """The column in 128 bits, so that products of three terms cannot overflow."""
    return pl.col(column).cast(pl.Int128)


def add_level(facts: pl.DataFrame, tables: Tables, terms: Terms) -> pl.DataFrame:
    """Add ``level``: the region's own word for the hospital, else the claim's, else the list's."""
    own = match_one(
        facts.select("place", "date", REGION, "provider_id"),
        terms.levels,
    ).select("place", "own_level")
    listed = pl.DataFrame(tables.providers.select(["provider_id", "level"])).unique(
        "provider_id", keep="any"
    )
    return (
        facts.join(own, on="place", how="left", maintain_order="left")
        .join(
            listed.rename({"level": "listed_level"}),
            on="provider_id",
            how="left",
            maintain_order="left",
        )
        .with_columns(level=pl.coalesce("own_level", "provider_level", "listed_level"))
        .drop("own_level", "listed_level")
    )


def add_standard(facts: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """Add weight, mean stay and cost, rate, coefficient, their sources, and ``formula_fen``.

    ``formula_fen`` is null where a part is missing; ``needs_coefficient`` says whether the
    region has coefficients at all: then none for this hospital means that the standard is
    not known, while a region without any pays weight x rate.
    """
    keys = facts.select(WHERE_GROUP)
    weights = match_one(keys, terms.weights).rename(
        {"source": "weight_source", "mean_stay_days": "mean_days"}
    )
    rates = match_one(keys, terms.rates).rename({"source": "rate_source", "base_rate_yuan": "rate"})
    coefficients = match_one(keys, terms.coefficients).rename({"source": "coefficient_source"})
    for found in (weights, rates, coefficients):
        facts = facts.join(found, on="place", how="left", maintain_order="left")
    needed = covers(REGION, terms.coefficients)
    factor = (
        pl.when(pl.col("needs_coefficient"))
        .then(wide("coefficient"))
        .otherwise(pl.lit(_COEFFICIENT_ONE, pl.Int128))
    )
    return facts.with_columns(needs_coefficient=needed).with_columns(
        formula_fen=half_up(wide("weight") * wide("rate") * factor, _STANDARD_SCALE)
    )


def add_lines(facts: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """Add the high and the low line and what each pays; ``standard_fen`` must be there.

    ``high_row`` and ``low_row`` say whether the region has such a line for the stay: if so
    and ``high_line_fen`` is null, the line exists but cannot be computed.
    """
    for kind in ("high", "low"):
        found = (
            match(
                facts.filter(pl.col("standard_fen").is_not_null()).select(*WHERE_GROUP, "weight"),
                terms.outliers[kind],
                holds=pl.col("weight_up_to").is_null()
                | (pl.col("weight") <= pl.col("weight_up_to")),
            )
            .sort("weight_up_to", nulls_last=True)
            .unique("place", keep="first", maintain_order=True)
            .select(
                "place",
                pl.col(
                    "line_basis",
                    "multiple",
                    "line_yuan",
                    "pays",
                    "factor",
                    "cap_multiple",
                    "source",
                ).name.prefix(f"{kind}_"),
                pl.lit(True).alias(f"{kind}_row"),
            )
        )
        basis = pl.col(f"{kind}_line_basis")
        facts = facts.join(found, on="place", how="left", maintain_order="left").with_columns(
            pl.when(basis == "yuan")
            .then(pl.col(f"{kind}_line_yuan"))
            .when(basis == "standard")
            .then(half_up(wide("standard_fen") * wide(f"{kind}_multiple"), 10**4))
            .when(basis == "mean_cost")
            .then(half_up(wide("mean_cost_yuan") * wide(f"{kind}_multiple"), 10**4))
            .alias(f"{kind}_line_fen"),
            pl.col(f"{kind}_row").fill_null(False),
        )
    return facts
