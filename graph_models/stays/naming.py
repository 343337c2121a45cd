"""What each column of a stay is called, and the reason that it belongs to, in Chinese and English."""

from __future__ import annotations

from typing import Final

from graph_models.catalog import CHECK, Feature
from graph_models.stays.reading import RELATIONS

NETWORK: Final = "net:score"
"""The network's probability: what the surroundings as a whole say."""
SURPRISE: Final = "net:surprise"
"""How far a stay's numbers are from what those before it let expect."""
FIT: Final = "fit:"
"""Prefix: how ill a stay fits the others of a party or thing."""

# fmt: off
_PARTIES: Final = {
    "patient": ("患者", "patient"), "phone": ("电话", "telephone"), "address": ("住址", "address"),
    "bank_account": ("收款账户", "bank account"), "bill": ("账单", "bill"), "joint": ("同日入出院", "days of stay"),
    "circle": ("循环转院", "circle of hospitals"), "route": ("转院路径", "transfer route"),
    "physician": ("主诊医师", "attending physician"), "provider": ("医疗机构", "hospital"),
    "department": ("科室", "department"), "employer": ("单位", "employer"), "principal": ("主诊断类目", "principal diagnosis category"),
}
_CODES: Final = {
    "patient": "PAT", "phone": "PHO", "address": "ADR", "bank_account": "ACC", "bill": "BIL", "joint": "JNT",
    "circle": "CIR", "route": "RTE", "physician": "PHY", "provider": "PRO", "department": "DEP", "employer": "EMP",
    "principal": "DIA",
}
_STATS: Final = {
    "stays": ("的其他结算单数", "other stays", "stay"), "patients": ("的其他患者数", "other patients", "patient"),
    "providers": ("的其他机构数", "other hospitals", "provider"), "physicians": ("的其他医师数", "other physicians", "physician"),
    "days": ("首次出现至今天数", "days since first seen", "day"),
}
_SIGNS: Final = {
    "phone:patients": ("共用电话", "shared telephones"), "bank_account:patients": ("共用账户", "shared accounts"),
    "address:patients": ("共用住址", "shared addresses"), "bill:patients": ("雷同账单", "equal bills"),
    "circle:patients": ("循环转院", "circles of hospitals"), "together": ("结伴住院", "joint stays"), "hits": ("检查命中", "hits of checks"),
}
_OWN: Final = {
    "nights": ("住院天数", "Nights", "day", "LOS"),
    "total": ("医疗费总额", "Total charges", "currency", "PAY"), "fund": ("基金支付", "Fund payment", "currency", "PAY"),
    "fund_share": ("基金支付占比", "Share paid by the fund", "share", "PAY"), "own_share": ("个人负担占比", "Share paid by the patient", "share", "SLF"),
    "diagnoses": ("诊断数", "Diagnoses", "code", "COD"), "procedures": ("手术操作数", "Procedures", "code", "COD"),
    "lines": ("费用明细数", "Charge lines", "line", "LIN"), "drug_share": ("药品费占比", "Drugs as a share of charges", "share", "LIN"),
    "consumable_share": ("耗材费占比", "Consumables as a share of charges", "share", "LIN"),
    "test_share": ("检查检验费占比", "Tests as a share of charges", "share", "LIN"),
    "inpatient": ("住院", "Inpatient", "flag", "KND"), "cost_ratio": ("与同类诊断费用之比", "Charges against the usual of the diagnosis", "ratio", "PAY"),
    "gap_days": ("距上次出院天数", "Days since the last discharge", "day", "REA"), "chain": ("连续转院机构数", "Hospitals handing on in a row", "provider", "CIR"),
    "returned": ("转回的机构数", "Hospitals of the circle", "provider", "CIR"), "hits": ("检查命中数", "Hits of checks", "hit", "CHK"),
}
# fmt: on


def party(relation: str) -> tuple[str, str]:
    """What claims of a relation share, in Chinese and English."""
    return _PARTIES[relation]


def describe(name: str) -> Feature:
    """The column of that name."""
    if name in _OWN:
        return Feature(name, *_OWN[name])
    if name == NETWORK:
        return Feature(name, "关系网络风险", "Risk seen by the network", "probability", "GNN")
    if name == SURPRISE:
        return Feature(name, "与以往情形的偏离", "Unlike what came before", "index", "ODD")
    if name.startswith(FIT):
        zh, en = _PARTIES[name.removeprefix(FIT)]
        return Feature(
            name, f"与同一{zh}其他结算单不符", f"Unlike others of its {en}", "index", "ODD"
        )
    if name.startswith(CHECK):
        rule = name.removeprefix(CHECK)
        return Feature(name, f"检查{rule}", f"Check {rule}", "flag", f"CHK-{rule}")
    if name == "together":
        return Feature(
            name, "与同伴此前同住次数", "Earlier joint stays with a companion", "stay", "JNT"
        )
    if name == "companions":
        return Feature(
            name, "曾同住的同伴数", "Companions of earlier joint stays", "patient", "JNT"
        )
    if "~" in name:
        relation, sign = name.split("~")
        (zh, en), (szh, sen) = _PARTIES[relation], _SIGNS[sign]
        return Feature(
            name, f"同一{zh}以往结算单的{szh}(对数均值)",
            f"{sen.capitalize()} at earlier stays of the {en} (mean log)", "index", _CODES[relation],
        )  # fmt: skip
    relation, stat = name.split(":")
    (zh, en), (szh, sen, unit) = _PARTIES[relation], _STATS[stat]
    return Feature(name, f"同一{zh}{szh}", f"Same {en}: {sen}", unit, _CODES[relation])


FITS: Final = tuple(f"{FIT}{r}" for r in RELATIONS)
"""Columns of ``fitting.surprise`` behind its first."""
