"""What lets a hospital ask for a review of a stay (特例单议); it never touches the money."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from domain.tables import Tables
from drg.payment_terms.answer import TRIGGERS
from drg.payment_terms.charges import lines_of
from drg.payment_terms.matching import Ranked, match_one
from drg.payment_terms.standard import WHERE_GROUP, wide
from drg.payment_terms.terms import Terms

_DAY_MINUTES: Final = 1440
_NOTHING: Final = pl.lit(0, pl.Int128)

_MEASURES: Final[dict[str, tuple[pl.Expr, pl.Expr]]] = {
    "stay_days": (wide("days") * 10_000, wide("threshold")),
    "stay_multiple": (wide("days") * 10**6, wide("threshold") * wide("mean_days")),
    "cost_yuan": (wide("cost_fen") * 100, wide("threshold")),
    "cost_multiple": (wide("cost_fen") * 10_000, wide("threshold") * wide("standard_fen")),
    "icu_days": (wide("icu_minutes") * 10_000, wide("threshold") * _DAY_MINUTES),
    "icu_share": (
        wide("icu_minutes") * 10_000,
        wide("threshold") * wide("days") * _DAY_MINUTES,
    ),
    "transfers": (wide("transfers") * 10_000, wide("threshold")),
    "item": (wide("item_fen") * 100, wide("threshold")),
}
"""Both sides of each comparison as whole numbers; a threshold counts 10**-4."""


def add_reviews(facts: pl.DataFrame, tables: Tables, terms: Terms) -> pl.DataFrame:
    """Add ``review_reasons`` and ``review_unknown`` for the stays that are ``settled``.

    Of each trigger (of each item for ``item``) the most specific row counts.
    """
    met: list[pl.Expr] = []
    unknown: list[pl.Expr] = []
    for trigger in TRIGGERS:
        if trigger == "item" and terms.reviewed_items:
            facts = _judge_items(facts, tables, terms.reviewed_items)
        elif trigger in terms.reviews:
            facts = _judge(facts, terms.reviews[trigger], trigger)
        else:
            continue
        met.append(pl.when(f"met_{trigger}").then(pl.lit(trigger)))
        unknown.append(pl.when(f"unknown_{trigger}").then(pl.lit(trigger)))
    return facts.with_columns(
        pl.when("settled").then(_joined(met)).alias("review_reasons"),
        pl.when("settled").then(_joined(unknown)).alias("review_unknown"),
    )


def _joined(names: list[pl.Expr]) -> pl.Expr:
    return pl.concat_str(names, separator="|", ignore_nulls=True) if names else pl.lit("")


def _holds(trigger: str) -> pl.Expr:
    left, right = _MEASURES[trigger]
    return pl.when(pl.col("op") == ">").then(left > right).otherwise(left >= right)


def _judge(facts: pl.DataFrame, rows: Ranked, trigger: str) -> pl.DataFrame:
    """Add ``met_`` and ``unknown_`` of a trigger that measures the stay."""
    keys = facts.filter("settled").select(WHERE_GROUP)
    found = match_one(keys, rows)
    return (
        facts.join(found, on="place", how="left", maintain_order="left")
        .with_columns(_holds(trigger).alias(f"met_{trigger}"))
        .with_columns(
            (pl.col("op").is_not_null() & pl.col(f"met_{trigger}").is_null()).alias(
                f"unknown_{trigger}"
            )
        )
        .drop("op", "threshold")
    )


def _judge_items(facts: pl.DataFrame, tables: Tables, rows: Mapping[str, Ranked]) -> pl.DataFrame:
    """Add the same for the items: met if one of them is, unknown where there are no charges."""
    settled = facts.filter("settled")
    keys = settled.select(WHERE_GROUP)
    charged = (
        lines_of(settled, tables.charges, pl.col("item_code").is_in(list(rows)))
        .group_by("place", "item_code")
        .agg(item_fen=pl.col("amount_fen").sum())
    )
    found = pl.concat(
        match_one(keys, ranked).with_columns(item_code=pl.lit(item))
        for item, ranked in rows.items()
    )
    judged = (
        found.join(settled.select("place", "itemised"), on="place")
        .join(charged, on=["place", "item_code"], how="left")
        # With charge lines but none of the item, nothing was charged for it.
        .with_columns(item_fen=pl.when("itemised").then(pl.col("item_fen").fill_null(_NOTHING)))
        .with_columns(holds=_holds("item"))
        .group_by("place")
        .agg(
            pl.col("holds").any().alias("met_item"),
            pl.col("holds").is_null().any().alias("unknown_item"),
        )
    )
    return facts.join(judged, on="place", how="left", maintain_order="left")
