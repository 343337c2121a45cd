"""Facts of day surgery: whether all that was done is usually done without a stay."""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts import codebook
from rules.facts.diagnosis import normal_codes
from rules.facts.fact import Fact, Kind, declare
from rules.facts.source import Source

# fmt: off
OF_STAY: Final[tuple[Fact, ...]] = declare("stay", "procedures, diagnoses, reference/day_surgery.csv", (
    ("is_day_surgery", Kind.FLAG, "手术均属日间手术病种", "all procedures are on the day-surgery list",
     "There is a procedure, and every one on the claim is on the list; where the list names principal diagnoses, the claim's is one of them.",
     None),
    ("day_surgery_name", Kind.TEXT, "日间手术名称", "the day surgery", "Name in the list of the first procedure.",
     "not all procedures are on the list"),
))
# fmt: on


def of_stay(source: Source) -> pl.DataFrame:
    """The facts ``OF_STAY``; a stay that is no day surgery is left out."""
    rows = source.table("procedures").select("stay_id", "ordinal", "code")
    table = codebook.starting("day_surgery", "prefix", source.reference)
    norms = normal_codes(rows)
    listed = codebook.longest(norms, table.drop("system")).select("norm", "name_zh", "diagnoses")
    systems = source.table("stays").select("stay_id", "procedure_system")
    known = table["system"].unique().to_list()
    found = (
        rows.with_columns(norms.alias("norm"))
        .join(listed, on="norm", how="left", maintain_order="left")
        .join(systems, on="stay_id", how="left", maintain_order="left")
        .with_columns(
            fits=pl.col("name_zh").is_not_null() & pl.col("procedure_system").is_in(known)
        )
        .filter(pl.col("fits").fill_null(value=False).all().over("stay_id"))
    )
    if not found.height:
        return pl.DataFrame(
            schema={
                "stay_id": pl.String,
                "is_day_surgery": pl.Boolean,
                "day_surgery_name": pl.String,
            }
        )
    return (
        found.join(_principal(source), on="stay_id", how="left", maintain_order="left")
        .with_columns(fits=_diagnosis_fits(found["diagnoses"].explode().unique().to_list()))
        .sort("stay_id", "ordinal")
        .group_by("stay_id", maintain_order=True)
        .agg(
            pl.col("fits").all(ignore_nulls=False).fill_null(value=False).alias("is_day_surgery"),
            pl.col("name_zh").first().alias("day_surgery_name"),
        )
        .filter("is_day_surgery")
    )


def _principal(source: Source) -> pl.DataFrame:
    rows = source.table("diagnoses").filter(pl.col("ordinal") == 1).select("stay_id", "code")
    return rows.select("stay_id", normal_codes(rows).alias("principal"))


def _diagnosis_fits(starts: list[str | None]) -> pl.Expr:
    """Whether the principal diagnosis begins with one of the row's ``diagnoses``, if it has any."""
    fits = pl.col("diagnoses").list.join("") == ""
    for start in sorted(s for s in starts if s):
        begins = pl.col("principal").str.starts_with(start.replace(".", ""))
        fits |= pl.col("diagnoses").list.contains(start) & begins
    return fits
