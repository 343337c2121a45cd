"""Charges paid beside the group, and the charges of single items."""

from __future__ import annotations

from typing import Final

import polars as pl
import pyarrow as pa

from domain.tables import Tables
from drg.payment_terms.matching import REGION, covers, match_one
from drg.payment_terms.terms import Terms

LARGEST_FEN: Final = 10**15
"""Ten trillion yuan: above it an amount is an error, and products could leave 64 bits."""


def lines_of(facts: pl.DataFrame, charges: pa.Table, named: pl.Expr) -> pl.DataFrame:
    """The charge lines of the stays that ``named`` picks: place of the stay, item, amount."""
    wanted = (
        pl.DataFrame(charges.select(["stay_id", "item_code", "category", "amount_fen"]))
        .filter(named)
        .join(facts.select("place", "stay_id"), on="stay_id")
    )
    # A batch may ask for a stay twice, so the place and not the stay is the key.
    return wanted.group_by("place", "item_code", "category").agg(
        pl.col("amount_fen").cast(pl.Int128).sum()
    )


def add_excluded(facts: pl.DataFrame, tables: Tables, terms: Terms) -> pl.DataFrame:
    """Add ``excluded_fen``, ``excluded_payment_fen`` and ``cost_fen`` (total without the first).

    All three are null where the region pays items beside the group but the claim has no
    charge lines (``lines_needed``), or an amount is above ``LARGEST_FEN`` (``too_large``).
    ``itemised`` says whether the claim has charge lines, where any term asks for items.
    """
    excluded = terms.excluded
    needed = covers(REGION, excluded)
    # Most regions name no items; then the charge lines need not be read.
    charges = (
        tables.charges
        if excluded.rows.height or terms.reviewed_items
        else tables.charges.slice(0, 0)
    )
    itemised = pl.DataFrame(charges.select(["stay_id"])).unique().with_columns(itemised=True)
    lines = lines_of(
        facts,
        charges,
        pl.col("item_code").is_in(excluded.rows["item_code"].drop_nulls().unique().implode())
        | pl.col("category").is_in(excluded.rows["category"].drop_nulls().unique().implode()),
    ).with_row_index("line")
    keyed = lines.join(facts.select("place", "date", REGION, "insurance_type"), on="place")
    sums = (
        lines.join(
            match_one(keyed.drop("place").rename({"line": "place"}), excluded),
            left_on="line",
            right_on="place",
        )
        .group_by("place")
        .agg(
            pl.col("amount_fen").sum().alias("excluded_sum"),
            (pl.col("amount_fen") * pl.col("share").cast(pl.Int128)).sum().alias("excluded_shares"),
            pl.col("amount_fen").abs().max().alias("largest"),
        )
    )
    zero = pl.lit(0, pl.Int128)
    too_large = pl.max_horizontal(pl.col("total_fen"), pl.col("largest")) > LARGEST_FEN
    return (
        facts.join(sums, on="place", how="left", maintain_order="left")
        .join(itemised, on="stay_id", how="left", maintain_order="left")
        .with_columns(
            itemised=pl.col("itemised").fill_null(False),
            lines_needed=needed & pl.col("itemised").is_null(),
            too_large=too_large.fill_null(False),
        )
        .with_columns(known=~pl.col("lines_needed") & ~pl.col("too_large"))
        .with_columns(
            excluded_fen=pl.when("known").then(
                pl.coalesce("excluded_sum", zero).cast(pl.Int64, strict=False)
            ),
            excluded_payment_fen=pl.when("known").then(
                ((pl.coalesce("excluded_shares", zero) + 5_000) // 10_000).cast(
                    pl.Int64, strict=False
                )
            ),
        )
        .with_columns(cost_fen=pl.col("total_fen") - pl.col("excluded_fen"))
    )
