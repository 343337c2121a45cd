"""The indicators of a hospital's cockpit (院长驾驶舱): what each one means, and its formula over sums.

A cell holds whole numbers (``SUMS``) over the stays of one group; every indicator follows from
cells alone, exactly (``Fraction``), and one without a denominator is None: not known, and not 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

SUMS: Final = (
    "stays", "grouped", "weighted", "weight_e4", "days", "costed", "cost_fen", "charged",
    "charged_cost_fen", "drug_fen", "consumable_fen", "priced", "over_standard", "paid",
    "payment_fen", "balance_fen", "cased", "high_outliers", "low_outliers", "followed",
    "readmitted", "outcomes", "died", "alerts", "exposure_fen", "concluded", "confirmed",
    "recovered_fen",
)  # fmt: skip
"""What a cell sums over its stays; docs/indicators.md says what each counts."""

Sums = Mapping[str, int]
"""Name of ``SUMS`` -> whole number."""

NOTHING: Final[Sums] = dict.fromkeys(SUMS, 0)

COMPARED: Final = ("stays", "grouped", "days", "costed", "cost_fen", "outcomes", "died")
"""The sums of single groups that ``total`` reads."""

LOW_RISK_CASES: Final = 100
"""Stays with a known outcome that a group needs before it can be called low-risk."""
LOW_RISK_SHARE: Final = Fraction(1, 200)
"""Largest share of deaths of a low-risk group."""
LOW_RISK_MONTHS: Final = 12
"""Months before the period in which a group's deaths are counted."""
LEAST_PEERS: Final = 3
"""Hospitals that a median needs, and that stand behind a group's average told to others."""


EXTRAS: Final = (
    "covered", "cost_expected", "cost_compared", "days_expected", "days_compared",
    "low_risk_died", "low_risk_outcomes",
)  # fmt: skip
"""What only the cells of several groups together tell; see ``total``."""

Totals = Mapping[str, int | float]
"""``SUMS`` and ``EXTRAS`` of one selection: all that the formulas read."""

