"""The payment terms of a scheme as exact integers, ready to be matched."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import polars as pl

from drg.payment_terms.checks import check_terms
from drg.payment_terms.matching import REGION, Ranked, rank
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
    ``rates`` joins ``base_rates`` and ``hospital_rates``. ``outliers`` are by kind,
    ``reviews`` (of ``special_cases``) by trigger and ``reviewed_items`` by item code.
    ``excluded`` names the item or the category in a column of its own.
    """

    weights: Ranked
    rates: Ranked
    coefficients: Ranked
    levels: Ranked
    outliers: dict[str, Ranked]
    day_rates: Ranked
    excluded: Ranked
    reviews: dict[str, Ranked]
    reviewed_items: dict[str, Ranked]


_KEPT: Final[OrderedDict[str, Terms]] = OrderedDict()
_MOST: Final = 8
"""Schemes whose terms stay in memory; reading them takes as long as paying some stays."""


def read_terms(scheme: Scheme) -> Terms:
    """The terms of a scheme; SchemeError for the first row that contradicts itself."""
    found = _KEPT.get(scheme.sha256)
    if found is None:
        found = _KEPT[scheme.sha256] = _read(scheme)
        while len(_KEPT) > _MOST:
            _KEPT.popitem(last=False)
    return found


def _read(scheme: Scheme) -> Terms:
    tables = {name: _table(scheme, _SHEETS[name]) for name in NAMES}
    problems = Problems(scheme.folder)
    check_terms(
        {name: frame.with_row_index(ROW, offset=2) for name, frame in tables.items()}, problems
    )
    for error in problems.errors():
        raise error
    counted = {name: _count(frame, _SHEETS[name]) for name, frame in tables.items()}
    excluded = counted["excluded_items"]
    outliers = counted["outliers"]
    special = counted["special_cases"].drop("source")
    items = special.filter(pl.col("trigger") == "item").drop("trigger")
    measured = special.filter(pl.col("trigger") != "item").drop("item_code")
    return Terms(
        weights=rank(counted["weights"], adrg=False),
        rates=rank(pl.concat([counted["base_rates"], counted["hospital_rates"]], how="diagonal")),
        coefficients=rank(counted["level_coefficients"]),
        levels=rank(
            counted["hospital_levels"]
            .with_columns(pl.lit(None, pl.String).alias(REGION))
            .rename({"level": "own_level"})
        ),
        outliers={
            kind: rank(outliers.filter(pl.col("kind") == kind).drop("kind"))
            for kind in ("high", "low")
        },
        day_rates=rank(counted["day_rates"]),
        excluded=rank(
            excluded.with_columns(
                pl.when(pl.col("by") == by).then("value").alias(column)
                for by, column in (("item", "item_code"), ("category", "category"))
            ).drop("by", "value")
        ),
        reviews={
            str(trigger): rank(rows.drop("trigger"))
            for (trigger,), rows in measured.partition_by("trigger", as_dict=True).items()
        },
        reviewed_items={
            str(item): rank(rows.drop("item_code"))
            for (item,), rows in items.partition_by("item_code", as_dict=True).items()
        },
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
