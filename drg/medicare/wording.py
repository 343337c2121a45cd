"""A US payment in words: the parts with their amounts, in Chinese or English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from drg.medicare.payment import ABSENT, PARTS

_NAMES: Final[dict[str, tuple[str, str]]] = {
    "operating_fen": ("运营费用", "operating"),
    "operating_ime_fen": ("运营教学加成", "operating teaching"),
    "operating_dsh_fen": ("运营低收入患者加成", "operating low-income"),
    "uncompensated_fen": ("无偿医疗补偿", "uncompensated care"),
    "value_based_fen": ("按价值采购调整", "value-based purchasing"),
    "readmissions_fen": ("再入院扣减", "readmissions"),
    "capital_fen": ("资本费用", "capital"),
    "capital_ime_fen": ("资本教学加成", "capital teaching"),
    "capital_dsh_fen": ("资本低收入患者加成", "capital low-income"),
    "outlier_operating_fen": ("高倍率补偿（运营）", "operating outlier"),
    "outlier_capital_fen": ("高倍率补偿（资本）", "capital outlier"),
    "hac_reduction_fen": ("院内获得性疾病扣减", "hospital-acquired conditions"),
}


def explain(row: Mapping[str, Any], language: str) -> str:
    """The payment of a row of ``PAYMENTS`` as a sentence; ``language`` is ``zh`` or ``en``."""
    chinese = language == "zh"
    told = []
    if row["payment_standard_fen"] is not None:
        weight, standard = row["group_weight"], _dollars(row["payment_standard_fen"])
        told.append(
            f"{row['group_code']}组，权重 {weight}，本院全额 {standard}"
            if chinese
            else f"Group {row['group_code']}, weight {weight}: {standard} in full at this hospital"
        )
    if row["payment_fen"] is not None:
        told.append(_paid(row, chinese=chinese))
    if row["absent"] is not None:
        told.append(ABSENT[row["absent"]][0 if chinese else 1].rstrip("。."))
    if row["review_reasons"] == "default_hospital":
        told.append(
            "按全国通用行计算，不是该医院的费率"
            if chinese
            else "computed by the row for every hospital, not by this hospital's own"
        )
    return ("；" if chinese else "; ").join(told) + ("。" if chinese else ".")


def _paid(row: Mapping[str, Any], *, chinese: bool) -> str:
    sum_ = " + ".join(
        f"{_NAMES[name][0 if chinese else 1]} {_dollars(row[name])}" for name in PARTS if row[name]
    )
    total = _dollars(row["payment_fen"])
    fraction = row["transfer_fraction"]
    if fraction < 1:
        part = f"转院按 {fraction} 支付：" if chinese else f"paid as a transfer at {fraction}: "
        sum_ = part + sum_
    return f"{sum_} = {total}"


def _dollars(cents: int) -> str:
    sign, whole = ("-" if cents < 0 else ""), abs(cents)
    return f"{sign}${whole // 100:,}.{whole % 100:02d}"
