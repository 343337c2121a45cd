"""Facts that tell whether a bed was needed: care a day, shares of the bill, intensive care.

Sums and days are net: a line that takes another back counts against it on its day, and a
kind of care stands on a day if its amounts add up to more than nothing.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts import charge_day
from rules.facts.diagnosis import is_any, normal
from rules.facts.fact import Kind, declare
from rules.facts.source import STAY, Source

FLAG, INTEGER, MONEY, TEXT, NUMBER = (
    Kind.FLAG, Kind.INTEGER, Kind.MONEY, Kind.TEXT, Kind.NUMBER,
)  # fmt: skip
_NONE: Final = "the claim has no charge lines"
# fmt: off
OF_STAY: Final = declare("stay", "charges, reference/settings.csv", (
    ("ward_care_days", INTEGER, "有住院级诊疗的天数", "days with care that needs a ward",
     "Days with an operation, or a treatment or drug that needs a ward as far as the table knows it: infusion, injection, "
     "oxygen, monitoring, ventilation and the like.", _NONE),
    ("care_items_all_classified", FLAG, "治疗和药品均可识别", "all treatments and drugs are classified",
     "The table knows every treatment and drug on the claim.", _NONE),
    ("gives_oral_drugs_only", FLAG, "仅口服药", "gives oral drugs only",
     "There are drugs, all of them oral, and neither treatment nor operation.",
     "the claim has no charge lines, or nothing speaks against it but the table lacks a drug"),
    ("bed_only_days", INTEGER, "仅有床位费天数", "days with a bed and nothing else",
     "Days after that of admission and before that of discharge with a bed charge, but neither nursing, test, treatment, "
     "operation, drug nor consumable.", "the claim has no charge lines or no discharge"),
    ("tests_in_stay_fen", MONEY, "住院检查化验费", "tests billed in the stay",
     "Sum of the examination and laboratory lines of the claim.", _NONE),
    ("tests_share", NUMBER, "检查化验费占比", "share of tests",
     "Examinations and laboratory tests divided by all charge lines, to four places.", "the claim has no charge lines, or they add up to nothing"),
    ("therapy_share", NUMBER, "治疗药品费占比", "share of therapy",
     "Treatment, operation, consumables and drugs divided by all charge lines, to four places.", "as the share of tests"),
), measures={"ward_care_days": "day", "bed_only_days": "day"})
HEAD: Final = declare("stay", "diagnoses, procedures, ICU stays", (
    ("principal_is_outpatient_treatable", FLAG, "主要诊断多可门诊治疗", "principal diagnosis is mostly treated without a bed",
     "The first code stands in reference/diagnoses.csv as one that is mostly treated in a clinic; a code that the table lacks "
     "is not.", "the claim has no diagnosis"),
    ("principal_is_psychiatric", FLAG, "主要诊断为精神障碍", "principal diagnosis is psychiatric",
     "The first code lies in the chapter of mental disorders.", "the claim has no diagnosis"),
    ("third_party_code", TEXT, "第三方责任外因编码", "code of a cause with a third party",
     "The first code on the list for a road accident or an assault.", "there is none"),
    ("has_third_party_cause", FLAG, "存在第三方责任外因", "has a cause with a third party",
     "There is such a code.", "the claim has no diagnosis"),
    ("has_icu_stay", FLAG, "有重症监护", "has been in intensive care", "The claim lists a time in intensive care.", None),
    ("minutes_from_icu_to_discharge", INTEGER, "出监护室至出院时长", "minutes from intensive care to discharge",
     "Time of discharge minus the last exit from intensive care.",
     "there was no intensive care, or a time of exit or the time of discharge is not stated"),
), measures={"minutes_from_icu_to_discharge": "minute"})
# fmt: on


def of_stay(source: Source) -> pl.DataFrame:
    """The facts ``OF_STAY``; a claim without charge lines is left out."""
    days = charge_day.days(source)
    heads = source.table("stays").select("admission_date", "discharge_date")
    return (
        days.with_columns(heads.select(pl.all().gather(days[STAY])))
        .group_by(STAY, maintain_order=True)
        .agg(*_OF_STAY)
    )


def _of_stay() -> tuple[pl.Expr, ...]:
    """The facts ``OF_STAY`` from the days of a stay; a kind stands on a day if it adds up to more than nothing."""
    inside = (pl.col("charge_date") > pl.col("admission_date")) & (
        pl.col("charge_date") < pl.col("discharge_date")
    )
    share = pl.when(pl.col("all_fen").sum() > 0).then(pl.col("all_fen").sum())
    tests = pl.sum_horizontal("exam_cost_fen", "lab_cost_fen")
    treated = pl.sum_horizontal("treatment_cost_fen", "operation_cost_fen")
    therapy = treated + pl.col("consumable_cost_fen") + pl.col("drug_cost_fen")

    def stands(kind: str) -> pl.Expr:
        return pl.col(f"{kind}_fen") > 0

    return (
        stands("ward").sum().alias("ward_care_days"),
        (~stands("unknown").any()).alias("care_items_all_classified"),
        pl.when(((treated > 0) | stands("parenteral")).any() | ~stands("drug_cost").any())
        .then(pl.lit(value=False))
        .when(~stands("unknown_drug").any())
        .then(pl.lit(value=True))
        .alias("gives_oral_drugs_only"),
        pl.when(pl.col("discharge_date").first().is_not_null())
        .then((inside & stands("bed") & ~stands("care")).sum())
        .alias("bed_only_days"),
        tests.sum().alias("tests_in_stay_fen"),
        (tests.sum() / share).round(4).alias("tests_share"),
        (therapy.sum() / share).round(4).alias("therapy_share"),
    )


_OF_STAY: Final = _of_stay()


def head(source: Source) -> pl.LazyFrame:
    """The facts ``HEAD``."""
    stays = source.table("stays").lazy()
    icu = (
        source.table("icu_stays")
        .lazy()
        .group_by("stay_id")
        .agg(
            pl.when(pl.col("end_time").null_count() == 0)
            .then(pl.col("end_time").max())
            .alias("left"),
            pl.lit(value=True).alias("has_icu_stay"),
        )
    )
    return (
        stays.select("stay_id", "discharge_time")
        .join(icu, on="stay_id", how="left")
        .join(_codes(source), on="stay_id", how="left")
        .with_columns(
            (pl.col("discharge_time") - pl.col("left"))
            .dt.total_minutes()
            .alias("minutes_from_icu_to_discharge"),
        )
    )


def _codes(source: Source) -> pl.LazyFrame:
    rows = (
        source.table("diagnoses")
        .lazy()
        .select("stay_id", "ordinal", "code")
        .join(
            source.table("stays").lazy().select("stay_id", "diagnosis_system"),
            on="stay_id",
            how="inner",
        )
    )
    meanings = ("outpatient_treatable", "psychiatric", "third_party")
    flagged = (
        rows.select("diagnosis_system", "code")
        .unique()
        .with_columns(
            is_any(meaning, normal("code"), source.reference).alias(meaning) for meaning in meanings
        )
    )
    first, party = pl.col("ordinal") == 1, pl.col("third_party")
    return (
        rows.join(flagged, on=["diagnosis_system", "code"], how="left")
        .group_by("stay_id")
        .agg(
            pl.col("outpatient_treatable")
            .filter(first)
            .first()
            .alias("principal_is_outpatient_treatable"),
            pl.col("psychiatric").filter(first).first().alias("principal_is_psychiatric"),
            party.any().alias("has_third_party_cause"),
            pl.col("code").filter(party).sort_by(pl.col("ordinal").filter(party)).first()
            .alias("third_party_code"),
        )
    )  # fmt: skip
