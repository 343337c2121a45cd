"""Facts of organs that can be removed only once: earlier stays of the patient (look-back)."""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts import codebook
from rules.facts.diagnosis import normal_codes
from rules.facts.fact import Kind, declare
from rules.facts.lookback import BEFORE, ORDER
from rules.facts.source import PERSON, Source

INTEGER, TEXT = Kind.INTEGER, Kind.TEXT

# fmt: off
REMOVED: Final = declare("procedure", "procedures of the patient's claims, reference/once_only.csv", (
    ("removed_organ", TEXT, "切除器官", "organ removed", "Organ that the operation removes whole.",
     "the operation removes no organ whole"),
    ("organ_count", INTEGER, "器官数量", "organs that a person has", "How many of it a person has.",
     "the operation removes no organ whole"),
    ("earlier_removals", INTEGER, "既往切除次数", "earlier removals of the organ",
     "Earlier claims of the patient that list a removal of the organ; 0 where the operation removes none.", None),
    ("earlier_removal_stay_id", TEXT, "既往切除结算ID", "claim of the earlier removal", "The last of them.", "there is none"),
), as_of=BEFORE)
# fmt: on


def removed(source: Source) -> pl.LazyFrame:
    """The facts ``REMOVED``, one row a procedure."""
    rows = source.all_rows("procedures").select("stay_id", "ordinal", "code")
    systems = source.all_rows("stays").select("stay_id", "procedure_system")
    rows = rows.with_columns(normal_codes(rows).alias("norm"))
    organs = codebook.longest(
        rows["norm"], codebook.starting("once_only", "prefix", source.reference)
    ).select("norm", "organ_zh", "most")
    removals = (
        rows.join(organs, on="norm", how="inner")
        .join(systems, on="stay_id", how="inner")
        .filter(pl.col("procedure_system").str.starts_with("ICD-9-CM-3"))
    )
    claims = source.claims.select(
        "stay_id", *PERSON, "admission_date", "admission_time", "in_batch"
    )
    placed = removals.select("stay_id", "organ_zh").unique().join(claims, on="stay_id", how="inner")
    keys = [*PERSON, "organ_zh"]
    # One row a claim and organ in the fixed order of claims: those above are the earlier ones.
    earlier = placed.sort(*keys, *ORDER, nulls_last=False).with_columns(
        earlier=pl.int_range(pl.len()).over(keys),
        last_id=pl.col("stay_id").shift(1).over(keys),
    )
    mine = removals.join(
        earlier.filter("in_batch").select("stay_id", "organ_zh", "earlier", "last_id"),
        on=["stay_id", "organ_zh"],
        how="inner",
    ).select("stay_id", "ordinal", "organ_zh", "most", "earlier", "last_id")
    return (
        source.table("procedures")
        .lazy()
        .select("stay_id", "ordinal")
        .join(mine.lazy(), on=["stay_id", "ordinal"], how="left")
        .select(
            "stay_id",
            pl.concat_str(pl.lit("px-"), pl.col("ordinal")).alias(":subject_id"),
            pl.col("organ_zh").alias("removed_organ"),
            pl.col("most").alias("organ_count"),
            pl.col("earlier").fill_null(0).cast(pl.Int64).alias("earlier_removals"),
            pl.col("last_id").alias("earlier_removal_stay_id"),
        )
    )
