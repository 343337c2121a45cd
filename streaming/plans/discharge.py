"""The stay as if it had been discharged, and which checks may judge it so.

A check of a whole stay judges what is complete only at discharge. Some of it is complete
earlier, or can be supposed without guessing; only checks that read nothing else are asked
(``CHECKS``). Every other active check of stays waits, for the reason that ``waits`` tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

import rules

Json = dict[str, Any]

LIST: Final = (
    "SLQ-001", "SLQ-005", "SLQ-006", "SLQ-009", "SLQ-010", "SLQ-011", "SLQ-012", "SLQ-016",
    "SLQ-017", "SLQ-018", "SLQ-019", "SLQ-020", "SLQ-022",
)  # fmt: skip
"""Quality of the settlement list: what the head, the diagnoses and the procedures say already."""
DOCUMENTATION: Final = (
    "DXC-001", "DXC-002", "DXC-008", "DXC-026", "PXC-001", "PXC-002", "PXC-010", "PXC-013", "PXC-022",
)  # fmt: skip
"""Contradictions between what is coded and what the record says of the patient."""
SUPPORT: Final = ("GRP-005", "GRP-008", "GRP-009", "GRP-010", "GRP-011", "GRP-012", "GRP-013")
"""Complications that are coded and that no test, drug or treatment shows so far."""
COST: Final = ("CST-001", "CST-005", "CST-029")
"""Total against standard and high line, and special-case review, by the projected total."""
TESTS: Final = ("CHG-026",)
"""Tests within their minimum interval: those charged, and those ordered and not yet done."""
NEARING: Final = ("CST-002",)
"""What judges a stay in hospital by its charges alone, beside ``rules.in_hospital``."""
IN_HOSPITAL: Final = frozenset({*NEARING, "CST-003", "CST-004", "CST-007", "ORD-019", "SHF-004"})
"""The checks of whole stays that judge a plan while the patient is in hospital; a test compares."""
DOCUMENTS: Final = (*LIST, *DOCUMENTATION)
CHECKS: Final = (*DOCUMENTS, *SUPPORT, *COST, *TESTS)
"""The checks of stays, diagnoses, procedures and charges that may judge a stay as if discharged."""

WAITING: Final[Mapping[str, tuple[str, str]]] = {
    "other_stays": (
        "需与该患者的其他就诊或结算比对，出院结算后才有全部记录。",
        "They compare with other stays and claims of the patient, which are complete when the claim is.",
    ),
    "settlement": (
        "需要结算后才有的数据（结算总额、基金支付、票据、上传时间、申报病组）。",
        "They read what only the settlement says: totals, payments, invoice, time of filing, billed group.",
    ),
    "whole_bill": (
        "需要全部费用明细或完整住院天数；在院期间判断会把尚未记账的当作没有。",
        "They need the whole bill or all days of the stay; before that, what is not posted yet would count as missing.",
    ),
    "final_codes": (
        "涉及主要诊断选择或缺少的编码；应在病历完成后由编码员按病历判断，在院期间提示可能诱导编码。",
        "They judge the choice of the principal diagnosis or a missing code; that is decided from the finished record, and a hint before it could lead the coding.",
    ),
    "aggregates": (
        "按医疗机构月度或医师日判断，不针对单个患者。",
        "They judge a hospital's month or a physician's day, not one patient.",
    ),
    "outpatient": ("只判断门诊。", "They judge outpatient visits only."),
    "united_states": ("只判断美国的结算。", "They judge claims of the United States only."),
}
"""Why checks wait: reason -> in Chinese and English."""

_BY_FAMILY: Final = {
    "ADM": "other_stays", "IDB": "other_stays", "SHF": "other_stays", "SLQ": "settlement",
    "CST": "whole_bill", "LOS": "whole_bill", "CHG": "whole_bill", "PXC": "whole_bill",
    "DXC": "final_codes", "GRP": "final_codes",
}  # fmt: skip
_SINGLE: Final = {
    **dict.fromkeys(
        ("ADM-009", "ADM-010", "ADM-011", "ADM-012", "ADM-013", "ADM-019", "ADM-020",
         "SLQ-003", "SLQ-007", "SLQ-008", "SLQ-021", "SLQ-024"), "whole_bill"),
    **dict.fromkeys(("SHF-005", "SHF-006", "SHF-009", "GRP-003", "GRP-006", "IDB-024", "IDB-025"), "settlement"),
    **dict.fromkeys(("SHF-003", "IDB-013"), "outpatient"),
    **dict.fromkeys(("ADM-021", "CHG-043", "SHF-016"), "united_states"),
}  # fmt: skip


def waits(rule: rules.Rule) -> str | None:
    """Why a check does not judge a plan (a key of ``WAITING``); None if it does.

    Checks of orders and of the outlook judge a stay in hospital anyway.
    """
    if rule.unit in ("provider_month", "physician_day"):
        return "aggregates"
    if rule.id in CHECKS or rule.unit == "order" or rule.id in IN_HOSPITAL:
        return None
    return _SINGLE.get(rule.id, _BY_FAMILY[rule.family])


def discharged(claim: Json, as_of: datetime, day: date | None, total_fen: int | None) -> Json:
    """The stay as if discharged on ``day`` (never before ``as_of``), home, at that cost.

    Orders that run end with it; drafts are taken as signed by the caller. The way of
    discharge is supposed, so no check of ``CHECKS`` may turn on it.
    """
    zone = ZoneInfo(claim["time_zone"])
    today = as_of.astimezone(zone).date()
    # By the day alone, so that what does not read orders is the same for every event of a day.
    at = (
        datetime.combine(day, time(10), zone)
        if day is not None and day > today
        else datetime.combine(today, time(23, 59, 59), zone)
    )
    end = at.isoformat()
    admitted = date.fromisoformat(claim["admission_date"])
    orders = [
        o | {"stop_time": end}
        if o.get("long_term")
        and o.get("stop_time") is None
        and o["status"] in ("active", "on-hold")
        else o
        for o in claim["orders"]
    ]
    return claim | {
        "discharge_date": at.date().isoformat(),
        "discharge_time": end,
        "discharge_way": "1",
        "discharge_department": claim.get("discharge_department")
        or claim.get("admission_department")
        or "-",
        "length_of_stay_days": max((at.date() - admitted).days, 1),
        "total_amount_fen": claim["total_amount_fen"] if total_fen is None else total_fen,
        "orders": orders,
    }
