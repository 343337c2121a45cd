"""Stays by hospital and month: the rows from which the facts of ``provider_month`` are counted."""

from __future__ import annotations

from datetime import date
from typing import Final

import polars as pl
import pyarrow as pa

from domain.tables import Tables
from rules.facts import diagnosis, group, lookback
from rules.facts.source import Source, frame

SUBJECT: Final = ":subject_id"
KEYS: Final = (SUBJECT, "provider_id", "month")
"""What names a row: the subject is ``provider|2025-03``; ``month`` is its first day."""

LOOK_BACK_MONTHS: Final = 12
"""How many earlier months of the same hospital a fact compares with."""

_HEAD: Final = (
    "stay_id", "provider_id", "provider_level", "patient_id", "claim_type", "inpatient_type",
    "admission_date", "admission_time", "discharge_date", "discharge_way", "phone", "address",
    "bank_account", "attending_physician_id", "newborn_birth_weight_g", "total_amount_fen",
    "fund_payment_fen", "region_code", "currency", "receiving_provider_id",
)  # fmt: skip
_GROUPED: Final = (
    "group_code", "group_weight", "payment_standard_fen", "group_status", "adrg", "severity",
    "high_line_fen", "payment_case", "review_reasons", "cost_ratio",
)  # fmt: skip
_PRIOR: Final = (
    "days_since_prior_stay", "prior_same_provider", "transferred_from_prior", "prior_stated_plan",
    "prior_stated_transfer",
)  # fmt: skip


def ended_before(tables: Tables, upto: date) -> Tables:
    """The claims that ended before a day: discharged, or visits made, before it.

    Whatever ended on that day or later, and whoever is still in hospital, is left out with
    all its lines, so that nothing of it can be seen.
    """
    stays = frame(
        tables.stays.select(["stay_id", "claim_type", "admission_date", "discharge_date"])
    )
    kept = stays.filter(end_of_claim() < upto)["stay_id"]
    return tables.select(pa.array(kept.to_list(), pa.string()))


def end_of_claim() -> pl.Expr:
    """The day on which a claim ended; null while the patient is in hospital."""
    visit = pl.col("claim_type") != "inpatient"
    return pl.coalesce("discharge_date", pl.when(visit).then("admission_date"))


def month_claims(source: Source) -> pl.LazyFrame:
    """Every ended claim with its month, nights, principal diagnosis, group and prior stay."""
    return source.once("month_claims", _month_claims).lazy()


def month_stays(source: Source) -> pl.LazyFrame:
    """The inpatient stays of ``month_claims``."""
    return month_claims(source).filter(pl.col("claim_type") == "inpatient")


def _month_claims(source: Source) -> pl.DataFrame:
    heads = source.table("stays").lazy().select(_HEAD)
    principal = (
        diagnosis.of_stay(source)
        .lazy()
        .select("stay_id", "principal_diagnosis_code", "principal_is_treatment_cycle")
        .with_columns(
            principal=pl.col("principal_diagnosis_code")
            .str.to_uppercase()
            .str.replace_all(".", "", literal=True)
        )
    )
    department = (
        source.table("stays")
        .lazy()
        .select("stay_id", department=pl.coalesce("discharge_department", "admission_department"))
    )
    joined = heads
    for other in (
        department,
        principal,
        group.payment(source).select("stay_id", *_GROUPED),
        lookback.prior(source).select("stay_id", *_PRIOR),
        lookback.disease(source).select("stay_id", "same_disease_as_prior"),
    ):
        joined = joined.join(other, on="stay_id", how="left")
    end = end_of_claim()
    return (
        joined.with_columns(
            end=end,
            month=end.dt.truncate("1mo"),
            nights=(pl.col("discharge_date") - pl.col("admission_date")).dt.total_days(),
        )
        .filter(pl.col("end").is_not_null())
        .with_columns(
            pl.concat_str("provider_id", pl.lit("|"), pl.col("month").dt.to_string("%Y-%m")).alias(
                SUBJECT
            )
        )
        .sort("stay_id")  # sums of decimals and floats must not depend on the order of rows
        .collect()
    )


def months(source: Source) -> pl.LazyFrame:
    """One row a hospital and month: its keys, period, level, region and currency."""
    return source.once("provider_months", _months).lazy()


def every_month(source: Source, found: pl.LazyFrame, *counts: str) -> pl.LazyFrame:
    """``found`` for every hospital and month; ``counts`` are 0 where nothing was found."""
    return (
        months(source)
        .select(SUBJECT)
        .join(found, on=SUBJECT, how="left")
        .with_columns(pl.col(name).fill_null(0) for name in counts)
    )


def _months(source: Source) -> pl.DataFrame:
    return (
        month_claims(source)
        .group_by(KEYS)
        .agg(
            pl.col("provider_level").drop_nulls().min().alias("level"),
            pl.col("region_code").drop_nulls().min().alias("region_code"),
            pl.col("currency").min().alias("currency"),
            pl.len().cast(pl.Int64).alias("claims"),
        )
        .with_columns(period_end=pl.col("month").dt.month_end())
        .sort(SUBJECT)
        .collect()
    )


def before(source: Source) -> pl.LazyFrame:
    """For each hospital and month its earlier months of the year before: ``KEYS``, ``earlier``."""
    mine = months(source).select(KEYS)
    theirs = mine.select("provider_id", earlier="month")
    return mine.join(theirs, on="provider_id", how="inner").filter(
        (pl.col("earlier") < pl.col("month"))
        & (pl.col("earlier") >= pl.col("month").dt.offset_by(f"-{LOOK_BACK_MONTHS}mo"))
    )
