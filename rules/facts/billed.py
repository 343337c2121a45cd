"""The charge lines of which a reference table says something, and what it says: shared by the builders."""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts import reference, terms
from rules.facts.lookback import ORDER
from rules.facts.source import PERSON, ROW, Source

_KEPT: Final = [
    ROW, "stay_id", "line_id", "item_code", "item_name", "category", "quantity", "unit_price",
    "amount_fen", "charge_date", "charge_time", "region_code", "provider_level",
]  # fmt: skip


def watched(source: Source) -> pl.DataFrame:
    """The standing lines whose item a reference table names, with ``:row``, region and level."""
    return source.once("watched lines", _watched)


def _watched(source: Source) -> pl.DataFrame:
    rows = source.table("charges").lazy().with_row_index(ROW)
    hourly = reference.items(source.reference).filter("is_hourly")["item_code"].to_list()
    named = [
        terms.item_terms(source.reference)["item_code"],
        terms.price_caps(source.reference)["item_code"],
        live_pairs(source)["item_code"],
        live_pairs(source)["other_code"],
    ]
    codes = {*hourly, *pl.concat(named).to_list()} & codes_charged(source)
    mine = rows.filter(pl.col("item_code").is_in(sorted(codes)))
    heads = source.table("stays").lazy().select("stay_id", "region_code", "provider_level")
    return standing(mine, rows).join(heads, on="stay_id", how="inner").select(_KEPT).collect()


def codes_charged(source: Source) -> frozenset[str]:
    """The item codes of the batch's charge lines."""
    return frozenset(source.once("codes charged", _codes_charged)["item_code"].to_list())


def _codes_charged(source: Source) -> pl.DataFrame:
    return source.table("charges").select(pl.col("item_code").unique())


def live_pairs(source: Source) -> pl.DataFrame:
    """The rows of ``item_pairs.csv`` that can say something of the batch.

    The other item must be charged; where an absent main item makes no fault, also the main one.
    """
    charged = list(codes_charged(source))
    alone = pl.col("relation").is_in(
        ["surcharge", "imaging_surcharge", "needs", "monitors", "panel"]
    )
    return terms.item_pairs(source.reference).filter(
        pl.col("other_code").is_in(charged) & (alone | pl.col("item_code").is_in(charged))
    )


def standing(some: pl.LazyFrame, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Those of ``some`` lines that neither take another back nor are taken back by one of ``rows``."""
    some = some.filter(pl.col("reverses_line_id").is_null())
    back = (
        rows.filter(pl.col("reverses_line_id").is_not_null())
        .group_by("stay_id", pl.col("reverses_line_id").alias("line_id"))
        .agg(pl.col("quantity").sum().abs().alias("taken_back"))
        .collect()
    )
    if back.is_empty():
        return some
    return some.join(back.lazy(), on=["stay_id", "line_id"], how="left").filter(
        ~(pl.col("taken_back") >= pl.col("quantity")).fill_null(value=False)
    )


def stated(source: Source) -> pl.DataFrame:
    """``:row``, ``term``, ``value`` (text) of each term that holds for a watched line."""
    return source.once("item terms", _stated)


def _stated(source: Source) -> pl.DataFrame:
    table = terms.item_terms(source.reference)
    twice = pl.struct("item_code", "term").is_duplicated()
    lines = watched(source).lazy().select(ROW, "item_code", "charge_date", "region_code")
    plain = terms.applicable(lines, table.filter(~twice)).select(ROW, "term", "value")
    # Only where a term stands several times can a region's be longer than another.
    choice = (
        terms.applicable(lines, table.filter(twice))
        .select(ROW, "term", "value", pl.col("term_region").str.len_bytes().alias("reach"))
        .sort("reach")
        .unique([ROW, "term"], keep="last", maintain_order=True)
        .drop("reach")
    )
    return pl.concat([plain, choice]).collect()


def pairs(source: Source) -> pl.DataFrame:
    """Each watched line (the other item) with each line of its main item in the window.

    ``:row``, ``relation``, ``value``, ``main_code`` and, where a main line was found, its ``main_row``,
    ``main_name``, ``main_quantity``, ``main_amount``, ``minutes`` apart and ``sure`` (false: a time is missing).
    """
    return source.once("item pairs", _paired)


def _paired(source: Source) -> pl.DataFrame:
    table = live_pairs(source)
    mains = (
        watched(source)
        .lazy()
        .filter(pl.col("item_code").is_in(table["item_code"].unique().to_list()))
        .select(
            "stay_id",
            pl.col("item_code").alias("main_code"),
            pl.col(ROW).alias("main_row"),
            pl.col("item_name").alias("main_name"),
            pl.col("quantity").alias("main_quantity"),
            pl.col("amount_fen").alias("main_amount"),
            pl.col("line_id").alias("main_line"),
            pl.col("charge_date").alias("main_date"),
            pl.col("charge_time").alias("main_time"),
        )
    )
    minutes = (pl.col("charge_time") - pl.col("main_time")).dt.total_minutes().abs()
    same_day = pl.col("charge_date") == pl.col("main_date")
    holds = (
        pl.when(pl.col("window") == "day")
        .then(same_day)
        .when(pl.col("window") == "stay")
        .then(pl.col("main_row").is_not_null())
        .otherwise(minutes <= pl.col("window").cast(pl.Int64, strict=False))
    )
    return (
        terms.applicable(watched(source).lazy(), table, on="other_code")
        .join(mains, on=["stay_id", "main_code"], how="left")
        .with_columns(minutes=minutes, holds=holds)
        .with_columns(
            found=pl.col("main_row").is_not_null() & pl.col("holds").fill_null(value=True),
            sure=pl.col("holds").is_not_null(),
        )
        .select(
            ROW, "relation", "value", "line_id", "amount_fen", "item_name", "main_code", "main_row",
            "main_line", "main_name", "main_quantity", "main_amount", "minutes", "found", "sure",
        )
        .collect()
    )  # fmt: skip


def earlier_claims(source: Source) -> pl.LazyFrame:
    """``stay_id``, the person and ``claim``, the place of the claim in the order of claims."""
    return (
        source.claims.lazy()
        .select("stay_id", *PERSON, *[c for c in ORDER if c != "stay_id"])
        .sort(*ORDER, nulls_last=False)
        .with_row_index("claim")
        .select("stay_id", "claim", *PERSON)
    )


def item_days(source: Source, term: str) -> pl.LazyFrame:
    """``stay_id``, ``item_code``, ``charge_date`` of standing lines of items with the term, history included."""
    items = terms.item_terms(source.reference).filter(term=term)["item_code"].unique().to_list()
    return source.once("item days", _item_days).lazy().filter(pl.col("item_code").is_in(items))


def _item_days(source: Source) -> pl.DataFrame:
    looked_back = terms.item_terms(source.reference).filter(
        pl.col("term").is_in(["interval_days", "course_days"])
    )
    rows = source.all_rows("charges").lazy()
    mine = rows.filter(pl.col("item_code").is_in(looked_back["item_code"].unique().to_list()))
    return standing(mine, rows).select("stay_id", "item_code", "charge_date").unique().collect()
