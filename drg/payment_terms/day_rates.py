"""Stays paid by the day: the rate of its band for each day, up to a highest amount."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from drg.arrays import numbers
from drg.payment_terms.matching import Keys, match
from drg.payment_terms.terms import Terms

_NONE: Final = [
    pl.lit(None, pl.Int64).alias("day_payment_fen"),
    pl.lit(None, pl.String).alias("day_source"),
    *(pl.lit(False).alias(name) for name in ("by_day", "cap_at_cost", "capped_by_day")),
]


def add_day_rates(facts: pl.DataFrame, keys: Keys, terms: Terms) -> pl.DataFrame:
    """Add ``by_day`` (whether the stay is paid by the day) and ``day_payment_fen``.

    ``capped_by_day`` says whether ``cap_yuan`` cut it, ``cap_at_cost`` whether the cost may.
    While the patient is in hospital the days are not known: the stay is paid by the day
    only where no shortest stay is asked for, and there is no payment yet.
    """
    ranked = terms.day_rates
    days, shortest = numbers(facts["days"].to_arrow()), numbers(ranked.rows["min_days"].to_arrow())
    by_group = facts["by_group"].fill_null(value=False).to_numpy()
    places, rows = match(
        keys,
        ranked,
        holds=lambda at, row: (
            by_group[at] & (np.isnan(shortest[row]) | (days[at] >= shortest[row]))
        ),
    )
    if not len(places):
        return facts.with_columns(_NONE)
    bands = ranked.gather(rows).select(
        "from_day", "day_rate_yuan", "cap_yuan", "cap_at_cost", "source"
    )
    until = pl.col("from_day").shift(-1).over("place", order_by="from_day")
    sums = (
        bands.with_columns(facts["days"].gather(places), place=pl.Series(places, dtype=pl.Int64))
        .with_columns(until=until)
        .with_columns(
            count=(
                pl.min_horizontal(pl.col("days") + 1, pl.col("until")) - pl.col("from_day")
            ).clip(lower_bound=0)
        )
        .group_by("place", maintain_order=True)
        .agg(
            pl.when(pl.col("days").first().is_not_null())
            .then((pl.col("count").cast(pl.Int64) * pl.col("day_rate_yuan")).sum())
            .alias("day_sum"),
            pl.col("cap_yuan").min().alias("day_cap"),
            pl.col("cap_at_cost").any(),
            pl.col("source").first().alias("day_source"),
        )
    )
    return (
        facts.with_columns(place=pl.int_range(pl.len(), dtype=pl.Int64))
        .join(sums, on="place", how="left", maintain_order="left")
        .with_columns(
            by_day=pl.col("day_source").is_not_null(),
            cap_at_cost=pl.col("cap_at_cost").fill_null(False),
            day_payment_fen=pl.when(pl.col("day_sum").is_not_null()).then(
                pl.min_horizontal("day_sum", "day_cap")
            ),
            capped_by_day=(pl.col("day_sum") > pl.col("day_cap")).fill_null(False),
        )
        .drop("place", "day_sum", "day_cap")
    )
