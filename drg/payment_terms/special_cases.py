"""What lets a hospital ask for a review of a stay (特例单议); it never touches the money."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from domain.tables import Tables
from drg.arrays import Bools
from drg.payment_terms.answer import TRIGGERS
from drg.payment_terms.charges import lines_of
from drg.payment_terms.matching import Keys, Ranked, match_one
from drg.payment_terms.standard import wide
from drg.payment_terms.terms import Terms

_DAY_MINUTES: Final = 1440
_NOTHING: Final = pl.lit(0, pl.Int128)


def _measures(threshold: str) -> dict[str, tuple[pl.Expr, pl.Expr]]:
    """Both sides of each comparison as whole numbers; a threshold counts 10**-4."""
    limit = wide(threshold)
    return {
        "stay_days": (wide("days") * 10_000, limit),
        "stay_multiple": (wide("days") * 10**6, limit * wide("mean_days")),
        "cost_yuan": (wide("cost_fen") * 100, limit),
        "cost_multiple": (wide("cost_fen") * 10_000, limit * wide("standard_fen")),
        "icu_days": (wide("icu_minutes") * 10_000, limit * _DAY_MINUTES),
        "icu_share": (wide("icu_minutes") * 10_000, limit * wide("days") * _DAY_MINUTES),
        "transfers": (wide("transfers") * 10_000, limit),
        "item": (wide("item_fen") * 100, limit),
    }


def _holds(trigger: str, op: str, threshold: str) -> pl.Expr:
    left, right = _measures(threshold)[trigger]
    return pl.when(pl.col(op) == ">").then(left > right).otherwise(left >= right)


_MET: Final = {
    trigger: _holds(trigger, f"op_{trigger}", f"threshold_{trigger}").alias(f"met_{trigger}")
    for trigger in TRIGGERS
    if trigger != "item"
}
_UNKNOWN: Final = {
    trigger: (pl.col(f"op_{trigger}").is_not_null() & pl.col(f"met_{trigger}").is_null()).alias(
        f"unknown_{trigger}"
    )
    for trigger in _MET
}


def add_reviews(facts: pl.DataFrame, keys: Keys, tables: Tables, terms: Terms) -> pl.DataFrame:
    """Add ``review_reasons`` and ``review_unknown`` for the stays that are ``settled``.

    Of each trigger (of each item for ``item``) the most specific row counts.
    """
    settled = facts["settled"].fill_null(value=False).to_numpy()
    asked = [trigger for trigger in TRIGGERS if trigger in terms.reviews]
    rows: list[pl.Series] = []
    for trigger in asked:
        ranked = terms.reviews[trigger]
        told = ranked.gather(np.where(settled, match_one(keys, ranked), -1))
        rows += [told[name].alias(f"{name}_{trigger}") for name in ("op", "threshold")]
    if asked:
        facts = (
            facts.hstack(rows)
            .with_columns(_MET[trigger] for trigger in asked)
            .with_columns(_UNKNOWN[trigger] for trigger in asked)
        )
    if terms.reviewed_items:
        facts = _judge_items(facts, keys, settled, tables, terms.reviewed_items)
    told_of = {*asked, *(["item"] if terms.reviewed_items else [])}
    return facts.with_columns(
        pl.when("settled").then(_joined(kind, told_of)).alias(f"review_{name}")
        for kind, name in (("met", "reasons"), ("unknown", "unknown"))
    )


def _joined(kind: str, triggers: set[str]) -> pl.Expr:
    names = [pl.when(f"{kind}_{t}").then(pl.lit(t)) for t in TRIGGERS if t in triggers]
    return pl.concat_str(names, separator="|", ignore_nulls=True) if names else pl.lit("")


def _judge_items(
    facts: pl.DataFrame, keys: Keys, settled: Bools, tables: Tables, rows: Mapping[str, Ranked]
) -> pl.DataFrame:
    """Add the same for the items: met if one of them is, unknown where there are no charges."""
    placed = facts.with_row_index("place")
    charged = (
        lines_of(placed.filter("settled"), tables.charges, pl.col("item_code").is_in(list(rows)))
        .group_by("place", "item_code")
        .agg(item_fen=pl.col("amount_fen").sum())
    )
    found = pl.concat(
        placed.select("place", "itemised")
        .with_columns(ranked.gather(at).select("op", "threshold"), item_code=pl.lit(item))
        .filter(pl.Series(settled & (at >= 0)))
        for item, ranked in rows.items()
        for at in [match_one(keys, ranked)]
    )
    judged = (
        found.join(charged, on=["place", "item_code"], how="left")
        # With charge lines but none of the item, nothing was charged for it.
        .with_columns(item_fen=pl.when("itemised").then(pl.col("item_fen").fill_null(_NOTHING)))
        .with_columns(holds=_holds("item", "op", "threshold"))
        .group_by("place")
        .agg(
            pl.col("holds").any().alias("met_item"),
            pl.col("holds").is_null().any().alias("unknown_item"),
        )
    )
    return placed.join(judged, on="place", how="left", maintain_order="left").drop("place")
