"""Facts of the group: what the grouper says, what it pays, what else is near, and the outlook."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import polars as pl

from rules.facts.fact import Fact, Kind, declare
from rules.facts.source import Source

FLAG, INTEGER, MONEY, NUMBER, TEXT = (
    Kind.FLAG, Kind.INTEGER, Kind.MONEY, Kind.NUMBER, Kind.TEXT,
)  # fmt: skip
UNGROUPED = "the grouper gave no group"
UNPRICED = "the group has no price here and then"

# fmt: off
_LISTED: Final = {
    "group_status": {
        "grouped": ("已入组", "grouped"), "ambiguous": ("歧义", "ambiguous"), "ungroupable": ("无法入组", "ungroupable"),
        "invalid": ("数据不全", "invalid"), "unknown_code": ("编码未知", "unknown code"), "not_grouped": ("未分组", "not grouped"),
    },
    "group_reason": {
        "not_inpatient": ("非住院", "not inpatient"), "no_scheme": ("无分组方案", "no scheme"),
        "outside_subset": ("超出方案子集", "outside the subset"), "no_mdc": ("未进入主要诊断大类", "no category"),
        "no_adrg": ("未进入核心病组", "no adjacent group"), "unrelated_procedure": ("手术与主诊断无关", "unrelated procedure"),
        "no_principal_diagnosis": ("无主要诊断", "no principal diagnosis"), "unknown_diagnosis": ("诊断编码未知", "unknown diagnosis"),
        "unknown_procedure": ("手术编码未知", "unknown procedure"), "sex_missing": ("缺性别", "sex missing"),
        "age_missing": ("缺年龄", "age missing"), "age_days_missing": ("缺日龄", "age in days missing"),
        "birth_weight_missing": ("缺出生体重", "birth weight missing"),
    },
    "group_source": {"grouper": ("分组器", "grouper"), "billed": ("申报", "billed")},
    "severity": {"mcc": ("严重并发症或合并症", "MCC"), "cc": ("并发症或合并症", "CC"), "none": ("无", "none")},
}
_PAYMENT: Final = declare("stay", "drg.settle", (
    ("group_code", TEXT, "支付病组", "group that pays",
     "The grouper's group; where it cannot answer (no scheme, missing data, a code that it does not know), the billed one.",
     "neither is known"),
    ("group_weight", Kind.DECIMAL, "病组权重", "weight of the group", "Weight of the group that pays.", "the group has no weight"),
    ("payment_standard_fen", MONEY, "病组支付标准", "payment standard of the group",
     "Weight x base rate x level coefficient of the group that pays.", UNPRICED),
    ("mean_stay_days", NUMBER, "病组平均住院日", "mean days of stay of the group",
     "Mean length of stay of the group that pays.", "the scheme does not give it"),
    ("group_status", TEXT, "分组状态", "grouping status",
     "grouped, ambiguous, ungroupable, invalid, unknown_code or not_grouped.", "nothing was grouped"),
    ("group_reason", TEXT, "未入组原因", "why there is no group", "Reason code; docs/grouping.md lists them.", "the stay is grouped"),
    ("group_source", TEXT, "支付病组来源", "where the paying group comes from", "grouper or billed.", "neither is known"),
    ("grouped_code", TEXT, "分组器病组", "group by the grouper",
     "Group by the scheme; xQY if ambiguous, 0000 if ungroupable.", "the grouper could not answer"),
    ("mdc", TEXT, "主要诊断大类", "major diagnostic category", "Category that took the stay.", UNGROUPED),
    ("adrg", TEXT, "核心病组", "adjacent group", "ADRG (base DRG in the US) that took the stay.", UNGROUPED),
    ("severity", TEXT, "并发症程度", "severity",
     "mcc, cc or none: the worst level among the other diagnoses that count.", UNGROUPED),
    ("severity_diagnosis_code", TEXT, "决定程度的诊断", "diagnosis that gives the severity",
     "First other diagnosis of the worst level that counts.", "no other diagnosis counts"),
    ("payment_case", TEXT, "支付情形", "payment case", "standard, high_outlier, low_outlier, day_rate, ...",
     "the patient is in hospital or the group has no price"),
    ("group_payment_fen", MONEY, "病组应付金额", "payment of the group", "What the group pays for this stay by the region's terms.",
     "the patient is in hospital or the group has no price"),
    ("group_balance_fen", MONEY, "病组结余", "balance against the group", "Payment less the cost of the stay.",
     "the payment or the cost is not known"),
    ("high_line_fen", MONEY, "高倍率线", "high outlier line", "Cost from which the stay is a high outlier.", "the region has no such line"),
    ("low_line_fen", MONEY, "低倍率线", "low outlier line", "Cost below which the stay is a low outlier.", "the region has no such line"),
    ("review_reasons", TEXT, "特病单议条件", "grounds for single review", "Met grounds, separated by a vertical bar.", "none is met"),
    ("cost_ratio", NUMBER, "费用支付比", "cost against the standard", "Total amount divided by the payment standard.",
     "the total or the standard is not known"),
    ("billed_group_weight", Kind.DECIMAL, "申报病组权重", "weight of the billed group", "Weight of the group on the claim.",
     "none is billed, or the scheme has no weight for it"),
    ("billed_payment_standard_fen", MONEY, "申报病组支付标准", "payment standard of the billed group",
     "Payment standard of the group on the claim.", "none is billed, or it has no price"),
), measures={"mean_stay_days": "day"})

PAYMENT: Final = tuple(
    replace(f, codes=_LISTED[f.name]) if f.name in _LISTED else f for f in _PAYMENT
)
ALTERNATIVES: Final = declare("stay", "drg.settle", (
    ("counting_mcc", INTEGER, "计入的MCC数", "counting MCCs", "Other diagnoses that count as MCC.", UNGROUPED),
    ("counting_cc", INTEGER, "计入的CC数", "counting CCs", "Other diagnoses that count as CC.", UNGROUPED),
    ("group_without_complications", TEXT, "无并发症时病组", "group without complications",
     "Group of the same stay if no other diagnosis counted.", UNGROUPED),
    ("weight_without_complications", Kind.DECIMAL, "无并发症时权重", "weight without complications",
     "Weight of that group.", "that group has no weight"),
    ("standard_without_complications_fen", MONEY, "无并发症时支付标准", "payment standard without complications",
     "Payment standard of that group.", "that group has no price"),
    ("group_without_severity_diagnosis", TEXT, "去除决定诊断后病组", "group without the diagnosis that gives the severity",
     "Group of the stay without the one diagnosis that decides its severity.",
     "more than one counts at that level, none counts, or the stay is not grouped"),
    ("weight_without_severity_diagnosis", Kind.DECIMAL, "去除决定诊断后权重", "weight without the diagnosis that gives the severity",
     "Weight of that group.", "there is no such group or weight"),
    ("standard_without_severity_diagnosis_fen", MONEY, "去除决定诊断后支付标准",
     "payment standard without the diagnosis that gives the severity",
     "Payment standard of that group.", "there is no such group or price"),
    ("sibling_groups", TEXT, "同核心病组其他病组", "other groups of the ADRG", "The other groups of the ADRG, separated by a vertical bar.", UNGROUPED),
))

OTHER_PRINCIPAL: Final = declare("stay", "drg.settle", (
    ("groups_by_other_diagnosis", TEXT, "其他诊断为主诊断时病组", "groups with another diagnosis first",
     "Other groups that the stay would fall into with each other diagnosis as the principal one, sorted, separated by a vertical bar.",
     "there is none"),
    ("lowest_weight_by_other_diagnosis", Kind.DECIMAL, "其他诊断为主诊断时最低权重", "lowest weight with another diagnosis first",
     "Lowest weight among those groups.", "there is none, or none has a weight"),
))

OUTLOOK: Final = declare("stay", "drg.outlook", (
    ("day_of_stay", INTEGER, "住院第几日", "day of stay", "Day of the stay as far as its own records reach; the day of admission is 1.", "the patient has left, or no cost curves are loaded"),
    ("cost_to_date_fen", MONEY, "已发生费用", "cost to date", "Charges so far.", "as day of stay"),
    ("cost_pace", NUMBER, "费用进度比", "cost pace", "Cost to date divided by what stays of the group usually cost by that day.", "as day of stay"),
    ("projected_total_fen", MONEY, "预计总费用", "projected total", "Cost at discharge to be expected.", "as day of stay"),
    ("projected_low_fen", MONEY, "预计总费用下限", "projected total, low", "Lower end of the interval.", "as day of stay"),
    ("projected_high_fen", MONEY, "预计总费用上限", "projected total, high", "Upper end of the interval.", "as day of stay"),
    ("projected_ratio", NUMBER, "预计费用支付比", "projected cost against the standard", "Projected total divided by the payment standard.", "as day of stay, or there is no standard"),
    ("probability_over_standard", NUMBER, "超支付标准概率", "probability of ending above the standard", "Share of like stays that end above it.", "as day of stay, or there is no standard"),
    ("standard_reached_on", Kind.DATE, "达到支付标准日期", "day on which the standard is reached", "Past if it was reached already.", "as day of stay, or it is not reached"),
), measures={"day_of_stay": "day"}, as_of="the last day that the stay's own charges name")
# fmt: on

_RENAMED: Final = {"payment_fen": "group_payment_fen", "payment_balance_fen": "group_balance_fen"}


def payment(source: Source) -> pl.LazyFrame:
    """The facts ``PAYMENT``; all null without prices."""
    if source.settled is None:
        return _nothing(source, PAYMENT)
    ratio = pl.col("total_amount_fen") / pl.when(pl.col("payment_standard_fen") > 0).then(
        pl.col("payment_standard_fen")
    )
    return (
        source.settled.priced.lazy()
        .rename(_RENAMED)
        .join(
            source.table("stays").lazy().select("stay_id", "total_amount_fen"),
            on="stay_id",
            how="left",
        )
        .with_columns(cost_ratio=ratio)
    )


def alternatives(source: Source) -> pl.LazyFrame:
    """The facts ``ALTERNATIVES``; all null without a grouper."""
    if source.settled is None:
        return _nothing(source, ALTERNATIVES)
    return source.settled.alternatives.lazy()


def other_principal(source: Source) -> pl.LazyFrame:
    """The facts ``OTHER_PRINCIPAL``; all null without a grouper."""
    if source.settled is None:
        return _nothing(source, OTHER_PRINCIPAL)
    own = source.settled.priced.lazy().select("stay_id", own="grouped_code")
    return (
        source.settled.by_diagnosis.lazy()
        .filter(pl.col("status") == "grouped")
        .join(own, on="stay_id", how="left")
        .filter(pl.col("group_code") != pl.col("own"))
        .group_by("stay_id")
        .agg(
            groups_by_other_diagnosis=pl.col("group_code").unique().sort().str.join("|"),
            lowest_weight_by_other_diagnosis=pl.col("group_weight").min(),
        )
    )


def outlook(source: Source) -> pl.LazyFrame:
    """The facts ``OUTLOOK``; all null without cost curves."""
    if source.settled is None:
        return _nothing(source, OUTLOOK)
    return source.settled.outlook.lazy()


def _nothing(source: Source, facts: tuple[Fact, ...]) -> pl.LazyFrame:
    none = [pl.lit(None, dtype=f.kind.dtype).alias(f.name) for f in facts]
    return source.table("stays").lazy().select("stay_id", *none)
