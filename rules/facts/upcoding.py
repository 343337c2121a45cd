"""Facts of complications that raise the group: without evidence, acquired, minor, carried over.

Each asks the grouper again without the diagnoses in question (``drg.supposed``): only what makes
the group heavier is told, and the money is the difference of the two payment standards.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from drg import supposed
from rules.facts import evidence
from rules.facts.fact import Kind, declare
from rules.facts.source import PERSON, Source

FLAG, INTEGER, MONEY, TEXT = Kind.FLAG, Kind.INTEGER, Kind.MONEY, Kind.TEXT
OWN_CHECK: Final = (
    "malnutrition", "sepsis", "respiratory_failure", "acute_kidney_injury", "heart_failure",
)  # fmt: skip
"""Families of diagnoses (``name_en`` of the table) that a check of their own looks at."""
AT_MOST: Final = 4
"""So many unsupported diagnoses of a stay are tried one by one; more of them are told together."""
UNDECIDED: Final = (
    "the stay is not grouped, or such a diagnosis would raise the group but the claim has no charge lines or an item "
    "that the tariff lacks, or no table knows the code system"
)

# fmt: off
UNSUPPORTED: Final = declare(
    "stay", "diagnoses, charges, procedures, reference/diagnosis_evidence.csv, drg.supposed", (
    *((f"unsupported_{family}", FLAG, f"无依据{zh}抬高病组", f"{en} without evidence raises the group",
       f"An other diagnosis of {en} shows no test, drug, treatment or operation on the claim, and makes the group heavier.",
       UNDECIDED) for family, zh, en in (
        ("malnutrition", "重度营养不良", "severe malnutrition"), ("sepsis", "脓毒症", "sepsis"),
        ("respiratory_failure", "呼吸衰竭", "respiratory failure"), ("acute_kidney_injury", "急性肾损伤", "acute kidney injury"),
        ("heart_failure", "心力衰竭", "heart failure"))),
    ("unsupported_other_mcc", FLAG, "无依据其他MCC抬高病组", "other MCC without evidence raises the group",
     "The same for any other listed diagnosis where the group is one with MCC.", UNDECIDED),
    ("unsupported_other_cc", FLAG, "无依据其他CC抬高病组", "other CC without evidence raises the group",
     "The same for any other listed diagnosis where the group is one with CC.", UNDECIDED),
    ("unsupported_codes", TEXT, "无依据且抬高病组的诊断", "diagnoses without evidence that raise the group",
     "Their codes in the order of the claim, joined by a comma.", "there is none"),
    ("unsupported_names_zh", TEXT, "无依据诊断名称", "their Chinese names", "Names of their families.", "there is none"),
    ("unsupported_names_en", TEXT, "无依据诊断英文名称", "their English names", "Names of their families.", "there is none"),
    ("group_without_unsupported", TEXT, "去除无依据诊断后病组", "group without them",
     "Group of the stay without all diagnoses that lack evidence.", "there is none"),
    ("unsupported_excess_fen", MONEY, "无依据诊断多计金额", "what they add to the payment",
     "What the group pays for this stay less what the group without them would pay; at most the total amount. Payment standards while the patient is in hospital.", "there is none, or a group has no price"),
    ("unsupported_was_on_earlier_claim", FLAG, "无依据诊断既往已填报", "such a diagnosis stood on an earlier stay",
     "One of these codes stands on an earlier inpatient claim of the patient.", UNDECIDED),
), as_of={"unsupported_was_on_earlier_claim": "stays that began before it (admission date, admission time, stay_id)"})
ACQUIRED: Final = declare("stay", "diagnoses, reference/hospital_acquired.csv, drg.supposed", (
    ("acquired_raises_group", FLAG, "院内获得性诊断抬高病组", "hospital-acquired diagnosis raises the group",
     "An other diagnosis of the table, not present on admission (4), makes the group heavier.",
     "the stay is not grouped, or such a diagnosis does not state whether it was present, or no table knows the code system"),
    ("acquired_codes", TEXT, "院内获得性诊断", "hospital-acquired diagnoses", "Their codes, joined by a comma.", "there is none"),
    ("group_without_acquired", TEXT, "去除院内获得性诊断后病组", "group without them", "Group of the stay without them.", "there is none"),
    ("acquired_excess_fen", MONEY, "院内获得性诊断增加金额", "what they add to the payment",
     "What the group pays for this stay less what the group without them would pay; at most the total amount. Payment standards while the patient is in hospital.", "there is none, or a group has no price"),
))
MINOR: Final = declare("stay", "diagnoses, reference/minor_complications.csv, drg.supposed", (
    ("minor_raises_group", FLAG, "同系统轻微诊断抬高病组", "minor condition of the same system raises the group",
     "An other diagnosis that the table pairs with the principal one as a minor part of it makes the group heavier.",
     "the stay is not grouped, or no table knows the code system"),
    ("minor_codes", TEXT, "同系统轻微诊断", "minor conditions", "Their codes, joined by a comma.", "there is none"),
    ("group_without_minor", TEXT, "去除轻微诊断后病组", "group without them", "Group of the stay without them.", "there is none"),
    ("minor_excess_fen", MONEY, "轻微诊断多计金额", "what they add to the payment",
     "What the group pays for this stay less what the group without them would pay; at most the total amount. Payment standards while the patient is in hospital.", "there is none, or a group has no price"),
))
# fmt: on


MISSING, PERHAPS, ACQUIRED_ONES, SILENT, MINOR_ONES = range(5)
"""What the grouper is asked to leave out, all at once: diagnoses without evidence, these and
those that cannot be judged, acquired ones, those silent on it, minor ones."""


def unsupported(source: Source) -> pl.DataFrame:
    """The facts ``UNSUPPORTED``; all null without a grouper."""
    stays = judged(source, "diagnosis_evidence")
    perhaps = stays["stay_id"].is_in(lighter(source, PERHAPS).implode())
    less = told(source, MISSING)
    if not less["lighter"].any():
        return stays.select("stay_id", *_decided(perhaps), *_UNTOLD)
    guilty = _contributing(source, _missing(source), less).join(
        priced(source).select("stay_id", "severity"), on="stay_id", how="left"
    )
    other = pl.col("family") == "other"
    found = (
        guilty.with_columns(_family(guilty))
        .sort("stay_id", "ordinal")
        .group_by("stay_id", maintain_order=True)
        .agg(
            *[(pl.col("family") == f).any().alias(f"unsupported_{f}") for f in OWN_CHECK],
            (other & (pl.col("severity") == "mcc")).any().alias("unsupported_other_mcc"),
            (other & (pl.col("severity") != "mcc")).any().alias("unsupported_other_cc"),
            unsupported_codes=pl.col("code").str.join(","),
            unsupported_names_zh=pl.col("name_zh").unique(maintain_order=True).str.join("、"),
            unsupported_names_en=pl.col("name_en").unique(maintain_order=True).str.join(", "),
        )
        .join(less, on="stay_id", how="left")
        .join(_on_earlier_claims(source, guilty), on="stay_id", how="left")
        .rename({"group": "group_without_unsupported", "excess": "unsupported_excess_fen"})
    )
    return stays.join(found, on="stay_id", how="left", maintain_order="left").with_columns(
        _decided(perhaps, found=True)
    )


_FLAGS: Final = [f.name for f in UNSUPPORTED if f.kind is FLAG]
_UNTOLD: Final = [
    pl.lit(None, f.kind.dtype).alias(f.name) for f in UNSUPPORTED if f.kind is not FLAG
]


def _decided(perhaps: pl.Series, *, found: bool = False) -> list[pl.Expr]:
    """The flags: what was found is true, the rest false unless it might be otherwise."""
    sure = pl.col("judged") & ~pl.lit(perhaps)
    if not found:
        no = pl.when(sure).then(pl.lit(value=False))
        return [no.alias(flag) for flag in _FLAGS]
    return [
        pl.when(sure)
        .then(pl.col(flag).fill_null(value=False))
        .when(pl.col("judged") & pl.col(flag))
        .then(pl.lit(value=True))
        .alias(flag)
        for flag in _FLAGS
    ]


def acquired(source: Source) -> pl.DataFrame:
    """The facts ``ACQUIRED``; all null without a grouper."""
    made = _theme(source, ACQUIRED_ONES, "acquired", "hospital_acquired")
    perhaps = made["stay_id"].is_in(lighter(source, SILENT).implode())
    if not perhaps.any():
        return made
    raises = pl.col("acquired_raises_group")
    return made.with_columns(pl.when(raises | ~pl.lit(perhaps)).then(raises))


def minor(source: Source) -> pl.DataFrame:
    """The facts ``MINOR``; all null without a grouper."""
    return _theme(source, MINOR_ONES, "minor", "minor_complications")


def _missing(source: Source) -> pl.DataFrame:
    """The other diagnoses that the claim shows nothing for."""
    rows = evidence.support(source)
    return rows.filter((rows["ordinal"] != 1) & ~rows["supported"].fill_null(value=True))


def _asked(source: Source) -> pl.DataFrame:
    """The diagnoses left out in each case: case, stay_id, ordinal, code."""
    rows = evidence.support(source)
    rows = rows.filter(rows["ordinal"] != 1)
    vague = rows["stay_id"].is_in(rows["stay_id"].filter(rows["supported"].is_null()).implode())
    acquired = evidence.matched(source, "hospital_acquired").filter(pl.col("ordinal") != 1)
    present = acquired["present_on_admission"]
    parts = {
        MISSING: _missing(source),
        PERHAPS: rows.filter(vague & ~rows["supported"].fill_null(value=False)),
        ACQUIRED_ONES: acquired.filter((present == "4").fill_null(value=False)),
        SILENT: acquired.filter(present.is_null()),
        MINOR_ONES: _minor_rows(source),
    }
    return pl.concat(
        part.select(pl.lit(case, pl.Int64).alias("case"), "stay_id", "ordinal", "code")
        for case, part in parts.items()
    )


def told(source: Source, case: int) -> pl.DataFrame:
    """The stays of a case without its diagnoses: stay_id, group, other_weight, lighter, excess."""
    found = source.once("upcoding.told", lambda made: without(made, made.once("asked", _asked)))
    return found.filter(found["case"] == case).drop("case")


def lighter(source: Source, case: int) -> pl.Series:
    """The stays whose group weighs less in a case."""
    found = told(source, case)
    return found["stay_id"].filter(found["lighter"])


def judged(source: Source, table: str) -> pl.DataFrame:
    """Every stay, with ``judged``: the group is known and a table knows the code system.

    Where the answer of the grouper is that there is no group, no diagnosis can raise it.
    """
    known = source.table("stays")[evidence.SYSTEM].is_in(evidence.systems(source, table))
    return priced(source).select("stay_id", (_ANSWERED & known).alias("judged"))


_ANSWERED: Final = pl.col("group_status").is_in(["grouped", "ambiguous", "ungroupable"])


def priced(source: Source) -> pl.DataFrame:
    """Status, severity, weight, standard and total of each stay; nulls without a grouper."""
    return source.once("upcoding.priced", _priced)


def without(source: Source, dropped: pl.DataFrame) -> pl.DataFrame:
    """Stays without some diagnoses (case, stay_id, ordinal, code), compared (``compare``).

    Stays whose dropped codes are no complication by any scheme are left out: what is asked
    here is whether a complication raises the group.
    """
    if source.settled is None or dropped.is_empty():
        return compare(source, pl.DataFrame(schema=supposed.CASES))
    able = supposed.complications(source.settled, dropped["code"])
    hit = dropped.filter(dropped["code"].is_in(able.implode())).select("case", "stay_id").unique()
    if hit.is_empty():
        return compare(source, pl.DataFrame(schema=supposed.CASES))
    asked = dropped.join(hit, on=["case", "stay_id"], how="semi")
    return compare(source, supposed.cases(source.settled, asked))


def compare(source: Source, found: pl.DataFrame) -> pl.DataFrame:
    """What another group (``drg.supposed.SUPPOSED``) changes: lighter, group, weight, excess.

    A column ``case`` is kept.
    """
    mine = priced(source).select("stay_id", "weight", "standard", "payment", "total")
    kept = [c for c in ("case",) if c in found.columns]
    return found.join(mine, on="stay_id", how="left", maintain_order="left").select(
        *kept, *_COMPARED
    )


# By the region's terms, outliers included; by the standards while the patient is in hospital.
_difference: Final = pl.coalesce(
    pl.col("payment") - pl.col("payment_fen"),
    pl.col("standard") - pl.col("payment_standard_fen"),
)
_COMPARED: Final = [
    pl.col("stay_id"),
    pl.col("group_code").alias("group"),
    pl.col("group_weight").alias("other_weight"),
    (pl.col("group_weight") < pl.col("weight")).fill_null(value=False).alias("lighter"),
    pl.when(_difference > 0)
    .then(pl.min_horizontal(_difference, "total"))
    .when(_difference <= 0)
    .then(0)
    .alias("excess"),
]


_PRICED: Final = [
    pl.col("group_status"),
    pl.col("severity"),
    pl.col("group_weight").alias("weight"),
    pl.col("payment_standard_fen").alias("standard"),
    pl.col("payment_fen").alias("payment"),
]


def _priced(source: Source) -> pl.DataFrame:
    stays = source.table("stays").select("stay_id", total="total_amount_fen")
    if source.settled is None:
        return stays.with_columns(
            group_status=pl.lit(None, pl.String),
            severity=pl.lit(None, pl.String),
            weight=pl.lit(None, pl.Decimal(18, 4)),
            standard=pl.lit(None, pl.Int64),
            payment=pl.lit(None, pl.Int64),
        )
    # Both are in the order of the batch.
    return stays.hstack(source.settled.priced.select(_PRICED))


def _contributing(source: Source, missing: pl.DataFrame, less: pl.DataFrame) -> pl.DataFrame:
    """Those of the missing diagnoses that make the group heavier.

    One does if the stay weighs more with it alone than without all of them.
    """
    light = less["stay_id"].filter(less["lighter"])
    rows = missing.filter(pl.col("stay_id").is_in(light.implode())).with_columns(
        rank=pl.col("ordinal").rank("dense").over("stay_id").cast(pl.Int64),
        n=pl.len().over("stay_id"),
    )
    tried = (pl.col("n") > 1) & (pl.col("rank") <= AT_MOST)
    # Beyond that many all are told: there is nothing on the claim for any of them.
    told_at_once, several = rows.filter(~tried), rows.filter(tried)
    if several.is_empty():
        return told_at_once.sort("stay_id", "ordinal")
    # The case of a diagnosis is its rank: all others of its stay are left out.
    others = (
        several.select("stay_id", case="rank")
        .unique()
        .join(rows, on="stay_id", how="inner")
        .filter(pl.col("rank") != pl.col("case"))
    )
    heavier = (
        without(source, others.select("case", "stay_id", "ordinal", "code"))
        .join(less.select("stay_id", base="other_weight"), on="stay_id", how="left")
        .filter(pl.col("other_weight") > pl.col("base"))
        .select("stay_id", rank="case")
    )
    found = several.join(heavier, on=["stay_id", "rank"], how="semi")
    return pl.concat([told_at_once, found]).sort("stay_id", "ordinal")


def _family(guilty: pl.DataFrame) -> pl.Series:
    slug = guilty["name_en"].str.replace_all(" ", "_")
    return slug.zip_with(
        slug.is_in(OWN_CHECK), pl.Series(["other"]).new_from_index(0, len(slug))
    ).alias("family")


def _on_earlier_claims(source: Source, guilty: pl.DataFrame) -> pl.DataFrame:
    """Whether one of a stay's guilty codes stands on an earlier inpatient stay of the patient."""
    asked = guilty.select("stay_id").unique()
    # Visits are left out: a test there shows a disease, but no stay that carried the code over.
    claims = (
        source.claims.filter(pl.col("claim_type") == "inpatient")
        .sort("admission_date", "admission_time", "stay_id", nulls_last=False)
        .with_columns(place=pl.int_range(pl.len()).over(PERSON))
    )
    people = claims.join(asked, on="stay_id", how="semi").select(PERSON).unique()
    mine = claims.join(people, on=PERSON, how="semi").select("stay_id", *PERSON, "place")
    listed = (
        source.all_rows("diagnoses")
        .lazy()
        .select("stay_id", "code")
        .join(mine.lazy(), on="stay_id", how="inner")
        .group_by(*PERSON, "code")
        .agg(first=pl.col("place").min())
        .collect()
    )
    return (
        guilty.join(mine, on="stay_id", how="inner")
        .join(listed, on=[*PERSON, "code"], how="left")
        .group_by("stay_id")
        .agg(unsupported_was_on_earlier_claim=(pl.col("first") < pl.col("place")).any())
    )


