"""Facts that hold fields of the settlement list to each other: times, weights, care, sides."""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts import charge_line, coding, coding_tables, reference
from rules.facts.charge import ventilation_minutes
from rules.facts.diagnosis import normal
from rules.facts.fact import Fact, Kind, declare
from rules.facts.source import STAY, Source

FLAG, INTEGER, TEXT = Kind.FLAG, Kind.INTEGER, Kind.TEXT
PROCEDURE_FORMS: Final = {
    "ICD-9-CM-3-CN": r"^\d{2}\.[0-9X][0-9X]\d{2}(X\d{3})?$",
    "ICD-9-CM-3": r"^\d{2}(\.?\d{1,2})?$",
    "ICD-10-PCS": r"^[0-9A-HJ-NP-Z]{7}$",
}
"""What a procedure code looks like; the Chinese edition has at least six places."""
LEFT: Final = r"左侧|左[眼耳肾肺膝髋肩肘腕踝足手臂腿乳]"
RIGHT: Final = r"右侧|右[眼耳肾肺膝髋肩肘腕踝足手臂腿乳]"

# fmt: off
TIMES: Final[tuple[Fact, ...]] = declare("stay", "stays, icu_stays, procedures", (
    ("age_at_admission_days", INTEGER, "入院日龄(按出生日期)", "age in days by birth date",
     "Admission date minus birth date.", "the birth date is not stated"),
    ("days_from_discharge_to_filing", INTEGER, "出院至申报天数", "days from discharge to filing",
     "Date of filing (UTC) minus discharge date.", "the patient is still in hospital or the time of filing is not stated"),
    ("icu_minutes_outside_stay", INTEGER, "监护时间越界", "intensive care outside the stay",
     "Largest time by which an intensive care begins before the admission or ends after the discharge; 0 if none does.",
     "there is intensive care and a time is not stated"),
    ("icu_times_reversed", FLAG, "监护出室早于入室", "intensive care ends before it begins",
     "An intensive care ends at or before its start; false if there is none.", None),
    ("procedure_days_outside_stay", INTEGER, "手术日期越界天数", "procedure outside the stay",
     "Largest number of days by which a procedure is dated before the admission or after the discharge; 0 if none is.",
     "a procedure has no date and the dated ones lie in the stay"),
), measures={
    "age_at_admission_days": "day", "days_from_discharge_to_filing": "day",
    "icu_minutes_outside_stay": "minute", "procedure_days_outside_stay": "day",
})
PROCEDURES: Final[tuple[Fact, ...]] = declare("stay", "procedures, diagnoses, reference/procedures.csv", (
    ("malformed_procedure_codes", INTEGER, "格式不符的手术编码数", "procedure codes of the wrong form",
     "Procedures whose code does not look like one of its code system; 0 if there is no procedure.", None),
    ("malformed_procedure_code", TEXT, "首个格式不符的手术编码", "first such code", "The first of them.", "there is none"),
    ("principal_side_contradicts_procedure", FLAG, "主要诊断与手术侧别矛盾", "sides of diagnosis and procedure differ",
     "The names of the principal diagnosis and of the main procedure name opposite sides; false without a procedure.",
     "there is a procedure and one of the two names is not stated"),
    ("has_cancer_session", FLAG, "存在放化疗操作", "has chemotherapy or radiotherapy",
     "A procedure is a session of chemotherapy or radiotherapy.", None),
    ("has_other_procedure", FLAG, "存在其他手术操作", "has another procedure",
     "A procedure is neither chemotherapy nor radiotherapy.", None),
))
CARE: Final[tuple[Fact, ...]] = declare("stay", "charges, diagnoses, reference/items_with_indication.csv", (
    ("ventilation_minutes_charged", INTEGER, "有创呼吸机收费时长", "minutes of ventilation charged",
     "Hours of invasive ventilation charged, in minutes, reversed lines left out; 0 if none are.", "the claim has no charge lines"),
    ("days_of_unexplained_treatment", INTEGER, "无对应诊断的治疗天数", "days of a treatment without its diagnosis",
     "Largest number of days on which one item of the table was charged without any of the diagnoses that it implies, "
     "reversed lines left out; 0 if there is none. An item that the table lacks implies nothing.",
     "the claim has no charge lines or no diagnosis"),
    ("unexplained_item", TEXT, "无对应诊断的项目", "that item", "Its name as charged, else its code.", "there is none"),
), measures={"ventilation_minutes_charged": "minute", "days_of_unexplained_treatment": "day"})
# fmt: on


