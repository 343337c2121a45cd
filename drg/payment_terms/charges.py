"""Charges paid beside the group, and the charges of single items."""

from __future__ import annotations

from typing import Final

import polars as pl
import pyarrow as pa

from domain.tables import Tables
from drg.payment_terms.matching import REGION, Keys, match_one
from drg.payment_terms.terms import Terms

LARGEST_FEN: Final = 10**15
"""Ten trillion yuan: above it an amount is an error, and products could leave 64 bits."""

_ZERO: Final = pl.lit(0, pl.Int128)
_UNREAD: Final = [
    pl.lit(None, dtype).alias(name)
    for name, dtype in {
        "excluded_sum": pl.Int128(), "excluded_shares": pl.Int128(), "largest": pl.Int128(),
        "itemised": pl.Boolean(),
    }.items()
]  # fmt: skip
_KNOWN: Final = [
    pl.col("itemised").fill_null(False),
    (pl.col("lines_needed") & pl.col("itemised").is_null()).alias("lines_needed"),
    (pl.max_horizontal(pl.col("total_fen"), pl.col("largest")) > LARGEST_FEN)
    .fill_null(False)
    .alias("too_large"),
]
_readable: Final = ~pl.col("lines_needed") & ~pl.col("too_large")
_EXCLUDED: Final = [
    pl.when(_readable)
    .then(pl.coalesce("excluded_sum", _ZERO).cast(pl.Int64, strict=False))
    .alias("excluded_fen"),
    pl.when(_readable)
    .then(((pl.coalesce("excluded_shares", _ZERO) + 5_000) // 10_000).cast(pl.Int64, strict=False))
    .alias("excluded_payment_fen"),
]
_COST: Final = (pl.col("total_fen") - pl.col("excluded_fen")).alias("cost_fen")


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
    # Most regions name no items; then the charge lines need not be read.
    if terms.excluded.rows.height or terms.reviewed_items:
        facts = _read_lines(facts, tables.charges, terms)
    else:
        facts = facts.with_columns(_UNREAD)
    return (
        facts.with_columns(lines_needed=terms.excluded.covers)
        .with_columns(_KNOWN)
        .with_columns(_EXCLUDED)
        .with_columns(_COST)
    )


def _read_lines(facts: pl.DataFrame, charges: pa.Table, terms: Terms) -> pl.DataFrame:
    excluded = terms.excluded
    placed = facts.with_row_index("place")
    itemised = pl.DataFrame(charges.select(["stay_id"])).unique().with_columns(itemised=True)
    lines = lines_of(
        placed,
        charges,
        pl.col("item_code").is_in(excluded.rows["item_code"].drop_nulls().unique().implode())
        | pl.col("category").is_in(excluded.rows["category"].drop_nulls().unique().implode()),
    )
    keyed = lines.join(
        placed.select("place", "date", REGION, "insurance_type"),
        on="place",
        how="left",
        maintain_order="left",
    )
    found = match_one(Keys(keyed), excluded)
    sums = (
        lines.with_columns(excluded.gather(found)["share"])
        .filter(pl.Series(found >= 0))
        .group_by("place")
        .agg(
            pl.col("amount_fen").sum().alias("excluded_sum"),
            (pl.col("amount_fen") * pl.col("share").cast(pl.Int128)).sum().alias("excluded_shares"),
            pl.col("amount_fen").abs().max().alias("largest"),
        )
    )
    return (
        placed.join(sums, on="place", how="left", maintain_order="left")
        .join(itemised, on="stay_id", how="left", maintain_order="left")
        .drop("place")
    )
