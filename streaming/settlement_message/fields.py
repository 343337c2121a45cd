"""Which field of 4101 and 4101A is which field of a claim, and what their codes mean.

Names come from ``domain.claim`` (``cn``). Code lists of the interface that differ from ours
are here; they were read off public implementations and are ``unverified``.
"""

from __future__ import annotations

from typing import Final

from domain.claim import DIAGNOSES, ICU_STAYS, PROCEDURES, STAYS
from domain.schema import Field, Table

NODES: Final = {
    "setlinfo": "结算清单信息",
    "payinfo": "基金支付信息",
    "opspdiseinfo": "门诊慢特病诊断信息",
    "diseinfo": "住院诊断信息",
    "iteminfo": "收费项目信息",
    "oprninfo": "手术操作信息",
    "icuinfo": "重症监护信息",
    "bldinfo": "输血信息",
}
"""The nodes of the message; all but the first are lists."""
SPELLINGS: Final = {"opspdseinfo": "opspdiseinfo"}
"""Another spelling of a node that is met."""

_ELSEWHERE: Final = frozenset({"med_type", "mdtrtarea_admvs", "fund_payamt"})
"""``cn`` names of stays that stand in the charge or settlement messages and not in setlinfo."""


def _by_cn(table: Table) -> dict[str, Field]:
    return {f.cn: f for f in table.fields if f.cn is not None and f.cn not in _ELSEWHERE}


HEAD: Final = _by_cn(STAYS)
"""Field of ``setlinfo`` -> field of stays."""
DISEASE: Final = {n: f for n, f in _by_cn(DIAGNOSES).items() if f.name != "stay_id"}
OPERATION: Final = {n: f for n, f in _by_cn(PROCEDURES).items() if f.name != "stay_id"}
ICU: Final = {n: f for n, f in _by_cn(ICU_STAYS).items() if f.name != "stay_id"}

ENVELOPE: Final = {
    "fixmedins_code": "provider_id",
    "mdtrtarea_admvs": "region_code",
    "insuplc_admdvs": "insured_region_code",
}
"""Fields of the message around ``input`` that are taken where ``setlinfo`` has none."""

DURATIONS: Final = frozenset(
    {"ventilation_minutes", "coma_before_admission_minutes", "coma_after_admission_minutes"}
)
"""Fields in minutes that the message writes as days/hours/minutes."""

PAYMENT: Final = {
    "1": "per_item", "2": "per_case", "3": "other", "4": "drg", "5": "per_diem", "6": "other",
}  # fmt: skip
"""hi_paymtd: 按项目, 单病种, 按病种分值, DRG, 按床日, 按人头. ``unverified``."""
PAYMENT_BACK: Final = {"per_item": "1", "per_case": "2", "drg": "4", "per_diem": "5", "other": "6"}
TREATMENT: Final = {
    "1": "1",
    "2": "2",
    "2.1": "2",
    "2.2": "2",
    "3": "3",
    "10": "1",
    "21": "2",
    "22": "2",
    "30": "3",
}
"""trt_type; the list prints 2.1 中医 and 2.2 民族医. ``unverified``."""
WARDS: Final = {"其他": "other", "9": "other", "OTHER": "other"}
"""scs_cutd_ward_type beside the letters of the list. ``unverified``."""
FUND: Final = {"310": "310100", "390": "390100"}
"""fund_pay_type of what the fund paid, by insurance, as it is written; ``unverified``."""
OTHER_FUND: Final = "999997"

FLAGS: Final = {"interface": {"0": False, "1": True}, "form": {"1": False, "2": True}}
"""days_rinp_flag_31: as a flag of the interface, or as the printed list counts (1 无, 2 有)."""

WESTERN: Final = frozenset({"", "1"})
"""diag_type of diagnoses that have an ICD code; those of Chinese medicine are not read."""

IGNORED: Final = [
    "fixmedins_name",
    "hi_no",
    "ntly",
    "naty",
    "patn_cert_type",
    "prfs",
    "emp_addr",
    "emp_tel",
    "poscode",
    "patn_rlts",
    "coner_addr",
    "sp_psn_type",
    "opsp_diag_caty",
    "otp_wm_dise",
    "otp_tcm_dise",
    "tcm_dise_code",
    "diag_code_cnt",
    "maindiag_flag",
    "oprn_oprt_code_cnt",
    "acp_medins_name",
    "bill_code",
    "biz_sn",
    "chfpdr_name",
    "hsorg",
    "hsorg_opter",
    "medins_fill_dept",
    "medins_fill_psn",
    "mul_nwb_bir_wt",
    "mul_nwb_adm_wt",
    "stas_type",
    "opsp_mdtrt_date",
    "setl_list_id",
    "mdtrt_sn",
]
"""Fields of ``setlinfo`` that are known and say nothing that a claim has a place for."""
