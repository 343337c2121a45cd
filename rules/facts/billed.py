"""The charge lines of which a reference table says something, and what it says: shared by the builders."""

from __future__ import annotations

from functools import cache
from typing import Final

import polars as pl

from rules.codebooks import Place
from rules.facts import charge_line, reference, terms
from rules.facts.charge_line import ITEM_DAY
from rules.facts.lookback import ORDER
from rules.facts.source import PERSON, ROW, STAY, Source

_KEPT: Final = [
    ROW, STAY, ITEM_DAY, "stay_id", "line_id", "item_code", "item_name", "quantity", "amount_fen",
    "charge_date", "charge_time",
]  # fmt: skip


def watched(source: Source) -> pl.DataFrame:
    """The standing lines whose item a reference table names, with ``:row``, region and level."""
    return source.once("watched lines", _watched)


def _watched(source: Source) -> pl.DataFrame:
    paired = live_pairs(source)
    codes = pl.concat([_named(source.reference), paired["item_code"], paired["other_code"]])
    mine = charge_line.of_items(charge_line.live(source).select(_KEPT), source, codes)
    heads = source.table("stays").select("region_code", "provider_level")
    return mine.with_columns(heads.select(pl.all().gather(mine[STAY])))


@cache
def _named(folder: Place) -> pl.Series:
    """The items that a table of single items names."""
    hourly = reference.items(folder).filter("is_hourly")
    named = (hourly, terms.item_terms(folder), terms.price_caps(folder))
    return pl.concat([table["item_code"] for table in named]).unique()


def codes_charged(source: Source) -> frozenset[str]:
    """The item codes of the batch's charge lines."""
    return frozenset(source.once("codes charged", _codes_charged)["item_code"].to_list())


def _codes_charged(source: Source) -> pl.DataFrame:
    return charge_line.tariff(source).select(pl.col("item_code").unique())


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


def standing(some: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Those of ``some`` lines that neither take another back nor are taken back by one of ``rows``."""
    some = some.filter(pl.col("reverses_line_id").is_null())
    back = (
        rows.filter(pl.col("reverses_line_id").is_not_null())
        .group_by("stay_id", pl.col("reverses_line_id").alias("line_id"))
        .agg(pl.col("quantity").sum().abs().alias("taken_back"))
    )
    if back.is_empty():
        return some
    return some.join(back, on=["stay_id", "line_id"], how="left").filter(
        ~(pl.col("taken_back") >= pl.col("quantity")).fill_null(value=False)
    )


def stated(source: Source) -> pl.DataFrame:
    """``:row``, ``term``, ``value`` (text) of each term that holds for a watched line."""
    return source.once("item terms", _stated)


def _stated(source: Source) -> pl.DataFrame:
    table = terms.item_terms(source.reference)
    twice = pl.struct("item_code", "term").is_duplicated()
    lines = watched(source).select(ROW, "item_code", "charge_date", "region_code")
    plain = terms.applicable(lines, table.filter(~twice)).select(ROW, "term", "value")
    # Only where a term stands several times can a region's be longer than another.
    several = table.filter(twice)
    if several.is_empty():
        return plain
    choice = (
        terms.applicable(lines, several)
        .select(ROW, "term", "value", pl.col("term_region").str.len_bytes().alias("reach"))
        .sort("reach")
        .unique([ROW, "term"], keep="last", maintain_order=True)
        .drop("reach")
    )
    return pl.concat([plain, choice])


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
        .filter(pl.col("item_code").is_in(table["item_code"].unique().implode()))
        .select(
            STAY,
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
        terms.applicable(watched(source), table, on="other_code")
        .join(mains, on=[STAY, "main_code"], how="left")
        .with_columns(minutes=minutes, holds=holds)
        .with_columns(
            found=pl.col("main_row").is_not_null() & pl.col("holds").fill_null(value=True),
            sure=pl.col("holds").is_not_null(),
        )
        .select(
            ROW, "relation", "value", "line_id", "amount_fen", "item_name", "main_code", "main_row",
            "main_line", "main_name", "main_quantity", "main_amount", "minutes", "found", "sure",
        )
    )  # fmt: skip


def earlier_claims(source: Source) -> pl.DataFrame:
    """``stay_id``, the person and ``claim``, the place of the claim in the order of claims."""
    return source.once("order of claims", _earlier_claims)


def _earlier_claims(source: Source) -> pl.DataFrame:
    return (
        source.claims.select("stay_id", *PERSON, *[c for c in ORDER if c != "stay_id"])
        .sort(*ORDER, nulls_last=False)
        .with_row_index("claim")
        .select("stay_id", "claim", *PERSON)
    )


def item_days(source: Source, term: str) -> pl.DataFrame:
    """``stay_id``, ``item_code``, ``charge_date`` of standing lines of items with the term, history included."""
    items = terms.item_terms(source.reference).filter(term=term)["item_code"].unique()
    return source.once("item days", _item_days).filter(pl.col("item_code").is_in(items.implode()))


def _item_days(source: Source) -> pl.DataFrame:
    looked_back = terms.item_terms(source.reference).filter(
        pl.col("term").is_in(["interval_days", "course_days"])
    )["item_code"]
    kept = ["stay_id", "item_code", "charge_date"]
    mine = charge_line.of_items(
        charge_line.live(source).select(*kept, ITEM_DAY), source, looked_back
    ).select(kept)
    if source.past_ids is None:
        return mine.unique()
    past = source.all_rows("charges").join(source.past_ids, on="stay_id", how="semi")
    asked = past.filter(pl.col("item_code").is_in(looked_back.unique().implode()))
    return pl.concat([mine, standing(asked, past).select(kept)]).unique()
