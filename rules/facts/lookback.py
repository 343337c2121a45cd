"""Facts that look back at other claims of the patient, or at equal claims of others.

Claims stand in one fixed order: admission date, admission time (unknown first),
``stay_id``. A fact of a claim sees only claims before it in that order, so that no
verdict depends on how claims are cut into batches, as long as the history holds the
rest. The facts of ``OUTPATIENT`` are the exception that their ``as_of`` states.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from rules.facts.diagnosis import normal, normal_codes
from rules.facts.fact import Kind, declare
from rules.facts.source import Source

FLAG, INTEGER, MONEY, TEXT, DATE = Kind.FLAG, Kind.INTEGER, Kind.MONEY, Kind.TEXT, Kind.DATE
BEFORE: Final = "stays that began before it (admission date, admission time, stay_id)"
ORDER: Final = ("admission_date", "admission_time", "stay_id")
YEAR_DAYS: Final = 365
_CATEGORY_LETTERS: Final = 3
"""The first three letters of a diagnosis code name the disease (ICD-9 and ICD-10 category)."""
_NOT_INPATIENT: Final = "the claim is an outpatient visit"

# fmt: off
PRIOR: Final = declare("stay", "stays of the patient", (
    ("has_prior_stay", FLAG, "有既往住院", "has a prior stay",
     "The patient has an earlier inpatient stay; the last of them is the prior stay.", None),
    ("prior_stay_id", TEXT, "上次住院结算ID", "prior stay", "Identifier of the prior stay.", "there is none"),
    ("days_since_prior_stay", INTEGER, "距上次出院天数", "days since the prior stay",
     "Admission date minus the prior stay's discharge date; negative if they overlap.",
     "there is no prior stay or it has no discharge"),
    ("overlap_days_with_prior", INTEGER, "与上次住院重叠天数", "days of overlap with the prior stay",
     "Days by which the prior stay's discharge lies after this admission; 0 if it does not.",
     "there is no prior stay or it has no discharge"),
    ("overlap_days_with_earlier", INTEGER, "与既往住院重叠天数", "days of overlap with any earlier stay",
     "Days by which the latest discharge of all earlier stays lies after this admission; 0 if it does not.",
     "there is no earlier stay, or one has no discharge and the others do not reach the admission"),
    ("prior_same_provider", FLAG, "与上次同院", "prior stay at the same hospital",
     "The prior stay was at the same hospital; false if there is none.", None),
    ("prior_stated_transfer", FLAG, "上次标明转院", "prior stay stated to end in a transfer",
     "The prior stay's way of discharge is a transfer (2, 3); false where it is not stated.", None),
    ("prior_stated_plan", FLAG, "上次标明再住院计划", "prior stay stated to plan a readmission",
     "The prior stay states a planned readmission within 31 days; false where it is not stated.", None),
    ("stays_in_365_days", INTEGER, "365天内住院次数", "stays in 365 days",
     "Inpatient stays that began in the 365 days up to the admission day, this one included.", _NOT_INPATIENT),
), measures={
    "days_since_prior_stay": "day", "overlap_days_with_prior": "day", "overlap_days_with_earlier": "day",
    "stays_in_365_days": "stay",
}, as_of=BEFORE)
DISEASE: Final = declare("stay", "diagnoses of the patient's stays", (
    ("same_disease_as_prior", FLAG, "与上次同病", "same disease as the prior stay",
     "Principal diagnoses of this and the prior stay share the code system and the three-character category.",
     "there is no prior stay or one of the two has no diagnosis"),
), as_of=BEFORE)
REPEAT: Final = declare("stay", "stays of the patient", (
    ("same_admission_claims_before", INTEGER, "同日同院入院的既往结算数", "earlier claims of the same admission",
     "Earlier claims of the same patient, hospital, claim type and admission date.", None),
    ("same_admission_claim_id", TEXT, "同次入院的另一结算ID", "the other claim of the admission",
     "The first of them.", "there is none"),
), as_of=BEFORE)
IDENTITY: Final = declare("stay", "stays of the patient", (
    ("sex_differs_from_earlier", FLAG, "性别与既往不符", "sex differs from earlier claims",
     "The sex differs from that of the last earlier claim that states one; false if none does.",
     "the claim does not state the sex"),
    ("birth_date_differs_from_earlier", FLAG, "出生日期与既往不符", "birth date differs from earlier claims",
     "The birth date differs from that of the last earlier claim that states one; false if none does.",
     "the claim does not state the birth date"),
    ("death_is_known", FLAG, "已知死亡", "death is known",
     "This or an earlier claim states a death date or a discharge by death.", None),
    ("known_death_date", DATE, "已知死亡日期", "known date of death",
     "The earliest date of death that this or an earlier claim states.", "no death is known, or not its date"),
    ("days_from_death_to_service", INTEGER, "死亡至最后服务天数", "days from death to the last service",
     "Latest of admission, discharge and charge dates minus the known date of death.", "no date of death is known"),
), measures={"days_from_death_to_service": "day"}, as_of=BEFORE)
OUTPATIENT: Final = declare("stay", "outpatient claims of the patient at the same hospital", (
    ("outpatient_claims_during_stay", INTEGER, "住院期间本院门诊结算数", "outpatient claims during the stay",
     "Outpatient claims whose date lies after the day of admission and before the day of discharge.",
     "the claim is an outpatient visit or the patient is still in hospital"),
    ("outpatient_paid_during_stay_fen", MONEY, "住院期间本院门诊基金支付", "fund payment of outpatient claims during the stay",
     "What the fund paid for them.", "there is none, or a payment is not stated"),
    ("days_since_same_provider_visit", INTEGER, "距本院门诊天数", "days since a visit to the same hospital",
     "Admission date minus the date of the last outpatient claim on or before it.",
     "there is no such claim"),
    ("same_provider_visit_paid_fen", MONEY, "该次门诊基金支付", "fund payment of that visit",
     "What the fund paid for the claims of that date.", "there is none, or a payment is not stated"),
    ("has_same_provider_visit", FLAG, "入院前有本院门诊", "has an earlier visit to the same hospital",
     "There is an outpatient claim of the patient at the hospital on or before the day of admission.", None),
), measures={"days_since_same_provider_visit": "day"}, as_of={
    "outpatient_claims_during_stay": "outpatient claims dated before the stay's discharge",
    "outpatient_paid_during_stay_fen": "outpatient claims dated before the stay's discharge",
    "days_since_same_provider_visit": "outpatient claims dated on or before the day of admission",
    "same_provider_visit_paid_fen": "outpatient claims dated on or before the day of admission",
    "has_same_provider_visit": "outpatient claims dated on or before the day of admission",
})
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


def prior(source: Source) -> pl.LazyFrame:
    """The facts ``PRIOR`` of the batch's inpatient stays."""
    return source.once("prior", _prior).lazy()


