"""Facts about equal claims: the vector of all codes, of this patient or another."""

from __future__ import annotations

import hashlib
from typing import Final

import polars as pl

from rules.facts.diagnosis import normal, normal_codes
from rules.facts.fact import Kind, declare
from rules.facts.lookback import BEFORE, ORDER
from rules.facts.source import Source

INTEGER, TEXT = Kind.INTEGER, Kind.TEXT

# fmt: off
VECTOR: Final = declare("stay", "codes of all claims of the same type", (
    ("code_count", INTEGER, "编码条数", "number of codes", "Diagnoses and procedures on the claim.",
     "the claim has no diagnosis"),
    ("identical_code_vectors_before", INTEGER, "此前编码完全一致的结算数", "earlier claims with identical codes",
     "Earlier claims of the same type whose admission diagnosis, diagnoses, procedures (in order) and billed group are all equal.",
     "the claim has no diagnosis"),
    ("identical_code_vector_stay_id", TEXT, "编码一致的结算ID", "an earlier claim with identical codes",
     "The first of them.", "there is none"),
), as_of=BEFORE)
# fmt: on

_FACTS: Final = ("stay_id", *(f.name for f in VECTOR))


def vector(source: Source) -> pl.LazyFrame:
    """The facts ``VECTOR`` of every claim of the batch that has a diagnosis."""
    return source.once(
        "likeness",
        lambda source: compare(vectors(source)).filter("in_batch").select(_FACTS).collect(),
    ).lazy()


def vectors(source: Source) -> pl.LazyFrame:
    """What ``compare`` reads, for each claim of batch and history that has a diagnosis."""
    known = code_vectors(
        source.all_rows("stays"), source.all_rows("diagnoses"), source.all_rows("procedures")
    )
    claims = source.claims.lazy().select("claim_type", *ORDER, "in_batch")
    return claims.join(known, on="stay_id", how="inner")


def compare(claims: pl.LazyFrame) -> pl.LazyFrame:
    """The claims with the facts ``VECTOR``; all of one type and vector must be among them.

    Equal vectors may be replaced by anything that is equal where they are.
    """
    keys = ["claim_type", "vector"]
    place = pl.int_range(pl.len()).over(keys)
    return claims.sort(*ORDER, nulls_last=False).with_columns(
        place.alias("identical_code_vectors_before"),
        pl.when(place > 0)
        .then(pl.col("stay_id").first().over(keys))
        .alias("identical_code_vector_stay_id"),
    )


def digests(vectors: pl.Series) -> pl.Series:
    """32 hex digits of the SHA-256 of each text: as unequal as the texts, and short."""
    texts = vectors.unique()
    short = [hashlib.sha256(t.encode()).hexdigest()[:32] for t in texts.to_list()]
    return vectors.replace_strict(texts, pl.Series(short, dtype=pl.String), return_dtype=pl.String)


def code_vectors(
    stays: pl.DataFrame, diagnoses: pl.DataFrame, procedures: pl.DataFrame
) -> pl.LazyFrame:
    """``stay_id``, ``vector`` (text) and ``code_count`` of the stays that have a diagnosis.

    The vector is: diagnosis system, procedure system, admission diagnosis, billed
    group, diagnoses and procedures in the order of the list.
    """

    def listed(rows: pl.DataFrame, name: str) -> pl.LazyFrame:
        return (
            rows.select("stay_id", "ordinal", normal_codes(rows).alias(name))
            .lazy()
            .sort("ordinal")
            .group_by("stay_id")
            .agg(pl.col(name).str.join(","), pl.len().cast(pl.Int64).alias(f"{name}_count"))
        )

    return (
        stays.lazy()
        .join(listed(diagnoses, "dx"), on="stay_id", how="inner")
        .join(listed(procedures, "px"), on="stay_id", how="left")
        .select(
            "stay_id",
            pl.concat_str(
                "diagnosis_system",
                "procedure_system",
                normal("admission_diagnosis_code").fill_null(""),
                pl.col("billed_group_code").fill_null(""),
                "dx",
                pl.col("px").fill_null(""),
                separator="|",
            ).alias("vector"),
            (pl.col("dx_count") + pl.col("px_count").fill_null(0)).alias("code_count"),
        )
    )
