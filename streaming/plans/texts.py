"""What a plan says beside the texts of its checks: advice where theirs is for a coder, questions.

A plan is read while the patient is in hospital. It asks what the record says and never which
code to add, so the advice of checks that speak of coding is put as a question here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Text = tuple[str, str]

_TREATS: Final = (
    "请医师核对：该药所治疗的疾病在病历中有何记录和依据？没有的，告知患者费用承担方式，或选用其他有依据的方案。",
    "Physician: what does the record say of the disease that the drug treats, and on what grounds? If nothing, "
    "tell the patient who pays, or choose another treatment with good grounds.",
)
_LOOK_UP: Final = (
    "请按病历核对；只更正与病历不符之处。",
    "Look it up in the record; correct only what differs from it.",
)
_SHOWN: Final = (
    "请医师核对：病历中有何检查、用药或治疗支持该诊断？由医师按病历确认或更正。",
    "Physician: which test, drug or treatment in the record supports the diagnosis? Confirm or correct it by the record.",
)
_STANDARD: Final = (
    "核对收费和预分组是否正确，符合特例单议条件的提前准备材料。支付标准不是医务人员的费用限额，不得因此减少必要诊疗。",
    "Check charges and working group; prepare the papers if the case qualifies for review. The standard is no "
    "quota for anyone, and necessary care is never withheld.",
)

ACTIONS: Final[Mapping[str, Text]] = {
    "ORD-001": _TREATS,
    "ORD-021": _TREATS,
    "ORD-023": (
        "执行前请立即核对患者身份和医嘱；该药所治疗的疾病在病历中有何依据？",
        "Before it is given, check patient and order. What does the record say of the disease that it treats?",
    ),
    "CST-001": _STANDARD,
    "SLQ-009": (
        "请按病案首页核对诊断的顺序和完整性。",
        "Compare the order of the diagnoses with the front sheet.",
    ),
    "SLQ-010": _LOOK_UP,
    "SLQ-011": _LOOK_UP,
    "SLQ-012": _LOOK_UP,
    "PXC-010": _LOOK_UP,
    "PXC-013": _LOOK_UP,
    **dict.fromkeys(
        ("GRP-005", "GRP-008", "GRP-009", "GRP-010", "GRP-011", "GRP-012", "GRP-013"), _SHOWN
    ),
}
"""Check -> what a plan asks the physician to do, where the check's own advice is for a coder."""

ASK_RECORD: Final[Text] = (
    "{finding}。病历中是如何记录的？请按病历核对，不得估填。",
    "{finding}. What does the record say? Check it there; nothing is filled in by a guess.",
)
ASK_SUPPORT: Final[Text] = (
    "{finding}。病历中有何检查、用药或治疗支持？没有的由医师按病历更正。",
    "{finding}. Which test, drug or treatment in the record supports it? If none, the physician corrects it by the record.",
)
ASK_EVIDENCE: Final[Mapping[str, Text]] = {
    "ORD-001": ("医嘱{order}：{finding}。使用该药的依据是什么？已有的检查结果或病程记录请注明日期和所在。",
                "Order {order}: {finding}. What are the grounds for the drug? If a result or note exists, say where and of which day."),
    "ORD-003": ("医嘱{order}：{finding}。起病时间是否已记录？请注明。",
                "Order {order}: {finding}. Is the time of onset in the record? Note it."),
    "ORD-004": ("医嘱{order}：{finding}。护理记录中是否已有营养筛查？有的请注明日期和结果。",
                "Order {order}: {finding}. Is there a screening in the nursing record? If so, note day and result."),
    "ORD-009": ("医嘱{order}：{finding}。确需使用的，理由是否已记录？",
                "Order {order}: {finding}. If the drug is needed, is the reason in the record?"),
    "ORD-016": ("医嘱{order}：{finding}。感染的症状、体征或检验结果是否已有记录？有的请注明。",
                "Order {order}: {finding}. Are signs or results of an infection in the record? If so, say where."),
    "ORD-018": ("医嘱{order}：{finding}。是否已在别处送检或会诊？有的请注明日期和结果。",
                "Order {order}: {finding}. Was a specimen taken or a colleague asked elsewhere? If so, note day and result."),
    "ORD-020": ("医嘱{order}：{finding}。是否已有白蛋白测定值或抢救、重症的记录？有的请注明。",
                "Order {order}: {finding}. Is there a value of albumin, or a note of resuscitation or critical illness? If so, say where."),
    "ORD-021": ("医嘱{order}：{finding}。用药依据在病历中如何记录？",
                "Order {order}: {finding}. What grounds does the record give for the drug?"),
    "ORD-022": ("医嘱{order}：{finding}。病理和基因检测报告是否已在病历中？有的请注明日期。",
                "Order {order}: {finding}. Are the reports of pathology and of the test for the drug in the record? If so, note the day."),
    "ORD-031": ("医嘱{order}：{finding}。复查的临床理由是否已记录？",
                "Order {order}: {finding}. Is the clinical reason for the repeat in the record?"),
    "CHG-026": ("{finding}。复查的临床理由是否已记录？",
                "{finding}. Is the clinical reason for the repeat in the record?"),
}  # fmt: skip
"""Restricted drugs and repeated tests: what may already be there and only has to be noted."""

SPECIAL_CASE: Final[Text] = (
    "可能符合特例单议条件：{grounds}。分组和收费核对无误后，是否准备申报材料（病情说明、费用清单）？",
    "The stay may qualify for a special-case review: {grounds}. With group and charges checked, are the papers being "
    "prepared (course of the illness, list of charges)?",
)
HIGH_OUTLIER: Final[Text] = (
    "费用达到费用极高病例线（概率{percent}%）",
    "cost above the high-outlier line (probability {percent} %)",
)

OPEN_ORDERS: Final[Text] = (
    "仍有{count}条长期医嘱在执行（{names}）：出院前是否逐条停止，或转为出院带药、后续治疗？",
    "{count} standing orders still run ({names}): is each to be ended at discharge, or to go on as discharge medication or follow-up?",
)
PENDING: Final[Text] = (
    "{count}项检查、检验尚无执行记录（{names}）：结果是否待回报，由谁跟进？",
    "{count} tests have no record of being done ({names}): are results pending, and who follows them up?",
)
DRAFTS: Final[Text] = (
    "{count}条医嘱仍为草稿（{names}）：是否签发或删除？",
    "{count} orders are still drafts ({names}): are they to be signed or dropped?",
)
FOLLOW_UP: Final[Text] = (
    "出院小结、复诊时间和随访安排是否已写明并告知患者？",
    "Are discharge summary, next visit and follow-up written down and told to the patient?",
)
DECIDE: Final[Text] = (
    "是否出院由医师按病情决定，与费用和支付标准无关。",
    "Whether the patient leaves is the physician's decision by the illness; cost and standard have no part in it.",
)


def fill(text: Text, zh: Mapping[str, object], en: Mapping[str, object]) -> dict[str, str]:
    """Both languages with their values in place."""
    return {"zh": text[0].format(**zh), "en": text[1].format(**en)}
