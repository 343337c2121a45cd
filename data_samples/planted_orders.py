"""Patterns in doctors' orders: drugs and scans that can be judged before they are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, Final

from data_samples.planting import Pattern, Planter, Scene

BUTYLPHTHALIDE, OXIRACETAM = "S-0901801", "S-0901804"
GEFITINIB, OXYTOCIN, ROSUVASTATIN = "S-0901805", "S-0901807", "S-0901809"
NUTRITION_BAG, CHILD_GRANULES = "S-0901812", "S-0901818"
SCREENING, HEAD_CT, CULTURE, LIVER_PANEL, CRP = (
    "S-0105801", "S-0103003", "S-0104018", "S-0104004", "S-0104015",
)  # fmt: skip
CEFUROXIME, LEVOFLOXACIN, MEROPENEM = "S-0901001", "S-0901005", "S-0901007"
AMLODIPINE, ATORVASTATIN, ALBUMIN, OXALIPLATIN = (
    "S-0901019", "S-0901022", "S-0901026", "S-0901028",
)  # fmt: skip
SMALL_HOSPITAL: Final = 20
"""A hospital of level one."""


def give(
    scene: Scene, record: dict[str, Any], item_code: str, *days: int, **changes: Any
) -> dict[str, Any]:
    """Add an order: standing from the first to the last day given, single if there is one day."""
    item = scene.catalogue.items[item_code]
    regimen = scene.catalogue.regimens.get(item_code)
    admission = date.fromisoformat(record["admission_date"])
    first, last = (admission + timedelta(days=d) for d in (days[0], days[-1]))
    order: dict[str, Any] = {
        "order_id": f"O{len(record['orders']) + 1:04}",
        "order_type": item.order_type,
        "long_term": len(days) > 1,
        "item_code": item.code,
        "item_name": item.name,
        "start_time": f"{first.isoformat()}T10:30:00+08:00",
        "stop_time": f"{last.isoformat()}T{'09:00' if len(days) > 1 else '11:00'}:00+08:00",
        "status": "completed",
        "ordering_physician_id": record["attending_physician_id"],
        "ordering_department": record["admission_department"],
        "executed_time": f"{last.isoformat()}T{'09:00' if len(days) > 1 else '11:00'}:00+08:00",
    }
    if regimen is not None:
        order |= {
            "dose": regimen.dose,
            "dose_unit": regimen.dose_unit,
            "frequency": regimen.frequency,
            "route": regimen.route,
        }
    order |= changes
    record["orders"].append(order)
    return order


Change = Callable[[Scene, dict[str, Any], dict[str, Any]], None]


def _pair(bad_key: str, good_key: str, change: Change, zh: str, en: str, **plan: Any) -> Planter:
    """Two stays, of which ``change`` makes the first wrong and the second nearly so."""

    def plant(scene: Scene) -> Pattern:
        bad = scene.stay(bad_key, secondary=(), **plan)
        good = scene.stay(good_key, "B", **plan)
        change(scene, bad, good)
        return Pattern((bad, good), (bad["stay_id"],), zh, en)

    return plant


def _without_disease(scene: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    for record in (bad, good):
        give(scene, record, BUTYLPHTHALIDE, 0, 4)


def _long_course(scene: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    give(scene, bad, BUTYLPHTHALIDE, 0, 7)
    give(scene, bad, BUTYLPHTHALIDE, 8, 15)
    give(scene, good, BUTYLPHTHALIDE, 0, 13)


def _late_start(scene: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    give(scene, bad, BUTYLPHTHALIDE, 3, 6)
    give(scene, good, BUTYLPHTHALIDE, 1, 6)


def _no_screening(scene: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    give(scene, bad, NUTRITION_BAG, 2, 4)
    give(scene, good, SCREENING, 1)
    give(scene, good, NUTRITION_BAG, 2, 4)


def _wrong_setting(scene: Scene) -> Pattern:
    template = scene.template("pancreatitis")
    bad = scene.visit(scene.patient("A", template), day=0)
    good = scene.stay(template, "B")
    give(scene, bad, NUTRITION_BAG, 0)
    give(scene, good, SCREENING, 0)
    give(scene, good, NUTRITION_BAG, 1, 3)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "门诊开立仅限住院支付的肠外营养三腔袋；另一例为住院使用。",
        "A clinic orders a nutrition bag that is payable for inpatients only; the other patient is one.",
    )


def _small_hospital(scene: Scene) -> Pattern:
    bad = scene.stay("cerebral-infarction", hospital=SMALL_HOSPITAL)
    good = scene.stay("cerebral-infarction", "B")
    for record in (bad, good):
        give(scene, record, BUTYLPHTHALIDE, 0, 4)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "一级医院使用限二级及以上医疗机构支付的药品；另一例为三级医院。",
        "A hospital of level one orders a drug that is payable from level two; the other is of level three.",
    )


def _wrong_sex(scene: Scene) -> Pattern:
    template = scene.template("hernia")
    bad = scene.stay(template, scene.patient("A", template, sex="1"))
    good = scene.stay("delivery", "B")
    for record in (bad, good):
        give(scene, record, OXYTOCIN, 0, dose="10", dose_unit="IU", frequency="st", route="im")
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "男性患者开立缩宫素；另一例为产妇。",
        "Oxytocin is ordered for a man; the other patient is giving birth.",
    )


def _wrong_age(scene: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    give(scene, bad, LEVOFLOXACIN, 1, 3)
    give(scene, good, CHILD_GRANULES, 1, 3)


def _two_statins(scene: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    give(scene, bad, ATORVASTATIN, 0, 4)
    give(scene, bad, ROSUVASTATIN, 1, 4)
    give(scene, good, ATORVASTATIN, 0, 2)
    give(scene, good, ROSUVASTATIN, 2, 4)


def _high_dose(scene: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    for record, times in ((bad, "tid"), (good, "bid")):
        record["orders"] = [o for o in record["orders"] if o["item_code"] != AMLODIPINE]
        give(scene, record, AMLODIPINE, 0, 4, frequency=times)


def _no_infection(scene: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    give(scene, bad, CEFUROXIME, 0, 5)
    give(scene, good, CRP, 0)
    give(scene, good, CEFUROXIME, 0, 5)


def _no_culture(scene: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    give(scene, bad, MEROPENEM, 1, 4)
    give(scene, good, CULTURE, 1)
    give(scene, good, MEROPENEM, 1, 4)


def _no_albumin_test(scene: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    give(scene, bad, ALBUMIN, 1, 3)
    give(scene, good, LIVER_PANEL, 1)
    give(scene, good, ALBUMIN, 1, 3)


def _monitored(scene: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    for record in (bad, good):
        give(scene, record, OXIRACETAM, 0, 4)


def _no_tumour(scene: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    for record in (bad, good):
        give(scene, record, GEFITINIB, 1, 3)


def _cytotoxic(scene: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    for record in (bad, good):
        give(scene, record, OXALIPLATIN, 1)


def _third_scan(scene: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    for day in (0, 2, 4):
        give(scene, bad, HEAD_CT, day)
    for day in (0, 4):
        give(scene, good, HEAD_CT, day)


PLANTED: Final[Mapping[str, Planter]] = {
    "ORD-001": _pair(
        "hypertension", "cerebral-infarction", _without_disease,
        "高血压患者开立限急性脑梗死支付的药品；另一例为脑梗死。",
        "A drug payable for cerebral infarction is ordered for high blood pressure; the other patient has an infarction.",
    ),
    "ORD-002": _pair(
        "cerebral-infarction", "cerebral-infarction", _long_course,
        "限支付14天的药品分两条医嘱共开立16天；另一例14天。",
        "Two orders give a drug for 16 days that is payable for 14; the other patient gets 14.",
        nights=17,
    ),
    "ORD-003": _pair(
        "cerebral-infarction", "cerebral-infarction", _late_start,
        "限起病48小时内使用的药品在入院第4天才开始；另一例第2天开始。",
        "A drug to be begun within 48 hours of onset begins on day four; the other begins on day two.",
    ),
    "ORD-004": _pair(
        "pancreatitis", "pancreatitis", _no_screening,
        "肠外营养前未做营养风险筛查；另一例已筛查。",
        "Parenteral nutrition without a nutrition screening; the other patient was screened.",
    ),
    "ORD-005": _wrong_setting,
    "ORD-006": _small_hospital,
    "ORD-008": _wrong_sex,
    "ORD-009": _pair(
        "child-bronchitis", "child-bronchitis", _wrong_age,
        "儿童使用喹诺酮类；另一例使用儿童制剂。",
        "A child is given a quinolone; the other gets a drug made for children.",
    ),
    "ORD-011": _pair(
        "hypertension", "hypertension", _two_statins,
        "两种他汀同时使用3天；另一例为换药，前药当日停用。",
        "Two statins run side by side for three days; the other patient changes from one to the other.",
    ),
    "ORD-012": _pair(
        "hypertension", "hypertension", _high_dose,
        "氨氯地平每日15mg，超过每日最大量10mg；另一例恰为10mg。",
        "Amlodipine 15 mg a day, above the maximum of 10; the other patient gets just 10.",
    ),
    "ORD-016": _pair(
        "heart-failure", "heart-failure", _no_infection,
        "心力衰竭患者使用抗菌药物5天，无感染诊断和检验；另一例查了C反应蛋白。",
        "Five days of an antibacterial in heart failure with neither infection nor a test; the other had a CRP.",
    ),
    "ORD-018": _pair(
        "pneumonia", "pneumonia", _no_culture,
        "使用美罗培南前后未送检、未会诊；另一例用药当日送检血培养。",
        "Meropenem with neither culture nor consultation; the other patient had a blood culture that day.",
    ),
    "ORD-020": _pair(
        "hypertension", "hypertension", _no_albumin_test,
        "高血压患者使用白蛋白，未查肝功能；另一例查了白蛋白。",
        "Albumin in high blood pressure without a test; the other patient's albumin was measured.",
    ),
    "ORD-021": _pair(
        "diabetes", "brain-injury", _monitored,
        "糖尿病患者使用奥拉西坦；另一例为脑外伤。",
        "Oxiracetam in diabetes; the other patient has a brain injury.",
    ),
    "ORD-022": _pair(
        "pneumonia", "lung-cancer", _no_tumour,
        "肺炎患者使用吉非替尼；另一例为肺癌。",
        "Gefitinib in pneumonia; the other patient has lung cancer.",
    ),
    "ORD-023": _pair(
        "copd", "chemotherapy", _cytotoxic,
        "慢阻肺患者开立奥沙利铂；另一例为肿瘤化疗。",
        "Oxaliplatin is ordered for COPD; the other patient is in chemotherapy for a tumour.",
    ),
    "ORD-031": _pair(
        "diabetes", "diabetes", _third_scan,
        "5天内3次头颅CT，无手术和重症；另一例2次。",
        "Three scans of the head in five days without operation or intensive care; the other patient had two.",
    ),
}  # fmt: skip
"""Check id -> what plants it."""