def times(source: Source) -> pl.LazyFrame:
    """The facts ``TIMES``."""
    heads = source.table("stays").lazy()
    moments = heads.select(
        "stay_id", "admission_time", "discharge_time", "admission_date", "discharge_date"
    )
    return (
        heads.select(
            "stay_id",
            (pl.col("admission_date") - pl.col("birth_date"))
            .dt.total_days()
            .alias("age_at_admission_days"),
            (pl.col("filed_time").dt.date() - pl.col("discharge_date"))
            .dt.total_days()
            .alias("days_from_discharge_to_filing"),
        )
        .join(_intensive(source, moments), on="stay_id", how="left")
        .join(_operations(source, moments), on="stay_id", how="left")
        .with_columns(
            _unless_any("icu_minutes_outside_stay", "any_icu"),
            _unless_any("procedure_days_outside_stay", "any_procedure"),
            pl.col("icu_times_reversed").fill_null(value=False),
        )
    )


def _unless_any(name: str, flag: str) -> pl.Expr:
    return pl.when(pl.col(flag).is_null()).then(0).otherwise(pl.col(name)).alias(name)


def _intensive(source: Source, moments: pl.LazyFrame) -> pl.LazyFrame:
    before = (pl.col("admission_time") - pl.col("start_time")).dt.total_minutes()
    after = (pl.col("end_time") - pl.col("discharge_time")).dt.total_minutes()
    # Intensive care that goes on while the patient is in hospital has no end to look at.
    ongoing = pl.col("discharge_date").is_null()
    after = pl.when(ongoing).then(0).otherwise(after)
    known = before.is_not_null() & after.is_not_null()
    return (
        source.table("icu_stays")
        .lazy()
        .join(moments, on="stay_id", how="inner")
        .group_by("stay_id")
        .agg(
            pl.when(known.all())
            .then(pl.max_horizontal(before.max(), after.max(), 0))
            .alias("icu_minutes_outside_stay"),
            (pl.col("end_time") <= pl.col("start_time")).any().alias("icu_times_reversed"),
            any_icu=pl.lit(value=True),
        )
    )


def _operations(source: Source, moments: pl.LazyFrame) -> pl.LazyFrame:
    on = pl.col("procedure_date")
    before = (pl.col("admission_date") - on).dt.total_days()
    after = (on - pl.col("discharge_date")).dt.total_days()
    outside = pl.max_horizontal(before.max(), after.max(), 0)
    return (
        source.table("procedures")
        .lazy()
        .join(moments, on="stay_id", how="inner")
        .group_by("stay_id")
        .agg(
            pl.when(on.is_not_null().all() | (outside > 0))
            .then(outside)
            .alias("procedure_days_outside_stay"),
            any_procedure=pl.lit(value=True),
        )
    )


