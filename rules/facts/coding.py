"""Facts of diagnosis coding: kinds of code, limits of sex and age, and pairs of diagnoses.

Each distinct code is compared with the tables once. ICD conventions do not change with
the date of a claim, so the tables of this module carry no dates.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts import coding_tables, reference
from rules.facts.diagnosis import normal
from rules.facts.fact import Fact, Kind, declare
from rules.facts.source import Source

FLAG, TEXT = Kind.FLAG, Kind.TEXT
MEANINGS: Final = (
    "unacceptable_principal", "asterisk", "complication", "perinatal", "malignant",
    "brain_injury", "birth_outcome", "poa_exempt", "acute_event",
)  # fmt: skip
"""Meanings of ``diagnoses.csv`` that the facts of this module read."""
FORMS: Final = {
    "ICD-10-CN": r"^[A-Z]\d{2}\.[0-9X]{3}(X\d{3})?([+*].*)?$",
    "ICD-10-CM": r"^[A-Z]\d[0-9AB](\.?[0-9A-Z]{1,4})?$",
    "ICD-9-CM": r"^(\d{3}|V\d{2}|E\d{3})(\.?\d{1,2})?$",
}
"""What a code looks like. The Chinese insurance edition has six places and sometimes an ``x``
with three more; a code of three or four places is a category and names no disease."""
_NONE: Final = "the claim has no diagnosis"
_PLACE: Final = 3
"""The fourth letter of a code says which kind of the disease it is; 9 is unspecified."""

# fmt: off
OF_STAY: Final[tuple[Fact, ...]] = declare("stay", "diagnoses, reference/diagnoses.csv", (
    ("diagnosis_order_has_gaps", FLAG, "诊断顺序号不连续", "order of diagnoses has gaps",
     "The places on the list are not 1, 2, 3 and so on: the principal diagnosis or another is missing.", _NONE),
    ("principal_is_unacceptable", FLAG, "主要诊断为不宜编码", "principal diagnosis is a status code",
     "The first code is a history, a state or an additional code, which is never a reason for admission.", _NONE),
    ("principal_is_asterisk", FLAG, "主要诊断为星号编码", "principal diagnosis is an asterisk code",
     "The first code lies in an asterisk category and carries no dagger code.", _NONE),
    ("principal_is_complication", FLAG, "主要诊断为医疗并发症", "principal diagnosis is a complication of care",
     "The first code lies in T80 to T88.", _NONE),
    ("principal_is_perinatal", FLAG, "主要诊断属围产期", "principal diagnosis is perinatal",
     "The first code lies in the chapter of the perinatal period.", _NONE),
    ("principal_is_malignant", FLAG, "主要诊断为恶性肿瘤", "principal diagnosis is a malignant neoplasm",
     "The first code lies in C00 to C97.", _NONE),
    ("principal_is_acute_event", FLAG, "主要诊断为急性心脑血管事件", "principal diagnosis is an acute event",
     "The first code is an acute infarction of heart or brain or a bleeding in the brain (I21, I60, I61, I63).", _NONE),
    ("has_brain_injury", FLAG, "存在颅脑损伤诊断", "has a brain injury",
     "A diagnosis is an injury of the brain or its late effect.", _NONE),
    ("has_birth_outcome", FLAG, "存在分娩结局诊断", "states the outcome of the birth",
     "A diagnosis is an outcome of delivery (Z37).", _NONE),
    ("specific_sibling_code", TEXT, "同类目更具体的诊断", "more specific code of the category",
     "The first other diagnosis of the principal's three-character category, where the principal code is unspecified "
     "(fourth place 9) and the other is not.", "there is none"),
))
PAIRS: Final[tuple[Fact, ...]] = declare("stay", "diagnoses, reference/diagnosis_partners.csv", (
    ("lacks_needed_diagnosis", FLAG, "缺必需的其他诊断", "lacks a needed diagnosis",
     "The principal diagnosis is one that is coded together with another, and no such other is on the list.", _NONE),
    ("asterisk_code_alone", TEXT, "缺剑号的星号编码", "asterisk code without its dagger",
     "The first asterisk code of the table for which no dagger code is on the list.", "there is none"),
    ("exclusive_diagnosis_codes", TEXT, "互斥诊断", "diagnoses that exclude each other",
     "The first pair of codes that exclude each other, joined by a comma.", "there is none"),
))
BIRTH: Final[tuple[Fact, ...]] = declare("stay", "procedures, reference/procedures.csv", (
    ("has_delivery_procedure", FLAG, "存在分娩操作", "has a delivery procedure",
     "A procedure delivers a child (ICD-9-CM-3 72, 73.5, 74 without ectopic pregnancy and termination).", None),
))
LINES: Final[tuple[Fact, ...]] = declare("diagnosis", "diagnoses, reference/limited_diagnoses.csv", (
    ("diagnosis_code_is_well_formed", FLAG, "诊断编码格式正确", "code has the form of its system",
     "The code looks like one of its code system, with all places that the Chinese edition asks for.", None),
    ("contradicts_sex", FLAG, "诊断与性别不符", "diagnosis contradicts the sex",
     "The code is of one sex and the patient of the other.", "the code is of one sex and the sex is not stated as male or female"),
    ("contradicts_age", FLAG, "诊断与年龄不符", "diagnosis contradicts the age",
     "The patient is younger or older than the code allows; a stated age in days goes before the birth date.",
     "the code is of an age and no age is known"),
    ("name_contradicts_code", FLAG, "诊断名称与编码不符", "name and code name different diseases",
     "The name holds a word of reference/diagnosis_names.csv and the code begins with none of its starts.",
     "the name is not stated"),
    ("needs_no_admission_state", FLAG, "无需填写入院病情", "needs no state on admission",
     "The code names a circumstance, no disease: chapters of external causes and of factors of contact.", None),
))
# fmt: on


def codes(source: Source) -> pl.DataFrame:
    """Each distinct code (diagnosis_system, code) with ``norm``, its meanings, form and limits."""
    return source.once("coding.codes", _codes)


def _codes(source: Source) -> pl.DataFrame:
    distinct = rows(source).select("diagnosis_system", "code").unique()
    norm = normal("code")
    spelt = pl.col("code").str.strip_chars().str.to_uppercase()
    formed = pl.lit(value=False)
    for system, form in FORMS.items():
        formed |= (pl.col("diagnosis_system") == system) & spelt.str.contains(form)
    spelled = distinct.with_columns(
        norm.alias("norm"), formed.alias("diagnosis_code_is_well_formed")
    )
    # By a join: an expression of a hundred prefixes takes longer to plan than to run.
    told = (
        matching(spelled, coding_tables.meanings(source.reference))
        .group_by("diagnosis_system", "code")
        .agg((pl.col("meaning") == meaning).any().alias(meaning) for meaning in MEANINGS)
    )
    known = (
        spelled.join(told, on=["diagnosis_system", "code"], how="left")
        .with_columns(pl.col(MEANINGS).fill_null(value=False))
        .with_columns(pl.col("asterisk") & ~pl.col("norm").str.contains("+", literal=True))
    )
    limited = (
        matching(known, coding_tables.limits(source.reference))
        .group_by("diagnosis_system", "code")
        .agg(
            only_sex=pl.col("sex").min(),
            min_age=pl.col("min_age_years").max(),
            max_age=pl.col("max_age_years").min(),
        )
    )
    return known.join(limited, on=["diagnosis_system", "code"], how="left")


def matching(known: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """The rows of a table of prefixes beside each code that begins with one."""
    return (
        known.select("diagnosis_system", "code", "norm", letter=pl.col("norm").str.head(1))
        .join(
            table,
            left_on=["diagnosis_system", "letter"],
            right_on=["system", "letter"],
        )
        .filter(pl.col("norm").str.starts_with(pl.col("prefix")))
    )


def rows(source: Source) -> pl.DataFrame:
    """Diagnoses with the code system of their stay."""
    return source.once("coding.rows", _rows)


def _rows(source: Source) -> pl.DataFrame:
    heads = source.table("stays").select("stay_id", "diagnosis_system")
    return source.table("diagnoses").join(heads, on="stay_id", how="inner")


def of_stay(source: Source) -> pl.LazyFrame:
    """The facts ``OF_STAY``; a claim without diagnoses is left out."""
    on = ["diagnosis_system", "code"]
    marked = rows(source).lazy().join(codes(source).lazy(), on=on, how="left")
    first = pl.col("ordinal") == 1
    category, place = pl.col("norm").str.head(_PLACE), pl.col("norm").str.slice(_PLACE, 1)
    heads = marked.filter(first).select(
        "stay_id",
        category.alias("category"),
        (place == "9").alias("unspecified"),
        principal_is_unacceptable="unacceptable_principal",
        principal_is_asterisk="asterisk",
        principal_is_complication="complication",
        principal_is_perinatal="perinatal",
        principal_is_malignant="malignant",
        principal_is_acute_event="acute_event",
    )
    siblings = (
        marked.filter(~first)
        .select("stay_id", "ordinal", "code", category=category, place=place)
        .filter(~pl.col("place").is_in(["9", ""]))
        .join(heads.filter("unspecified"), on=["stay_id", "category"], how="semi")
        .group_by("stay_id")
        .agg(specific_sibling_code=pl.col("code").sort_by("ordinal").first())
    )
    return (
        marked.group_by("stay_id")
        .agg(
            diagnosis_order_has_gaps=pl.col("ordinal").max() != pl.len(),
            has_brain_injury=pl.col("brain_injury").any(),
            has_birth_outcome=pl.col("birth_outcome").any(),
        )
        .join(heads, on="stay_id", how="left")
        .join(siblings, on="stay_id", how="left")
    )


def pairs(source: Source) -> pl.LazyFrame:
    """The facts ``PAIRS``; a claim without diagnoses is left out."""
    on = ["diagnosis_system", "code"]
    known = matching(codes(source), coding_tables.partners(source.reference))
    found = rows(source).join(known, on=on).sort("stay_id", "ordinal")
    of, beside = pl.col("side") == "of", pl.col("side") == "with"
    told = found.group_by("stay_id", "relation", "rule", maintain_order=True).agg(
        first=(of & (pl.col("ordinal") == 1)).any(),
        single=(of & ~pl.col("norm").str.contains("+", literal=True)).any(),
        partner=(beside & (pl.col("ordinal") > 1)).any(),
        partnered=beside.any(),
        at=pl.col("ordinal").filter(of).min(),
        code=pl.col("code").filter(of).first(),
        other=pl.col("code").filter(beside).first(),
    )
    by_stay = told.sort("stay_id", "at", "rule").group_by("stay_id")
    needs = (pl.col("relation") == "needs") & pl.col("first") & ~pl.col("partner")
    alone = (pl.col("relation") == "dagger") & pl.col("single") & ~pl.col("partnered")
    clash = (pl.col("relation") == "excludes") & pl.col("at").is_not_null() & pl.col("partnered")
    both = pl.concat_str("code", "other", separator=",")
    faults = by_stay.agg(
        needs.any().alias("lacks_needed_diagnosis"),
        pl.col("code").filter(alone).first().alias("asterisk_code_alone"),
        both.filter(clash).first().alias("exclusive_diagnosis_codes"),
    )
    return (
        rows(source)
        .select("stay_id")
        .unique()
        .join(faults, on="stay_id", how="left")
        .with_columns(pl.col("lacks_needed_diagnosis").fill_null(value=False))
        .lazy()
    )


def birth(source: Source) -> pl.LazyFrame:
    """The facts ``BIRTH``; a stay without such a procedure is left out."""
    starts = reference.procedure_codes("delivery", source.reference)
    code = normal("code")
    delivers = pl.any_horizontal(
        pl.lit(value=False), *[code.str.starts_with(start) for start in starts]
    )
    systems = source.table("stays").lazy().select("stay_id", "procedure_system")
    return (
        source.table("procedures")
        .lazy()
        .filter(delivers)
        .join(systems, on="stay_id", how="inner")
        .filter(pl.col("procedure_system").is_in(["ICD-9-CM-3-CN", "ICD-9-CM-3"]))
        .group_by("stay_id")
        .agg(has_delivery_procedure=pl.lit(value=True))
    )


def lines(source: Source) -> pl.LazyFrame:
    """The facts ``LINES``, one row a diagnosis."""
    years = pl.col("admission_date").dt.year() - pl.col("birth_date").dt.year()
    passed = pl.col("birth_date").dt.strftime("%m%d") <= pl.col("admission_date").dt.strftime(
        "%m%d"
    )
    ages = (
        source.table("stays")
        .lazy()
        .select(
            "stay_id",
            sex=pl.when(pl.col("sex").is_in(["1", "2"])).then("sex"),
            age=pl.when(pl.col("age_days").is_not_null())
            .then(0)
            .otherwise(pl.coalesce(years - (~passed).cast(pl.Int32), "age_years")),
        )
    )
    too_young = (pl.col("age") < pl.col("min_age")) & pl.col("min_age").is_not_null()
    too_old = (pl.col("age") > pl.col("max_age")) & pl.col("max_age").is_not_null()
    limited = pl.any_horizontal(pl.col("min_age", "max_age").is_not_null())
    named = misnamed(source).lazy()
    return (
        rows(source)
        .lazy()
        .join(codes(source).lazy(), on=["diagnosis_system", "code"], how="left")
        .join(ages, on="stay_id", how="left")
        .join(named, on=["diagnosis_system", "code", "name"], how="left")
        .select(
            "stay_id",
            pl.concat_str(pl.lit("dx-"), pl.col("ordinal")).alias(":subject_id"),
            "diagnosis_code_is_well_formed",
            pl.when(pl.col("only_sex").is_null())
            .then(statement=False)
            .otherwise(pl.col("sex") != pl.col("only_sex"))
            .alias("contradicts_sex"),
            pl.when(~limited)
            .then(statement=False)
            .otherwise(too_young | too_old)
            .alias("contradicts_age"),
            pl.when(pl.col("name").is_not_null())
            .then(pl.col("misnamed").fill_null(value=False))
            .alias("name_contradicts_code"),
            pl.col("poa_exempt").alias("needs_no_admission_state"),
        )
    )


def misnamed(source: Source) -> pl.DataFrame:
    """The distinct (diagnosis_system, code, name) whose name tells of another code (``misnamed``)."""
    table = coding_tables.words(source.reference)
    key = ["diagnosis_system", "code", "name"]
    distinct = rows(source).select(key).unique().filter(pl.col("name").is_not_null())
    told = table.select("word", "system").unique()
    spoken = distinct.join(told, left_on="diagnosis_system", right_on="system").filter(
        pl.col("name").str.contains(pl.col("word"), literal=True)
    )
    fits = matching(codes(source), table).select("diagnosis_system", "code", "word").unique()
    return (
        spoken.join(fits, on=["diagnosis_system", "code", "word"], how="anti")
        .select(key)
        .unique()
        .with_columns(misnamed=pl.lit(value=True))
    )