Parts = tuple[int | float | Fraction, int]
"""Numerator and denominator."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """One indicator: names, unit, which way is better, and texts in Chinese and English.

    ``unit`` is index, count, weight, share, day or money (hundredths of the currency).
    ``better`` is up, down, or empty where neither is. ``selects`` is the filter of the list of
    stays that gives the numerator's stays; empty for all stays.
    """

    name: str
    zh: str
    en: str
    unit: str
    better: str
    meaning: tuple[str, str]
    formula: tuple[str, str]
    missing: tuple[str, str]
    parts: Callable[[Totals], Parts]
    selects: str = ""

    def value(self, totals: Totals) -> Fraction | float | None:
        """The value; None where nothing is there to divide by."""
        above, below = self.parts(totals)
        if below == 0:
            return None
        return above / below if isinstance(above, float) else Fraction(above) / below


def add(cells: Iterable[Sums]) -> dict[str, int]:
    """The sum of cells."""
    summed = dict(NOTHING)
    for cell in cells:
        for name in SUMS:
            summed[name] += cell[name]
    return summed


def total(
    groups: Mapping[str, Sums],
    reference: Mapping[str, Sums],
    low_risk: frozenset[str] | None,
    sums: Sums | None = None,
) -> Totals:
    """The totals of one selection from its groups.

    With ``sums`` (their sum) the groups need to hold no more than ``COMPARED``.

    ``reference`` holds the groups of the hospitals that it is compared with; ``low_risk`` names
    the groups of few deaths, None if none can be told.
    """
    extras: dict[str, int | float] = dict.fromkeys(EXTRAS, 0)
    expected: dict[str, list[float]] = {"cost": [], "days": []}
    for code, own in groups.items():
        if own["grouped"]:
            extras["covered"] += 1
            usual = reference.get(code, NOTHING)
            for kind, amount, number in (("cost", "cost_fen", "costed"), ("days", "days", "stays")):
                if own[number] and usual[amount]:
                    expected[kind].append(own[amount] * usual[number] / usual[amount])
                    extras[f"{kind}_compared"] += own[number]
        if low_risk is not None and code in low_risk:
            extras["low_risk_died"] += own["died"]
            extras["low_risk_outcomes"] += own["outcomes"]
    for kind, parts in expected.items():
        extras[f"{kind}_expected"] = math.fsum(parts)
    return {**(add(groups.values()) if sums is None else sums), **extras}


def low_risk_groups(groups: Mapping[str, Sums]) -> frozenset[str] | None:
    """The groups with few deaths among enough stays; None if no group has enough."""
    enough = {
        code: cell
        for code, cell in groups.items()
        if cell["grouped"] and cell["outcomes"] >= LOW_RISK_CASES
    }
    if not enough:
        return None
    return frozenset(
        code
        for code, cell in enough.items()
        if cell["died"] * LOW_RISK_SHARE.denominator <= LOW_RISK_SHARE.numerator * cell["outcomes"]
    )


def _share(above: str, below: str) -> Callable[[Totals], Parts]:
    return lambda totals: (totals[above], int(totals[below]))


def _sum(name: str, known: str) -> Callable[[Totals], Parts]:
    return lambda totals: (totals[name], 1 if totals[known] else 0)


def _case_mix(totals: Totals) -> Parts:
    return Fraction(int(totals["weight_e4"]), 10_000), int(totals["weighted"])


def _weight(totals: Totals) -> Parts:
    return Fraction(int(totals["weight_e4"]), 10_000), 1 if totals["weighted"] else 0


_NO_PRICE: Final = ("病组没有支付标准的病例不计", "stays whose group has no price are left out")
_NO_WEIGHT: Final = ("没有权重的病例不计", "stays whose group has no weight are left out")
_NO_LINES: Final = ("没有费用明细的病例不计", "stays without charge lines are left out")

# fmt: off
INDICATORS: Final = (
    Indicator("cmi", "病例组合指数（CMI）", "Case mix index (CMI)", "index", "up",
        ("出院病例的平均病组权重，反映收治病例的技术难度。", "Mean weight of the stays' groups: how demanding the cases are."),
        ("权重之和 ÷ 有权重的病例数", "sum of weights / stays with a weight"), _NO_WEIGHT, _case_mix),
    Indicator("groups_covered", "入组组数", "Groups covered", "count", "up",
        ("出院病例覆盖的病组个数，反映收治病种的广度。", "Different groups that the stays fall into: how wide the range of cases is."),
        ("至少有一例入组病例的病组个数", "groups with at least one grouped stay"),
        ("歧义（QY）与无法入组（0000）不计", "ambiguous (QY) and ungroupable (0000) are left out"), _sum("covered", "stays")),
    Indicator("grouping_rate", "入组率", "Grouping rate", "share", "up",
        ("有支付病组的出院病例占比；既非歧义也非无法入组。", "Share of stays with a group that pays, neither ambiguous nor ungroupable."),
        ("入组病例数 ÷ 出院病例数", "grouped stays / stays"),
        ("分组器无法作答时以申报病组为准", "where the grouper cannot answer, the billed group counts"), _share("grouped", "stays"), "grouped"),
    Indicator("total_weight", "总权重", "Total weight", "weight", "up",
        ("出院病例权重之和，反映服务总量。", "Sum of the weights of the stays: the volume of service."),
        ("权重之和", "sum of weights"), _NO_WEIGHT, _weight),
    Indicator("cost_index", "费用消耗指数", "Cost consumption index", "index", "down",
        ("与全部机构同病组的次均费用相比，1 为持平，大于 1 为费用偏高。",
         "Cost against the mean of all hospitals in the same groups: 1 is like them, above 1 is dearer."),
        ("Σ(病组次均费用 ÷ 全部机构该病组次均费用 × 病例数) ÷ Σ病例数",
         "sum over groups of (mean cost / mean cost of all hospitals x stays) / stays"),
        ("未入组病例不计；机构数不足而不可告知的病组不计", "ungrouped stays, and groups with too few hospitals to be told, are left out"),
        _share("cost_expected", "cost_compared")),
    Indicator("time_index", "时间消耗指数", "Time consumption index", "index", "down",
        ("与全部机构同病组的平均住院日相比，1 为持平，大于 1 为住院偏长。",
         "Days against the mean of all hospitals in the same groups: 1 is like them, above 1 is longer."),
        ("Σ(病组平均住院日 ÷ 全部机构该病组平均住院日 × 病例数) ÷ Σ病例数",
         "sum over groups of (mean days / mean days of all hospitals x stays) / stays"),
        ("未入组病例不计；机构数不足而不可告知的病组不计", "ungrouped stays, and groups with too few hospitals to be told, are left out"),
        _share("days_expected", "days_compared")),
    Indicator("mean_stay", "平均住院日", "Average stay", "day", "down",
        ("出院病例的平均住院天数；出入院同日按 1 天。", "Mean days from admission to discharge; the same day counts as one."),
        ("住院天数之和 ÷ 出院病例数", "days / stays"), ("无", "nothing"), _share("days", "stays")),
    Indicator("mean_cost", "次均费用", "Average cost", "money", "down",
        ("出院病例的平均医疗费总额。", "Mean total charges of a stay."),
        ("医疗费总额之和 ÷ 有总额的病例数", "total charges / stays with a total"),
        ("没有总额的病例不计", "stays without a total are left out"), _share("cost_fen", "costed")),
    Indicator("drug_share", "药占比", "Drug share", "share", "down",
        ("西药、中药饮片和中成药费用占医疗费总额的比例。", "Western drugs, herbal pieces and patent drugs as a share of the charges."),
        ("药品费用 ÷ 同批病例的医疗费总额", "cost of drugs / total charges of the same stays"), _NO_LINES, _share("drug_fen", "charged_cost_fen")),
    Indicator("consumable_share", "耗占比", "Consumable share", "share", "down",
        ("医用耗材费用占医疗费总额的比例。", "Materials and implants as a share of the charges."),
        ("医用耗材费用 ÷ 同批病例的医疗费总额", "cost of consumables / total charges of the same stays"), _NO_LINES,
        _share("consumable_fen", "charged_cost_fen")),
    Indicator("over_standard_share", "超支付标准占比", "Over-limit share", "share", "down",
        ("医疗费总额高于病组支付标准的病例占比。", "Share of stays that cost more than the payment standard of their group."),
        ("超支付标准病例数 ÷ 有支付标准的病例数", "stays above the standard / stays with a standard"), _NO_PRICE,
        _share("over_standard", "priced"), "over_standard"),
    Indicator("balance", "医保结余", "Balance against payment", "money", "up",
        ("病组应付金额减去医疗费总额；负数为超支。", "What the groups pay, less the total charges; below zero is a deficit."),
        ("Σ(病组应付金额 − 医疗费总额)", "sum of (payment - total charges)"), _NO_PRICE, _sum("balance_fen", "paid")),
    Indicator("high_outlier_share", "费用极高病例占比", "High outlier share", "share", "down",
        ("费用高于病组高倍率界限的病例占比。", "Share of stays whose cost is above the high line of their group."),
        ("费用极高病例数 ÷ 有支付情形的病例数", "high outliers / stays with a payment case"), _NO_PRICE,
        _share("high_outliers", "cased"), "high_outlier"),
    Indicator("low_outlier_share", "费用极低病例占比", "Low outlier share", "share", "down",
        ("费用低于病组低倍率界限的病例占比。", "Share of stays whose cost is below the low line of their group."),
        ("费用极低病例数 ÷ 有支付情形的病例数", "low outliers / stays with a payment case"), _NO_PRICE,
        _share("low_outliers", "cased"), "low_outlier"),
    Indicator("readmission_rate", "15日再入院率", "15-day readmission rate", "share", "down",
        ("距本人上次同院出院 15 日内入院的病例占比；已标明转院或再住院计划的不算。计入再入院的那次住院。",
         "Share of stays that began within 15 days after the patient's stay before at the same hospital; those with a transfer or plan "
         "stated do not count. The later of the two stays is counted."),
        ("15日内再入院病例数 ÷ 既往住院情况可知的病例数", "readmissions / stays whose stay before is known"),
        ("上次住院没有出院日期的病例不计；只看得到库内的既往住院",
         "stays whose stay before has no discharge are left out; only stays in this database are seen"),
        _share("readmitted", "followed"), "readmitted"),
    Indicator("low_risk_mortality", "低风险组死亡率", "Low-risk mortality", "share", "down",
        ("低风险组病例的死亡占比。低风险组由本系统界定：所选期间之前 12 个月内，全部机构至少有 100 例结局已知且死亡率不超过 0.5% 的病组。",
         "Share of deaths in low-risk groups. What is low-risk is our own definition: groups in which all hospitals together had at least "
         "100 stays of known outcome, and at most 0.5 % deaths, in the 12 months before the period."),
        ("低风险组死亡病例数 ÷ 低风险组结局已知的病例数", "deaths in low-risk groups / their stays of known outcome"),
        ("此前 12 个月没有病组满 100 例时为未知；离院方式未填的病例不计",
         "not known if no group had 100 stays in the 12 months before; stays without a way of discharge are left out"),
        _share("low_risk_died", "low_risk_outcomes"), "low_risk_death"),
    Indicator("alerts", "告警病例数", "Stays with an alert", "count", "",
        ("所选出院病例中有告警的病例数；门诊不计。", "Stays with an alert; outpatient claims are not counted here."),
        ("有告警的病例数", "stays with an alert"), ("无", "nothing"), _sum("alerts", "stays"), "alert"),
    Indicator("exposure", "告警涉及金额", "Exposure of alerts", "money", "",
        ("这些告警的涉及金额之和。命中是线索，不是结论。", "Money at stake in these alerts. An alert is a clue and not a finding."),
        ("涉及金额之和", "sum of the money at stake"), ("金额未知的命中不计", "hits whose money is not known add nothing"),
        _sum("exposure_fen", "stays"), "alert"),
    Indicator("confirmed_share", "复核属实率", "Confirmed share", "share", "",
        ("已有复核结论的病例中，至少一项属实或部分属实的占比。",
         "Of the stays with a conclusion, the share in which at least one check was confirmed, wholly or partly."),
        ("属实病例数 ÷ 已有结论的病例数", "confirmed stays / stays with a conclusion"),
        ("只需补充材料的病例不计", "stays that only need information are left out"), _share("confirmed", "concluded"), "confirmed"),
    Indicator("recovered", "追回金额", "Money recovered", "money", "up",
        ("复核中登记的追回金额，计入病例出院的月份。", "What reviews say was recovered, counted in the month of the stay's discharge."),
        ("每项检查最后一次复核的追回金额之和", "sum over the last review of each check"),
        ("未登记金额的复核不计", "reviews without an amount add nothing"), _sum("recovered_fen", "stays"), "recovered"),
)
# fmt: on
"""All indicators, in the order of the cockpit."""

BY_NAME: Final = {one.name: one for one in INDICATORS}
