"""Binding parameters by row: date of service and region choose the value."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

import polars as pl

from rules.facts.table import REGION, SERVICE_DATE
from rules.rule import Number, Param

PLACES: Final = 6
"""Decimal places of a bound decimal, so that a product with an amount keeps its places."""


def dtype(param: Param) -> pl.DataType:
    """Whole numbers bind as Int64; if any value is a decimal, all bind as Decimal."""
    return pl.Int64() if _whole(param) else pl.Decimal(38, PLACES)


def bind(param: Param) -> pl.Expr:
    """The parameter's value for each row; null before its first date.

    The longest region key that the row's region code starts with wins, if it has a value
    on the date; else the next shorter, at last the default.
    """
    kind = dtype(param)
    chosen: pl.Expr = pl.lit(None, dtype=kind)
    # Built from the weakest rule to the strongest, each wrapping what it beats.
    for region in sorted(param.values, key=len):
        for since, value in param.values[region]:
            holds = pl.col(SERVICE_DATE) >= pl.lit(since)
            if region:
                holds &= pl.col(REGION).str.starts_with(region)
            chosen = pl.when(holds).then(literal(value, kind)).otherwise(chosen)
    return chosen


def literal(value: Number, kind: pl.DataType) -> pl.Expr:
    """A number as a typed literal."""
    exact = value if kind == pl.Int64() else Decimal(value)
    return pl.lit(exact).cast(kind)


def in_force(since: date, until: date | None) -> pl.Expr:
    """Whether the date of service lies in [since, until)."""
    holds = pl.col(SERVICE_DATE) >= pl.lit(since)
    return holds if until is None else holds & (pl.col(SERVICE_DATE) < pl.lit(until))


def _whole(param: Param) -> bool:
    return all(isinstance(v, int) for dated in param.values.values() for _, v in dated)
