"""The payment terms of a scheme as exact integers, ready to be matched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from drg.payment_terms.checks import check_terms
from drg.schemes.layout import SHEETS, Cell, Sheet
from drg.schemes.problems import ROW, Problems
from drg.schemes.scheme import Scheme
from drg.schemes.sheets import schema

NAMES: Final = (
    "weights",
    "base_rates",
    "level_coefficients",
    "hospital_levels",
    "hospital_rates",
    "outliers",
    "day_rates",
    "excluded_items",
    "special_cases",
)
"""The sheets that payment reads."""

_SHEETS: Final = {sheet.name: sheet for sheet in SHEETS}


@dataclass(frozen=True, slots=True)
class Terms:
    """One frame a kind of term.

    Decimals have become Int64 counts of their last place: a weight of 1.2345 is 12,345.
    ``rates`` joins ``base_rates`` and ``hospital_rates``. ``excluded`` names the item or
    the category in a column of its own.
    """

    weights: pl.DataFrame
    rates: pl.DataFrame
    coefficients: pl.DataFrame
    levels: pl.DataFrame
    outliers: pl.DataFrame
    day_rates: pl.DataFrame
    excluded: pl.DataFrame
    special_cases: pl.DataFrame


def read_terms(scheme: Scheme) -> Terms:
    """The terms of a scheme; SchemeError for the first row that contradicts itself."""
    tables = {name: _table(scheme, _SHEETS[name]) for name in NAMES}
    problems = Problems(scheme.folder)
    check_terms(
        {name: frame.with_row_index(ROW, offset=2) for name, frame in tables.items()}, problems
    )
    for error in problems.errors():
        raise error
    counted = {name: _count(frame, _SHEETS[name]) for name, frame in tables.items()}
    excluded = counted["excluded_items"]
    return Terms(
        weights=counted["weights"],
        rates=pl.concat([counted["base_rates"], counted["hospital_rates"]], how="diagonal"),
        coefficients=counted["level_coefficients"],
        levels=counted["hospital_levels"],
        outliers=counted["outliers"],
        day_rates=counted["day_rates"],
        excluded=excluded.with_columns(
            pl.when(pl.col("by") == by).then("value").alias(column)
            for by, column in (("item", "item_code"), ("category", "category"))
        ).drop("by", "value"),
        special_cases=counted["special_cases"],
    )


def _table(scheme: Scheme, sheet: Sheet) -> pl.DataFrame:
    """The sheet's rows with its types; a scheme put together by hand may lack the sheet."""
    frame = scheme.tables.get(sheet.name)
    typed = schema(sheet)
    return pl.DataFrame(schema=typed) if frame is None else frame.cast(typed)


def _count(frame: pl.DataFrame, sheet: Sheet) -> pl.DataFrame:
    """Decimals as whole numbers of their last place: no multiplication, so nothing to round."""
    return frame.with_columns(
        pl.col(column.name).to_physical().cast(pl.Int64)
        for column in sheet.columns
        if column.cell is Cell.DECIMAL
    )
