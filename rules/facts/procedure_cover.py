"""Facts of what a procedure is for: coverage by the fund, and the sides of the body.

Both ask the stay's ICD-10 diagnoses; codes of other systems leave them null.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts.fact import Kind, declare
from rules.facts.operation import coded, matched
from rules.facts.prescription import stated_codes
from rules.facts.source import Source

FLAG, TEXT = Kind.FLAG, Kind.TEXT
_NOT_LISTED: Final = "the table does not list the procedure"

# fmt: off
COVER: Final = declare("procedure", "procedures, diagnoses, stays, reference/procedures_not_covered.csv, reference/bilateral_procedures.csv", (
    ("not_covered_name", TEXT, "非保障项目", "procedure outside coverage", "Name of the group of procedures.", _NOT_LISTED),
    ("covered_reason_present", FLAG, "存在可支付诊断", "a diagnosis makes it payable",
     "A diagnosis starts with a code that makes the procedure reconstructive.",
     "the procedure is not listed, or the stay states no ICD-10 diagnosis"),
    ("is_bilateral", FLAG, "为双侧术式编码", "is a code of both sides", "Listed as such.", None),
    ("only_one_side_diagnosed", FLAG, "仅有单侧诊断", "only one side is diagnosed",
     "A diagnosis names one side of the disease and none names both.",
     "the procedure is not listed as bilateral, or the stay states no ICD-10 diagnosis"),
))
# fmt: on


def cover(source: Source) -> pl.LazyFrame:
    """The facts ``COVER``, one row a procedure."""
    rows = coded(source)
    keys = ["stay_id", ":subject_id"]
    outside = rows.select(*keys, "norm").join(
        matched(source, "procedures_not_covered"), on="norm", how="inner"
    )
    both = rows.select(*keys, "norm").join(
        matched(source, "bilateral_procedures"), on="norm", how="inner"
    )
    codes = stated_codes(source)
    true = pl.lit(value=True)

    def present(asked: pl.DataFrame, column: str) -> pl.DataFrame:
        return (
            asked.explode(column)
            .with_columns(pl.col(column).str.replace_all(".", "", literal=True))
            .filter(pl.col(column) != "")
            .join(codes, on="stay_id", how="inner", suffix="_stated")
            .filter(pl.col("norm_stated").str.starts_with(pl.col(column)))
            .select(keys)
            .unique()
            .with_columns(true.alias(column))
        )

    return (
        rows.lazy()
        .select(keys)
        .join(outside.lazy().select(*keys, "name_zh"), on=keys, how="left")
        .join(both.lazy().select(*keys, is_bilateral=true), on=keys, how="left")
        .join(present(outside, "accepted_diagnoses").lazy(), on=keys, how="left")
        .join(present(both, "one_sided_diagnoses").lazy(), on=keys, how="left")
        .join(present(both, "both_sided_diagnoses").lazy(), on=keys, how="left")
        .join(
            codes.lazy().select("stay_id").unique().with_columns(coded=true),
            on="stay_id",
            how="left",
        )
        .select(
            *keys,
            pl.col("name_zh").alias("not_covered_name"),
            pl.when(pl.col("name_zh").is_not_null() & pl.col("coded"))
            .then(pl.col("accepted_diagnoses").fill_null(value=False))
            .alias("covered_reason_present"),
            pl.col("is_bilateral").fill_null(value=False),
            pl.when(pl.col("is_bilateral") & pl.col("coded"))
            .then(
                pl.col("one_sided_diagnoses").is_not_null()
                & pl.col("both_sided_diagnoses").is_null()
            )
            .alias("only_one_side_diagnosed"),
        )
    )