def _prior(source: Source) -> pl.DataFrame:
    stays = _inpatient(source)
    same = pl.col("patient_id") == pl.col("patient_id").shift(1)
    has = same.fill_null(value=False)

    def before(column: str) -> pl.Expr:
        return pl.when(has).then(pl.col(column).shift(1))

    latest = pl.col("discharge_date").cum_max().over("patient_id").forward_fill().over("patient_id")
    open_before = pl.col("discharge_date").is_null().cum_max().over("patient_id")
    since = (pl.col("admission_date") - before("discharge_date")).dt.total_days()
    since_latest = (pl.col("admission_date") - before("latest")).dt.total_days()
    return (
        stays.with_columns(latest=latest, open=open_before, stays_in_365_days=_recent(stays))
        .select(
            "stay_id",
            "in_batch",
            "stays_in_365_days",
            has.alias("has_prior_stay"),
            before("stay_id").alias("prior_stay_id"),
            since.alias("days_since_prior_stay"),
            _overlap(since).alias("overlap_days_with_prior"),
            (before("provider_id") == pl.col("provider_id"))
            .fill_null(value=False)
            .alias("prior_same_provider"),
            before("discharge_way")
            .is_in(["2", "3"])
            .fill_null(value=False)
            .alias("prior_stated_transfer"),
            before("planned_readmission").fill_null(value=False).alias("prior_stated_plan"),
            pl.when((since_latest < 0) | ~before("open"))
            .then(_overlap(since_latest))
            .alias("overlap_days_with_earlier"),
        )
        .filter("in_batch")
    )