def _minor_rows(source: Source) -> pl.DataFrame:
    """The other diagnoses that the table pairs with the principal one."""
    rows = evidence.coded(source)
    table = evidence.pairs(source, "minor_complications", "principal_prefix")
    # Texts are compared once for each code of the batch.
    codes = rows.select(evidence.SYSTEM, "norm").unique()
    by_code = {
        column: codes.join(table.select(evidence.SYSTEM, column).unique(), on=evidence.SYSTEM)
        .filter(pl.col("norm").str.starts_with(pl.col(column)))
        .join(table, on=[evidence.SYSTEM, column])
        for column in ("principal_prefix", "prefix")
    }
    key = [evidence.SYSTEM, "norm"]
    others = rows.filter(pl.col("ordinal") != 1).join(by_code["prefix"], on=key)
    first = rows.filter(pl.col("ordinal") == 1).join(by_code["principal_prefix"], on=key)
    return (
        others.filter(evidence.holds())
        .join(first, on=["stay_id", "principal_prefix", "prefix"], how="semi")
        .select("stay_id", "ordinal", "code")
        .unique()
    )


def _theme(source: Source, case: int, name: str, table: str) -> pl.DataFrame:
    """The facts of one theme: flag, codes, other group, excess."""
    stays = judged(source, table)
    found = told(source, case).filter("lighter")
    if found.is_empty():
        return stays.select(
            "stay_id",
            pl.lit(None, pl.String).alias(f"{name}_codes"),
            pl.when("judged").then(pl.lit(value=False)).alias(f"{name}_raises_group"),
            pl.lit(None, pl.String).alias(f"group_without_{name}"),
            pl.lit(None, pl.Int64).alias(f"{name}_excess_fen"),
        )
    codes = (
        source.once("asked", _asked)
        .filter((pl.col("case") == case) & pl.col("stay_id").is_in(found["stay_id"].implode()))
        .sort("stay_id", "ordinal")
        .group_by("stay_id", maintain_order=True)
        .agg(pl.col("code").str.join(",").alias(f"{name}_codes"))
    )
    return (
        stays.join(found, on="stay_id", how="left", maintain_order="left")
        .join(codes, on="stay_id", how="left", maintain_order="left")
        .select(
            "stay_id",
            f"{name}_codes",
            pl.when("judged")
            .then(pl.col("lighter").fill_null(value=False))
            .alias(f"{name}_raises_group"),
            pl.col("group").alias(f"group_without_{name}"),
            pl.col("excess").alias(f"{name}_excess_fen"),
        )
    )
