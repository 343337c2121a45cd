"""What payment answers for a stay, and the words for its codes."""

from __future__ import annotations

from typing import Final

import polars as pl

PAID: Final = pl.Schema(
    {
        "stay_id": pl.String(),
        "group_code": pl.String(),
        "group_weight": pl.Decimal(18, 4),
        "base_rate_fen": pl.Decimal(18, 2),
        "hospital_level": pl.String(),
        "level_coefficient": pl.Decimal(18, 6),
        "payment_standard_fen": pl.Int64(),
        "mean_stay_days": pl.Float64(),
        "cost_fen": pl.Int64(),
        "excluded_fen": pl.Int64(),
        "high_line_fen": pl.Int64(),
        "low_line_fen": pl.Int64(),
        "payment_case": pl.String(),
        "outlier_pays": pl.String(),
        "outlier_factor": pl.Decimal(18, 4),
        "paid_days": pl.Int32(),
        "capped": pl.Boolean(),
        "group_payment_fen": pl.Int64(),
        "excluded_payment_fen": pl.Int64(),
        "payment_fen": pl.Int64(),
        "balance_fen": pl.Int64(),
        "review_reasons": pl.String(),
        "review_unknown": pl.String(),
        "absent": pl.String(),
        "payment_absent": pl.String(),
        "sources": pl.String(),
    }
)
"""One row a stay, in the order asked for; money in fen, null where it cannot be known.

``base_rate_fen`` has two places more than a fen, because cities publish rates to the
hundredth of a fen. ``hospital_level`` is the level that the terms were chosen by.
``level_coefficient`` is null where the region has none. ``cost_fen`` is the total without
``excluded_fen``, the charges paid beside the group. ``payment_case`` is a key of ``CASES``;
``outlier_pays`` and ``outlier_factor`` say how an outlier was paid (columns ``pays`` and
``factor`` of ``outliers.csv``), ``paid_days`` how many days a stay was paid for, ``capped``
whether a highest amount cut the payment. ``payment_fen`` is ``group_payment_fen`` +
``excluded_payment_fen``, and ``balance_fen`` what it leaves over the total of the claim.
``review_reasons`` are the triggers of ``TRIGGERS`` that hold, joined by ``|``, empty where
none does; ``review_unknown`` those that could not be judged; both null while in hospital.
``absent`` is the reason (``ABSENT``) why there is no standard, ``payment_absent`` why there
is no payment. ``sources`` names where weight, rate, coefficient and outlier line come from.
"""

CASES: Final[dict[str, tuple[str, str]]] = {
    "standard": ("按病组支付标准", "Paid by the standard of the group."),
    "high_outlier": ("费用极高病例", "The cost is above the high line."),
    "low_outlier": ("费用极低病例", "The cost is below the low line."),
    "day_rate": ("按床日付费", "Paid by the day."),
    "not_paid": ("不按病组付费", "Not paid by the group."),
}
"""The payment cases in Chinese and English."""

ABSENT: Final[dict[str, tuple[str, str]]] = {
    "not_inpatient": ("非住院结算", "Not an inpatient stay."),
    "currency": ("币种不是人民币", "The currency is not the yuan."),
    "day_rate": (
        "按床日付费，没有病组支付标准",
        "Paid by the day, so no group's standard applies.",
    ),
    "no_group": ("没有病组", "The stay has no group."),
    "no_weight": ("方案中没有该病组的权重", "The scheme has no weight for the group on this day."),
    "no_rate": (
        "方案中没有适用的基础费率",
        "The scheme has no base rate for this region, insurance and day.",
    ),
    "no_coefficient": (
        "本地区设有系数，但没有适用于该医院的一条",
        "The region has coefficients, but none for this hospital, group and day.",
    ),
    "not_by_group": (
        "医保不按病组支付（自费、单病种或按项目）",
        "The fund does not pay this stay by its group (self-pay, single disease or by item).",
    ),
    "in_hospital": ("患者在院", "The patient is in hospital."),
    "no_total": ("没有医疗费总额", "The claim has no total."),
    "no_charges": (
        "没有费用明细，无法计算除外项目",
        "There are no charge lines, so what is paid beside the group is not known.",
    ),
    "excluded_above_total": ("除外项目金额超过医疗费总额", "Excluded charges exceed the total."),
    "amount_too_large": ("金额超出可计算范围", "An amount is beyond what can be computed."),
    "no_mean_cost": (
        "病组没有均次费用，无法计算倍率线",
        "The group has no mean cost, so the outlier line is not known.",
    ),
    "no_days": ("住院天数不明", "The days of the stay are not known."),
}
"""Why there is no standard or no payment, in Chinese and English."""

TRIGGERS: Final[dict[str, tuple[str, str]]] = {
    "stay_days": ("住院天数", "days of the stay"),
    "stay_multiple": ("住院天数与病组平均住院日之比", "days of the stay against the group's mean"),
    "cost_yuan": ("住院费用", "cost of the stay"),
    "cost_multiple": ("住院费用与支付标准之比", "cost against the standard"),
    "icu_days": ("重症监护天数", "days in intensive care"),
    "icu_share": ("重症监护占住院天数之比", "share of the stay in intensive care"),
    "transfers": ("转科次数", "moves to another department"),
    "item": ("使用指定的新药新技术项目", "use of a listed item, such as a new technology"),
}
"""What can let a hospital ask for a review (特例单议), in Chinese and English."""