def disease(source: Source) -> pl.LazyFrame:
    """The facts ``DISEASE`` of the batch's inpatient stays that have a prior stay."""
    pairs = prior(source).filter("has_prior_stay").select("stay_id", "prior_stay_id")
    systems = source.all_rows("stays").lazy().select("stay_id", "diagnosis_system")
    first = (
        source.all_rows("diagnoses")
        .lazy()
        .filter(pl.col("ordinal") == 1)
        .unique("stay_id")
        .join(systems, on="stay_id")
        .select(
            "stay_id",
            pl.concat_str(
                "diagnosis_system", pl.lit(":"), normal("code").str.slice(0, _CATEGORY_LETTERS)
            ).alias("category"),
        )
    )
    return (
        pairs.join(first, on="stay_id", how="left")
        .join(first, left_on="prior_stay_id", right_on="stay_id", how="left", suffix="_prior")
        .select(
            "stay_id",
            (pl.col("category") == pl.col("category_prior")).alias("same_disease_as_prior"),
        )
    )


def repeat(source: Source) -> pl.LazyFrame:
    """The facts ``REPEAT`` of every claim of the batch."""
    keys = ["patient_id", "provider_id", "claim_type", "admission_date"]
    place = pl.int_range(pl.len()).over(keys)
    return (
        _of_patients(source)
        .lazy()
        .sort(*ORDER, nulls_last=False)
        .with_columns(
            place.alias("same_admission_claims_before"),
            pl.when(place > 0)
            .then(pl.col("stay_id").first().over(keys))
            .alias("same_admission_claim_id"),
        )
        .filter("in_batch")
    )


def identity(source: Source) -> pl.LazyFrame:
    """The facts ``IDENTITY`` of every claim of the batch."""
    claims = _of_patients(source).sort("patient_id", *ORDER, nulls_last=False)
    sex = pl.when(pl.col("sex").is_in(["1", "2"])).then(pl.col("sex"))
    died = pl.min_horizontal(
        "death_date",
        pl.when(pl.col("discharge_way") == "5").then(
            pl.coalesce("discharge_date", "admission_date")
        ),
    )

    def earlier(column: str) -> pl.Expr:
        return pl.col(column).forward_fill().shift(1).over("patient_id")

    def differs(column: str) -> pl.Expr:
        known = pl.col(column).is_not_null()
        return pl.when(known).then((earlier(column) != pl.col(column)).fill_null(value=False))

    charged = source.table("charges").lazy().group_by("stay_id").agg(pl.col("charge_date").max())
    return (
        claims.lazy()
        .with_columns(sex=sex, died=died)
        .with_columns(
            differs("sex").alias("sex_differs_from_earlier"),
            differs("birth_date").alias("birth_date_differs_from_earlier"),
            pl.col("died").cum_min().forward_fill().over("patient_id").alias("known_death_date"),
        )
        .filter("in_batch")
        .join(charged, on="stay_id", how="left")
        .with_columns(
            pl.col("known_death_date").is_not_null().alias("death_is_known"),
            (
                pl.max_horizontal("admission_date", "discharge_date", "charge_date")
                - pl.col("known_death_date")
            )
            .dt.total_days()
            .alias("days_from_death_to_service"),
        )
    )