def procedures(source: Source) -> pl.LazyFrame:
    """The facts ``PROCEDURES``."""
    heads = source.table("stays").lazy().select("stay_id", "procedure_system")
    listed = source.table("procedures").lazy().join(heads, on="stay_id", how="inner")
    spelt = pl.col("code").str.strip_chars().str.to_uppercase()
    formed = pl.lit(value=False)
    for system, form in PROCEDURE_FORMS.items():
        formed |= (pl.col("procedure_system") == system) & spelt.str.contains(form)
    code = normal("code")
    session = pl.any_horizontal(
        pl.lit(value=False),
        *[
            code.str.starts_with(start)
            for start in reference.procedure_codes("cancer_session", source.reference)
        ],
    ) & (pl.col("procedure_system") == "ICD-9-CM-3-CN")
    distinct = (
        listed.select("procedure_system", "code")
        .unique()
        .with_columns(formed=formed, session=session)
    )
    counts = (
        listed.join(distinct, on=["procedure_system", "code"], how="left")
        .group_by("stay_id")
        .agg(
            (~pl.col("formed")).sum().cast(pl.Int64).alias("malformed_procedure_codes"),
            pl.col("code")
            .filter(~pl.col("formed"))
            .sort_by(pl.col("ordinal").filter(~pl.col("formed")))
            .first()
            .alias("malformed_procedure_code"),
            pl.col("session").any().alias("has_cancer_session"),
            (~pl.col("session")).any().alias("has_other_procedure"),
            pl.col("name").filter(pl.col("ordinal") == 1).first().alias("main_name"),
        )
    )
    principal = (
        source.table("diagnoses")
        .lazy()
        .filter(pl.col("ordinal") == 1)
        .select("stay_id", principal_name="name")
    )
    opposite = _side("principal_name") * _side("main_name") < 0
    return (
        heads.select("stay_id")
        .join(counts, on="stay_id", how="left")
        .join(principal, on="stay_id", how="left")
        .with_columns(
            pl.when(pl.col("malformed_procedure_codes").is_null())
            .then(statement=False)
            .otherwise(opposite)
            .alias("principal_side_contradicts_procedure"),
            pl.col("malformed_procedure_codes").fill_null(0),
            pl.col("has_cancer_session", "has_other_procedure").fill_null(value=False),
        )
    )


def _side(name: str) -> pl.Expr:
    """-1 left, 1 right, 0 neither or both; null without a name."""
    left, right = pl.col(name).str.contains(LEFT), pl.col(name).str.contains(RIGHT)
    return right.cast(pl.Int8) - left.cast(pl.Int8)


def care(source: Source) -> pl.DataFrame:
    """The facts ``CARE``."""
    coded = source.keyed("diagnoses").select(STAY).unique().with_columns(coded=True)
    return (
        charge_line.lined(source)
        .join(coded, on=STAY, how="left")
        .join(ventilation_minutes(source), on=STAY, how="left")
        .join(_unexplained(source), on="stay_id", how="left")
        .select(
            STAY,
            pl.col("ventilation_minutes_charged").fill_null(0),
            pl.when("coded")
            .then(pl.col("days").fill_null(0))
            .alias("days_of_unexplained_treatment"),
            pl.when("coded").then("item").alias("unexplained_item"),
        )
    )


def _unexplained(source: Source) -> pl.DataFrame:
    table = coding_tables.indications(source.reference)
    implied = table.select("item_code", "system", "valid_from", "valid_to").unique()
    known = coding.matching(coding.codes(source), table)
    explained = (
        coding.rows(source)
        .join(known, on=["diagnosis_system", "code"])
        .select("stay_id", "item_code")
        .unique()
    )
    systems = source.table("stays").select("stay_id", system="diagnosis_system")
    day = pl.col("charge_date")
    return (
        charge_line.of_items(charge_line.live(source), source, table["item_code"])
        .select("stay_id", "item_code", "item_name", "charge_date")
        .join(systems, on="stay_id", how="inner")
        .join(implied, on=["item_code", "system"], how="inner")
        .filter(
            (day >= pl.col("valid_from"))
            & (pl.col("valid_to").is_null() | (day < pl.col("valid_to")))
        )
        .join(explained, on=["stay_id", "item_code"], how="anti")
        .group_by("stay_id", "item_code")
        .agg(
            days=day.n_unique().cast(pl.Int64),
            item=pl.coalesce(pl.col("item_name").min(), pl.col("item_code").min()),
        )
        .sort("stay_id", "days", "item_code", descending=[False, True, False])
        .group_by("stay_id", maintain_order=True)
        .first()
    )
