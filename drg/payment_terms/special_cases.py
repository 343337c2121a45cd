"""What lets a hospital ask for a review of a stay (特例单议); it never touches the money."""

from __future__ import annotations

from typing import Final

import polars as pl

from domain.tables import Tables
from drg.payment_terms.answer import TRIGGERS
from drg.payment_terms.charges import lines_of
from drg.payment_terms.matching import match_one
from drg.payment_terms.standard import WHERE_GROUP, wide
from drg.payment_terms.terms import Terms

_DAY_MINUTES: Final = 1440

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
    settled = facts.filter("settled")
    judged = [
        _judge(settled, tables, rows, trigger)
        for (trigger,), rows in terms.special_cases.partition_by("trigger", as_dict=True).items()
    ]
    verdicts = pl.concat(
        [
            pl.DataFrame(schema={"place": pl.UInt32, "trigger": pl.String, "met": pl.Boolean}),
            *judged,
        ]
    )
    order = {trigger: number for number, trigger in enumerate(TRIGGERS)}
    joined = (
        verdicts.with_columns(order=pl.col("trigger").replace_strict(order, return_dtype=pl.Int32))
        .sort("place", "order")
        .group_by("place", maintain_order=True)
        .agg(
            pl.col("trigger")
            .filter("met")
            .unique(maintain_order=True)
            .str.join("|")
            .alias("review_reasons"),
            pl.col("trigger")
            .filter(pl.col("met").is_null())
            .unique(maintain_order=True)
            .str.join("|")
            .alias("review_unknown"),
        )
    )
    return facts.join(joined, on="place", how="left", maintain_order="left").with_columns(
        pl.when("settled").then(pl.col("review_reasons", "review_unknown").fill_null(""))
    )


def _judge(settled: pl.DataFrame, tables: Tables, rows: pl.DataFrame, trigger: str) -> pl.DataFrame:
    keys = settled.select(WHERE_GROUP)
    rows = rows.drop("trigger", "source")
    if trigger == "item":
        items = rows["item_code"].unique()
        charged = (
            lines_of(settled, tables, pl.col("item_code").is_in(items.implode()))
            .group_by("place", "item_code")
            .agg(item_fen=pl.col("amount_fen").sum())
        )
        itemised = pl.DataFrame(tables.charges.select(["stay_id"])).unique()
        found = pl.concat(
            [
                match_one(
                    keys, rows.filter(pl.col("item_code") == item).drop("item_code")
                ).with_columns(item_code=pl.lit(item))
                for item in items
            ]
        ).join(settled.select("place", "stay_id"), on="place")
        measured = (
            found.join(charged, on=["place", "item_code"], how="left")
            .join(itemised.with_columns(itemised=True), on="stay_id", how="left")
            .with_columns(
                # With charge lines but none of the item, nothing was charged for it.
                item_fen=pl.when("itemised").then(
                    pl.col("item_fen").fill_null(pl.lit(0, pl.Int128))
                )
            )
        )
    else:
        measured = match_one(keys, rows.drop("item_code")).join(
            settled.select(
                "place", "days", "mean_days", "cost_fen", "standard_fen", "icu_minutes", "transfers"
            ),
            on="place",
        )
    left, right = _MEASURES[trigger]
    return measured.select(
        "place",
        pl.lit(trigger).alias("trigger"),
        pl.when(pl.col("op") == ">").then(left > right).otherwise(left >= right).alias("met"),
    )