def outpatient(source: Source) -> pl.LazyFrame:
    """The facts ``OUTPATIENT`` of the batch's inpatient stays."""
    keys = ["patient_id", "provider_id"]
    claims = _of_patients(source)
    stays = claims.filter("in_batch", claim_type="inpatient").lazy()
    visits = (
        claims.filter(claim_type="outpatient")
        .lazy()
        .select(
            *keys, pl.col("admission_date").alias("visit"), pl.col("fund_payment_fen").alias("paid")
        )
    )
    during = (pl.col("visit") > pl.col("admission_date")) & (
        pl.col("visit") < pl.col("discharge_date")
    )
    before = pl.col("visit") <= pl.col("admission_date")
    last = pl.col("visit") == pl.col("visit").filter(before).max()
    seen = (
        stays.select("stay_id", *keys, "admission_date", "discharge_date")
        .join(visits, on=keys, how="inner")
        .group_by("stay_id")
        .agg(
            during.sum().alias("outpatient_claims_during_stay"),
            _total(during).alias("outpatient_paid_during_stay_fen"),
            pl.col("visit").filter(before).max().alias("last_visit"),
            _total(last).alias("same_provider_visit_paid_fen"),
        )
    )
    return stays.join(seen, on="stay_id", how="left").with_columns(
        pl.when(pl.col("discharge_date").is_not_null())
        .then(pl.col("outpatient_claims_during_stay").fill_null(0))
        .alias("outpatient_claims_during_stay"),
        (pl.col("admission_date") - pl.col("last_visit"))
        .dt.total_days()
        .alias("days_since_same_provider_visit"),
        pl.col("last_visit").is_not_null().alias("has_same_provider_visit"),
    )


def vector(source: Source) -> pl.LazyFrame:
    """The facts ``VECTOR`` of every claim of the batch that has a diagnosis."""
    vectors = code_vectors(
        source.all_rows("stays"), source.all_rows("diagnoses"), source.all_rows("procedures")
    )
    claims = (
        source.claims.lazy().join(vectors, on="stay_id", how="inner").sort(*ORDER, nulls_last=False)
    )
    keys = ["claim_type", "vector"]
    place = pl.int_range(pl.len()).over(keys)
    return claims.with_columns(
        place.alias("identical_code_vectors_before"),
        pl.when(place > 0)
        .then(pl.col("stay_id").first().over(keys))
        .alias("identical_code_vector_stay_id"),
    ).filter("in_batch")


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


def _of_patients(source: Source) -> pl.DataFrame:
    mine = source.claims.filter("in_batch").select("patient_id").unique()
    if source.past_ids is None:
        return source.claims
    return source.claims.join(mine, on="patient_id", how="semi")


def _inpatient(source: Source) -> pl.DataFrame:
    return (
        _of_patients(source)
        .filter(claim_type="inpatient")
        .sort("patient_id", *ORDER, nulls_last=False)
    )


def _recent(stays: pl.DataFrame) -> pl.Series:
    """Stays of the patient that began in the year up to each stay, for sorted stays."""
    day = stays["admission_date"].to_physical().cast(pl.Int64).to_numpy()
    patient = stays["patient_id"].rank("dense").cast(pl.Int64).to_numpy()
    # One sorted key of patient and day turns the look-back into a search.
    span = np.int64(10_000_000)
    key = patient * span + day
    first = np.searchsorted(key, key - (YEAR_DAYS - 1), side="left")
    return pl.Series("stays_in_365_days", np.arange(len(key)) - first + 1, dtype=pl.Int64)


def _overlap(days: pl.Expr) -> pl.Expr:
    return pl.when(days.is_not_null()).then(pl.max_horizontal(-days, pl.lit(0)))


def _total(which: pl.Expr) -> pl.Expr:
    paid = pl.col("paid").filter(which)
    return pl.when((paid.len() > 0) & (paid.null_count() == 0)).then(paid.sum())
