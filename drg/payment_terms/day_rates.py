"""Stays paid by the day: the rate of its band for each day, up to a highest amount."""

from __future__ import annotations

import polars as pl

from drg.payment_terms.matching import match
from drg.payment_terms.standard import WHERE_GROUP
from drg.payment_terms.terms import Terms


def add_day_rates(facts: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """Add ``by_day`` (whether the stay is paid by the day) and ``day_payment_fen``.

    ``capped_by_day`` says whether ``cap_yuan`` cut it, ``cap_at_cost`` whether the cost may.
    While the patient is in hospital the days are not known: the stay is paid by the day
    only where no shortest stay is asked for, and there is no payment yet.
    """
    bands = match(
        facts.filter("by_group").select(*WHERE_GROUP, "days"),
        terms.day_rates,
        holds=pl.col("min_days").is_null() | (pl.col("days") >= pl.col("min_days")),
    ).select("place", "from_day", "day_rate_yuan", "cap_yuan", "cap_at_cost", "source")
    until = pl.col("from_day").shift(-1).over("place", order_by="from_day")
    sums = (
        bands.with_columns(until=until)
        .join(facts.select("place", "days"), on="place")
        .with_columns(
            count=(
                pl.min_horizontal(pl.col("days") + 1, pl.col("until")) - pl.col("from_day")
            ).clip(lower_bound=0)
        )
        .group_by("place")
        .agg(
            pl.when(pl.col("days").first().is_not_null())
            .then((pl.col("count").cast(pl.Int64) * pl.col("day_rate_yuan")).sum())
            .alias("day_sum"),
            pl.col("cap_yuan").min().alias("day_cap"),
            pl.col("cap_at_cost").any(),
            pl.col("source").first().alias("day_source"),
        )
    )
    return facts.join(sums, on="place", how="left", maintain_order="left").with_columns(
        by_day=pl.col("day_source").is_not_null(),
        cap_at_cost=pl.col("cap_at_cost").fill_null(False),
        day_payment_fen=pl.when(pl.col("day_sum").is_not_null()).then(
            pl.min_horizontal("day_sum", "day_cap")
        ),
        capped_by_day=(pl.col("day_sum") > pl.col("day_cap")).fill_null(False),
    )
