"""Facts of the billed group and of groups that rest on an operation, a region or the first diagnosis."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import polars as pl

from drg import supposed
from rules.facts import codebook, cost, evidence
from rules.facts.fact import Fact, Kind, declare
from rules.facts.source import Source
from rules.facts.upcoding import compare, priced

FLAG, INTEGER, MONEY, NUMBER, TEXT = (
    Kind.FLAG, Kind.INTEGER, Kind.MONEY, Kind.NUMBER, Kind.TEXT,
)  # fmt: skip
RESOURCES: Final = ("treatment_cost_fen", "operation_cost_fen", "consumable_cost_fen")
"""What an operation costs: treatment, operation with anaesthesia, consumables (categories 05, 06, 08)."""
MULTIPLE_TRAUMA: Final = "Z"
_KINDS: Final = {
    "surgical": ("手术", "surgical"), "procedure": ("操作", "procedure"), "medical": ("内科", "medical"),
}  # fmt: skip
_UNGROUPED: Final = "the grouper gave no group"

# fmt: off
_BILLED: Final = declare("stay", "drg.settle, drg.supposed, stays", (
    ("group_kind", TEXT, "病组类型", "kind of the group", "surgical, procedure or medical, of the ADRG that took the stay.", _UNGROUPED),
    ("all_codes_in_scheme", FLAG, "编码均在分组方案内", "the scheme knows all codes",
     "The scheme of the stay knows every diagnosis and procedure code; a scheme that is a subset may not, and could then "
     "give a lighter group than the full one.", "no CHS scheme is for the stay"),
    ("billed_excess_fen", MONEY, "申报病组多计金额", "what the billed group pays more",
     "Payment standard of the billed group less that of the group by the grouper; 0 if it pays less; at most the total amount.",
     "one of the two is not known or has no price"),
    ("billed_counts_excluded", FLAG, "申报病组计入了应排除诊断", "billed group counts an excluded diagnosis",
     "The billed group is not the grouper's, but the one that the stay would have if no other diagnosis were ruled out as MCC or CC.",
     "the stay is not grouped or no group is billed"),
))
BILLED: Final[tuple[Fact, ...]] = tuple(
    replace(f, codes=_KINDS) if f.name == "group_kind" else f for f in _BILLED
)
PROCEDURE: Final = declare("stay", "procedures, charges, drg.supposed", (
    ("procedures_raise_group", FLAG, "手术操作抬高病组", "procedures raise the group",
     "The stay would weigh less without its procedures.", "the stay is not grouped"),
    ("group_without_procedures", TEXT, "去除手术操作后病组", "group without the procedures", "Group of the stay without procedures.",
     "they do not raise it"),
    ("procedures_excess_fen", MONEY, "手术操作增加金额", "what the procedures add to the payment",
     "What the group pays for this stay less what this group would pay; at most the total amount.", "they do not raise it, or a group has no price"),
    ("procedure_resources_fen", MONEY, "治疗手术耗材费用", "charges for treatment, operation and consumables",
     "Sum of the lines of the categories 05, 06 and 08.", "the claim has no charge lines"),
))
RESTING: Final = declare("stay", "drg.settle", (
    ("complications_excess_fen", MONEY, "并发症合并症增加金额", "what MCC and CC add to the payment",
     "What the group pays for this stay less what the group without complications would pay; at most the total amount.",
     "the stay is not grouped or a group has no price"),
    ("severity_diagnosis_excess_fen", MONEY, "决定诊断增加金额", "what the diagnosis that gives the severity adds to the payment",
     "What the group pays for this stay less what the group without that one diagnosis would pay; at most the total amount.",
     "no one diagnosis decides the severity, or a group has no price"),
    ("cost_against_lighter_group", NUMBER, "费用与较轻病组支付标准之比", "cost against the lighter group",
     "Total amount divided by the payment standard of the group without the one diagnosis that gives the severity.",
     "no one diagnosis decides the severity, or the group has no price"),
    ("one_diagnosis_raises_group", FLAG, "单一诊断抬高病组", "one diagnosis alone raises the group",
     "One other diagnosis decides the severity, and without it the group weighs less.", "the stay is not grouped"),
))
TRAUMA: Final = declare("stay", "drg.settle, diagnoses, charges, reference/trauma_regions.csv, reference/diagnosis_evidence.csv", (
    ("grouped_to_multiple_trauma", FLAG, "入多发严重创伤组", "grouped to multiple trauma",
     "The category of multiple significant trauma (MDC Z) took the stay.", "the grouper could not answer"),
    ("trauma_regions_listed", INTEGER, "诊断涉及的创伤部位数", "injured body regions by diagnosis",
     "Body regions with a diagnosis of injury.", "no table knows the code system"),
    ("trauma_regions_shown", INTEGER, "有依据的创伤部位数", "injured body regions shown",
     "Those with a test, drug, treatment or operation for one of the region's injuries, the principal one included; an injury "
     "that diagnosis_evidence.csv does not list counts as shown.",
     "a region cannot be judged: the claim has no charge lines or an item that the tariff lacks"),
    ("trauma_excess_fen", MONEY, "无依据创伤诊断增加金额", "what injuries without evidence add to the payment",
     "What the group pays for this stay less what the group without these would pay; at most the total amount.", "there is none, or a group has no price"),
), measures={"trauma_regions_listed": "region", "trauma_regions_shown": "region"})
BETTER: Final = declare("stay", "diagnoses, charges, drg.settle", (
    ("principal_is_shown", FLAG, "主要诊断有依据", "principal diagnosis is shown",
     "The claim shows a test, drug, treatment or operation for its principal diagnosis; true where the table does not list it.",
     "the claim has no charge lines or an item that the tariff lacks, or no table knows the code system"),
    ("shown_other_diagnosis", TEXT, "有依据的其他诊断", "other diagnosis that is shown and weighs least",
     "Where the principal diagnosis is not shown: the other diagnosis, present on admission and shown, whose group as principal "
     "one weighs least of all and less than the stay's.", "there is none"),
    ("group_by_shown_diagnosis", TEXT, "以其为主诊断时病组", "group with that diagnosis first", "That group.", "there is none"),
    ("shown_diagnosis_excess_fen", MONEY, "主诊断选择多计金额", "what the order of diagnoses adds to the payment",
     "What the group pays for this stay less what this group would pay; at most the total amount.", "there is none, or a group has no price"),
))
IMPLIED: Final = declare("stay", "charges, diagnoses, reference/implied_diagnoses.csv", (
    ("treatment_without_diagnosis", FLAG, "治疗无对应诊断", "treatment without a diagnosis that explains it",
     "An item of the table is charged on its number of days or more, and no diagnosis on the claim explains it.",
     "the claim has no charge lines or no diagnosis, or no table knows the code system"),
    ("unexplained_treatment_zh", TEXT, "缺少的对应诊断", "what is missing, in Chinese", "First such entry of the table.", "there is none"),
    ("unexplained_treatment_en", TEXT, "缺少的对应诊断(英文)", "what is missing", "First such entry of the table.", "there is none"),
))
# fmt: on


def billed(source: Source) -> pl.LazyFrame:
    """The facts ``BILLED``; all null without a grouper."""
    if source.settled is None:
        return _nothing(source, BILLED)
    found = source.settled.priced.select(
        "stay_id", "grouped_code", "group_status", "payment_standard_fen",
        "billed_payment_standard_fen", "group_source",
    ).join(
        source.table("stays").select("stay_id", "billed_group_code", "total_amount_fen"),
        on="stay_id", how="left",
    )  # fmt: skip
    same = pl.col("billed_group_code") == pl.col("grouped_code")
    freed = supposed.without_exclusions(source.settled)
    difference = pl.col("billed_payment_standard_fen") - pl.col("payment_standard_fen")
    return (
        found.join(freed.select("stay_id", freed="group_code"), on="stay_id", how="left")
        .join(supposed.kinds(source.settled), on="stay_id", how="left")
        .select(
            "stay_id",
            "group_kind",
            all_codes_in_scheme=pl.col("unread_codes") == 0,
            billed_excess_fen=pl.when(
                (pl.col("group_source") == "grouper") & difference.is_not_null()
            ).then(pl.min_horizontal(difference.clip(0), "total_amount_fen")),
            billed_counts_excluded=pl.when(
                (pl.col("group_status") == "grouped") & pl.col("billed_group_code").is_not_null()
            ).then(~same & (pl.col("freed") == pl.col("billed_group_code")).fill_null(value=False)),
        )
        .lazy()
    )


def procedure(source: Source) -> pl.DataFrame:
    """The facts ``PROCEDURE``; all null without a grouper."""
    if source.settled is None:
        return _nothing(source, PROCEDURE).collect()
    told = compare(source, supposed.without_procedures(source.settled)).filter("lighter")
    spent = source.collect(cost.sums(source)).select(
        "stay_id", procedure_resources_fen=pl.sum_horizontal(RESOURCES)
    )
    grouped = priced(source).select(
        "stay_id", (pl.col("group_status") == "grouped").alias("grouped")
    )
    found = grouped.join(spent, on="stay_id", how="left", maintain_order="left")
    if told.is_empty():
        return found.select("stay_id", "procedure_resources_fen", *_UNRAISED)
    return found.join(told, on="stay_id", how="left", maintain_order="left").select(
        "stay_id",
        "procedure_resources_fen",
        procedures_raise_group=pl.when("grouped").then(pl.col("lighter").fill_null(value=False)),
        group_without_procedures="group",
        procedures_excess_fen="excess",
    )


_UNRAISED: Final = [
    pl.when("grouped").then(pl.lit(value=False)).alias("procedures_raise_group"),
    pl.lit(None, pl.String).alias("group_without_procedures"),
    pl.lit(None, pl.Int64).alias("procedures_excess_fen"),
]


def resting(source: Source) -> pl.LazyFrame:
    """The facts ``RESTING``; all null without a grouper."""
    if source.settled is None:
        return _nothing(source, RESTING)
    near = source.settled.alternatives.select(
        "stay_id",
        "weight_without_severity_diagnosis",
        **{
            f"{kind}_{name}": f"{kind}_without_{name}_fen"
            for kind in ("standard", "payment")
            for name in ("complications", "severity_diagnosis")
        },
    )

    def excess(name: str) -> pl.Expr:
        more = pl.coalesce(
            pl.col("payment") - pl.col(f"payment_{name}"),
            pl.col("standard") - pl.col(f"standard_{name}"),
        )
        return pl.min_horizontal(more.clip(0), pl.when(more.is_not_null()).then("total"))

    lighter = pl.col("standard_severity_diagnosis")
    return (
        priced(source)
        .join(near, on="stay_id", how="left", maintain_order="left")
        .select(
            "stay_id",
            complications_excess_fen=excess("complications"),
            severity_diagnosis_excess_fen=excess("severity_diagnosis"),
            cost_against_lighter_group=(pl.col("total") / pl.when(lighter > 0).then(lighter)).round(
                4
            ),
            one_diagnosis_raises_group=pl.when(pl.col("group_status") == "grouped").then(
                (pl.col("weight_without_severity_diagnosis") < pl.col("weight")).fill_null(
                    value=False
                )
            ),
        )
        .lazy()
    )


def trauma(source: Source) -> pl.DataFrame:
    """The facts ``TRAUMA``."""
    rows = evidence.matched(source, "trauma_regions")
    known = source.table("stays")[evidence.SYSTEM].is_in(evidence.systems(source, "trauma_regions"))
    stays = source.table("stays").select("stay_id").with_columns(known.alias("known"))
    stays = stays.join(_is_multiple(source), on="stay_id", how="left", maintain_order="left")
    if rows.is_empty():
        none = pl.when("known").then(pl.lit(0, pl.Int64))
        return stays.select(
            "stay_id",
            "grouped_to_multiple_trauma",
            pl.lit(None, pl.Int64).alias("trauma_excess_fen"),
            none.alias("trauma_regions_listed"),
            none.alias("trauma_regions_shown"),
        )
    table = codebook.starting("trauma_regions", "prefix", source.reference)
    injuries = (
        rows.join(table, on=[evidence.SYSTEM, "prefix"], how="left")
        .join(
            evidence.support(source).select("stay_id", "ordinal", "supported", "name_en"),
            on=["stay_id", "ordinal"],
            how="left",
        )
        # What the evidence table does not list cannot be missing.
        .with_columns(
            supported=pl.when(pl.col("name_en").is_null()).then(True).otherwise("supported")
        )
    )
    regions = (
        injuries.group_by("stay_id", "region_en")
        .agg(pl.col("supported").any(ignore_nulls=False))
        .group_by("stay_id")
        .agg(
            trauma_regions_listed=pl.len().cast(pl.Int64),
            trauma_regions_shown=pl.when(pl.col("supported").is_not_null().all()).then(
                pl.col("supported").sum().cast(pl.Int64)
            ),
            some=pl.lit(value=True),
        )
    )
    return (
        stays.join(regions, on="stay_id", how="left")
        .join(_trauma_excess(source, injuries), on="stay_id", how="left")
        .select(
            "stay_id",
            "trauma_excess_fen",
            "grouped_to_multiple_trauma",
            *[
                pl.when(pl.col("some").is_null() & pl.col("known"))
                .then(0)
                .otherwise(name)
                .alias(name)
                for name in ("trauma_regions_listed", "trauma_regions_shown")
            ],
        )
    )


def _trauma_excess(source: Source, injuries: pl.DataFrame) -> pl.DataFrame:
    """What injuries without evidence add to the payment of a stay of multiple trauma."""
    missing = injuries.filter((pl.col("ordinal") != 1) & ~pl.col("supported"))
    major = missing.join(
        _is_multiple(source).filter("grouped_to_multiple_trauma"), on="stay_id", how="semi"
    )
    if source.settled is None or major.is_empty():
        return pl.DataFrame(schema={"stay_id": pl.String, "trauma_excess_fen": pl.Int64})
    # Not only complications: a region makes the group by any of its injuries.
    found = supposed.without_diagnoses(source.settled, major.select("stay_id", "ordinal"))
    return compare(source, found).select("stay_id", trauma_excess_fen="excess")


def better_order(source: Source) -> pl.LazyFrame:
    """The facts ``BETTER``; all null without a grouper."""
    support = evidence.support(source)
    first = support.filter(pl.col("ordinal") == 1).select("stay_id", shown="supported", listed=True)
    lacking = first.filter(~pl.col("shown"))["stay_id"]
    best = _lightest(source, lacking)
    known = pl.col(evidence.SYSTEM).is_in(evidence.systems(source, "diagnosis_evidence"))
    return (
        source.table("stays")
        .select("stay_id", evidence.SYSTEM)
        .join(first, on="stay_id", how="left")
        .join(best, on="stay_id", how="left")
        .select(
            "stay_id",
            "shown_other_diagnosis",
            "group_by_shown_diagnosis",
            "shown_diagnosis_excess_fen",
            principal_is_shown=pl.when(pl.col("listed").is_null() & known)
            .then(pl.lit(value=True))
            .otherwise("shown"),
        )
        .lazy()
    )


_EXPLAINED: Final = [
    pl.lit(None, pl.String).alias("unexplained_treatment_zh"),
    pl.lit(None, pl.String).alias("unexplained_treatment_en"),
    pl.lit(value=False).alias("treatment_without_diagnosis"),
]


def implied(source: Source) -> pl.LazyFrame:
    """The facts ``IMPLIED``."""
    table = codebook.starting("implied_diagnoses", "prefix", source.reference)
    entries = table.select(
        evidence.SYSTEM, "condition_zh", "condition_en", value="item_code", least="least_days"
    ).unique(maintain_order=True)
    rows = evidence.coded(source)
    stays = rows.select("stay_id", evidence.SYSTEM, "day").unique("stay_id")
    treated = (
        evidence.shown_items(source, entries["value"].unique())
        .join(stays, on="stay_id", how="inner")
        .join(entries.with_row_index("place"), on=[evidence.SYSTEM, "value"], how="inner")
        .filter(pl.col("days") >= pl.col("least"))
    )
    known = pl.col(evidence.SYSTEM).is_in(evidence.systems(source, "implied_diagnoses"))
    judged = stays.filter(known).join(evidence.items_known(source), on="stay_id", how="inner")
    if treated.is_empty():
        return judged.select("stay_id", *_EXPLAINED).lazy()
    explained = (
        rows.join(treated.select("stay_id", "condition_en"), on="stay_id", how="inner")
        .join(table, on=[evidence.SYSTEM, "condition_en"], how="inner")
        .filter(pl.col("norm").str.starts_with(pl.col("prefix")) & evidence.holds())
        .select("stay_id", "condition_en")
        .unique()
    )
    bare = (
        treated.join(explained, on=["stay_id", "condition_en"], how="anti")
        .sort("stay_id", "place")
        .unique("stay_id", keep="first", maintain_order=True)
        .select(
            "stay_id",
            unexplained_treatment_zh="condition_zh",
            unexplained_treatment_en="condition_en",
            bare=pl.lit(value=True),
        )
    )
    return (
        judged.join(bare, on="stay_id", how="left")
        .select(
            "stay_id",
            "unexplained_treatment_zh",
            "unexplained_treatment_en",
            treatment_without_diagnosis=pl.col("bare").fill_null(value=False),
        )
        .lazy()
    )


def _lightest(source: Source, lacking: pl.Series) -> pl.DataFrame:
    """For stays without a shown principal diagnosis the shown one whose group weighs least."""
    names = ("shown_other_diagnosis", "group_by_shown_diagnosis")
    if source.settled is None or not len(lacking):
        return pl.DataFrame(
            schema={
                "stay_id": pl.String,
                **dict.fromkeys(names, pl.String),
                "shown_diagnosis_excess_fen": pl.Int64,
            }
        )
    shown = evidence.support(source).filter(pl.col("supported") & (pl.col("ordinal") != 1))
    present = evidence.coded(source).filter(present_on_admission="1")
    found = (
        source.settled.by_diagnosis.filter(
            (pl.col("status") == "grouped") & pl.col("stay_id").is_in(lacking.implode())
        )
        .join(
            shown.select("stay_id", pl.col("ordinal").cast(pl.Int32), claimed="code"),
            on=["stay_id", "ordinal"],
            how="inner",
        )
        .join(
            present.select("stay_id", pl.col("ordinal").cast(pl.Int32)),
            on=["stay_id", "ordinal"],
            how="semi",
        )
        .sort("stay_id", "group_weight", "ordinal", nulls_last=True)
        .unique("stay_id", keep="first", maintain_order=True)
    )
    told = compare(
        source,
        found.select(
            "stay_id", "group_code", "group_weight", "payment_standard_fen", "payment_fen"
        ),
    ).filter("lighter")
    return told.join(found.select("stay_id", "claimed"), on="stay_id", how="left").select(
        "stay_id",
        shown_other_diagnosis="claimed",
        group_by_shown_diagnosis="group",
        shown_diagnosis_excess_fen="excess",
    )


def _is_multiple(source: Source) -> pl.DataFrame:
    """Whether the category of multiple trauma took each stay that the grouper answered."""
    if source.settled is None:
        return pl.DataFrame(schema={"stay_id": pl.String, "grouped_to_multiple_trauma": pl.Boolean})
    answered = pl.col("group_status").is_in(["grouped", "ambiguous", "ungroupable"])
    return source.settled.priced.filter(answered).select(
        "stay_id",
        grouped_to_multiple_trauma=(pl.col("mdc") == MULTIPLE_TRAUMA).fill_null(value=False),
    )


def _nothing(source: Source, facts: tuple[Fact, ...]) -> pl.LazyFrame:
    none = [pl.lit(None, dtype=f.kind.dtype).alias(f.name) for f in facts]
    return source.table("stays").lazy().select("stay_id", *none)
