"""Patterns of cost against the group: too much of one kind, in one phase, on one day."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from data_samples.plans import FULL
from data_samples.planting import Pattern, Planter, Scene, find_line

ALBUMIN, STAPLER, DIALYSER = "S-0901026", "S-0201013", "S-0201016"
OXALIPLATIN, MEROPENEM, XUESAITONG = "S-0901028", "S-0901007", "S-1101002"
BRAIN_MRI, CONTRAST_CT, TUMOUR_MARKERS = "S-0103005", "S-0103004", "S-0104024"
EXERCISE, OCCUPATIONAL, ICU_BED, ECMO, CRRT = (
    "S-0105014", "S-0105015", "S-0101004", "S-0106006", "S-0106005",
)  # fmt: skip
SINGLE_ROOM, MONITORING = "S-0101003", "S-0106003"

Lines = tuple[tuple[str, int], ...]


def _too_much(
    scene: Scene,
    *,
    template: str,
    lines: Lines,
    days: range,
    little: Lines,
    zh: str,
    en: str,
    nights: int | None = None,
) -> Pattern:
    """A stay with ``lines`` on each of the days beside one with a little of the same."""
    bad = scene.stay(template, nights=nights)
    good = scene.stay(template, "B", nights=nights)
    for day in days:
        for number, (item, quantity) in enumerate(lines):
            scene.charge(bad, item, quantity, day=day, minute=14 * 60 + number * 9)
    for item, quantity in little:
        scene.charge(good, item, quantity, day=days[0], minute=14 * 60)
    return Pattern((bad, good), (bad["stay_id"],), zh, en)


def _before_operation(scene: Scene) -> Pattern:
    bad, good = scene.stay("hip-replacement"), scene.stay("hip-replacement", "B")
    for item in (BRAIN_MRI, CONTRAST_CT, TUMOUR_MARKERS, "S-0103006", "S-0103013", "S-0103014"):
        scene.charge(bad, item, 1, day=0, minute=13 * 60)
    scene.charge(good, "S-0103011", 1, day=0, minute=13 * 60)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "髋关节置换术前一天集中做头颅磁共振、腹部增强CT、胃肠镜等与手术无关的检查。",
        "The day before a hip replacement is filled with an MRI of the head, a CT of the abdomen and endoscopies.",
    )


def _operation_day(scene: Scene) -> Pattern:
    bad, good = scene.stay("cholecystectomy"), scene.stay("cholecystectomy", "B")
    day = _operation_days(bad)
    scene.charge(bad, STAPLER, 5, day=day, minute=11 * 60)
    scene.charge(good, "S-0201014", 2, day=_operation_days(good), minute=11 * 60)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "胆囊切除当日收取5把一次性吻合器。",
        "Five staplers are charged on the day of a gallbladder operation.",
    )


def _after_operation(scene: Scene) -> Pattern:
    bad, good = scene.stay("cholecystectomy"), scene.stay("cholecystectomy", "B")
    day = _operation_days(bad) + 1
    scene.charge(bad, ALBUMIN, 6, day=day)
    scene.charge(good, "S-0901013", 2, day=day)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "胆囊切除术后一天使用6瓶人血白蛋白。",
        "Six bottles of albumin are given on the day after a gallbladder operation.",
    )


def _operation_days(record: dict[str, Any]) -> int:
    day = record["procedures"][0]["procedure_date"]
    return int(day[-2:]) - int(record["admission_date"][-2:])


def _day_spike(scene: Scene) -> Pattern:
    bad, good = scene.stay("diabetes", nights=8), scene.stay("diabetes", "B", nights=8)
    scene.charge(bad, ALBUMIN, 5, day=4)
    for day in range(1, 7):
        scene.charge(good, ALBUMIN, 1, day=day)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "糖尿病住院第5日一次记入5瓶白蛋白；另一例每日1瓶，不应命中。",
        "Five bottles of albumin are posted on one day; the other stay has one a day.",
    )


def _late_charges(scene: Scene) -> Pattern:
    bad, good = scene.stay("copd"), scene.stay("copd", "B")
    last = bad["length_of_stay_days"]
    for item in (CONTRAST_CT, BRAIN_MRI, TUMOUR_MARKERS, "S-0103008", "S-0103009"):
        scene.charge(bad, item, 1, day=last - 1, minute=16 * 60)
    line = scene.charge(good, XUESAITONG, 20, day=good["length_of_stay_days"], minute=9 * 60)
    line["discharge_medication"] = True
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "出院前一天集中开立CT、磁共振等检查；另一例为出院带药，不应命中。",
        "CT, MRI and more are charged on the day before discharge; the other stay has drugs to take home.",
    )


def _cost_a_day(scene: Scene) -> Pattern:
    bad, good = scene.stay("heart-failure", nights=4), scene.stay("heart-failure", "B")
    for day in range(4):
        scene.charge(bad, ALBUMIN, 4, day=day)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "心力衰竭住院4天，日均费用远超同组。",
        "A stay of four days for heart failure costs far more a day than its group.",
    )


def _mix(scene: Scene) -> Pattern:
    bad = scene.stay("lumbar-disc", detail=FULL)
    good = scene.stay("lumbar-disc", "B", detail=FULL)
    for line in bad["charges"]:
        if line["category"] == "05":
            line["category"] = "11"
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "治疗费全部记入中成药费，费用结构与同组完全不同。",
        "All treatment is charged as patent drugs, so that the mix of cost is that of another group.",
    )


def _without_complication(scene: Scene) -> Pattern:
    plain = tuple(c for c in scene.catalogue.comorbidities if c.code == "I10.x00x002")
    bad = scene.stay("pneumonia", nights=8, secondary=plain)
    good = scene.stay("pneumonia", "B", nights=8, secondary=plain)
    for day in range(8):
        scene.charge(bad, ALBUMIN, 2, day=day)
    scene.charge(good, ALBUMIN, 1, day=3)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "仅有高血压的肺炎每日使用白蛋白，费用远超无并发症病组。",
        "Pneumonia with nothing but high blood pressure has albumin every day.",
    )


def _high_outlier(scene: Scene) -> Pattern:
    bad, good = scene.stay("pneumonia", nights=8), scene.stay("pneumonia", "B", nights=8)
    for day in range(8):
        scene.charge(bad, ALBUMIN, 6, day=day)
    scene.charge(good, ALBUMIN, 6, day=2)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "大量使用白蛋白，费用达到高倍率线，也符合特例单议条件。",
        "So much albumin that the stay reaches the high line, and a ground for review.",
    )


def _low_outlier(scene: Scene) -> Pattern:
    bad = scene.stay("heart-failure")
    good = scene.stay("heart-failure", "B", detail=FULL)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "心力衰竭住院几乎没有检查和治疗，费用低于低倍率线。",
        "A stay for heart failure with hardly any test or treatment lies below the low line.",
    )


def _two_departments(scene: Scene) -> Pattern:
    bad = scene.stay("pneumonia", nights=8, detail=FULL)
    good = scene.stay("pneumonia", "B", nights=8, detail=FULL)
    for record in (bad, good):
        record["transfer_departments"] = "A03.04"
    for line in bad["charges"][::2]:
        line["ordering_department"] = "A03.04"
    for day in range(1, 7):
        scene.charge(bad, ALBUMIN, 1, day=day, minute=10 * 60)
        line = scene.charge(bad, ALBUMIN, 2, day=day)
        line["ordering_department"] = "A03.04"
    find_line(good, "S-0103011")["ordering_department"] = "A03.04"
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "转科患者两个科室各自占用支付标准四成以上。",
        "The patient moved, and each of two departments took more than 40 % of the standard.",
    )


def _yearly(scene: Scene) -> Pattern:
    who = scene.patient("A", scene.template("long-ventilation"))
    records = [
        scene.stay("long-ventilation", who, day=60 * number, nights=14) for number in range(4)
    ]
    for record in records:
        for day in range(1, 13):
            for item, quantity in ((ECMO, 24), (CRRT, 24), (ALBUMIN, 6)):
                scene.charge(record, item, quantity, day=day, minute=1)
    spent = [0]
    for record in records:
        spent.append(spent[-1] + record["fund_payment_fen"])
    hits = tuple(
        r["stay_id"] for r, total in zip(records, spent[1:], strict=True) if total >= 22_500_000
    )
    return Pattern(
        tuple(records),
        hits,
        "一年内多次重症住院，基金累计支付接近年度限额。",
        "Several stays in intensive care within a year take the fund's payments close to the cap.",
    )


def _amount(template: str, lines: Lines, days: range, little: Lines, *told: str) -> Planter:
    zh, en = told
    return partial(
        _too_much, template=template, lines=lines, days=days, little=little, zh=zh, en=en
    )


PLANTED: Final[Mapping[str, Planter]] = {
    "CST-005": _high_outlier,
    "CST-006": _low_outlier,
    "CST-008": _day_spike,
    "CST-009": _amount(
        "diabetes", ((CONTRAST_CT, 1), (BRAIN_MRI, 1), (TUMOUR_MARKERS, 1), ("S-0103014", 1), ("S-0103013", 1)),
        range(2), (("S-0103011", 1),),
        "糖尿病入院两日内反复开立增强CT、磁共振、胃肠镜和肿瘤标志物。",
        "In the first two days of a stay for diabetes CT, MRI, endoscopies and tumour markers are charged twice.",
    ),
    "CST-010": _before_operation,
    "CST-011": _operation_day,
    "CST-012": _after_operation,
    "CST-013": _late_charges,
    "CST-014": _amount(
        "hypertension", ((OXALIPLATIN, 2),), range(1, 5), (("S-0901016", 2),),
        "高血压住院连续4天记入奥沙利铂。",
        "Oxaliplatin is charged on four days of a stay for high blood pressure.",
    ),
    "CST-015": _amount(
        "pneumonia", ((STAPLER, 1),), range(1, 3), (("S-0201003", 2),),
        "未手术的肺炎住院收取2把一次性吻合器。",
        "Two staplers are charged in a stay for pneumonia without any operation.",
    ),
    "CST-016": _amount(
        "hypertension", ((CONTRAST_CT, 1), (BRAIN_MRI, 1), ("S-0103006", 1)), range(1, 3), (("S-0103011", 1),),
        "高血压住院两天内CT、磁共振各做两次。",
        "CT and MRI are done twice in two days of a stay for high blood pressure.",
    ),
    "CST-017": _amount(
        "hypertension", ((TUMOUR_MARKERS, 1), ("S-0104023", 1), ("S-0104026", 1)), range(1, 4), (("S-0104001", 1),),
        "高血压住院每日复查肿瘤标志物、甲状腺功能和维生素D。",
        "Tumour markers, thyroid tests and vitamin D are repeated daily in a stay for high blood pressure.",
    ),
    "CST-018": _amount(
        "lumbar-disc", ((EXERCISE, 8), (OCCUPATIONAL, 8)), range(1, 7), ((EXERCISE, 1),),
        "腰椎间盘突出住院每日收取运动疗法、作业疗法各8次。",
        "Eight sessions each of exercise and occupational therapy are charged a day.",
    ),
    "CST-019": _amount(
        "copd", ((MEROPENEM, 6),), range(1, 7), ((MEROPENEM, 1),),
        "慢阻肺住院每日使用6支美罗培南。",
        "Six vials of meropenem a day are charged in a stay for chronic lung disease.",
    ),
    "CST-020": _amount(
        "diabetes", ((ALBUMIN, 1),), range(1, 7), ((ALBUMIN, 1),),
        "糖尿病住院每日使用人血白蛋白。",
        "Albumin is given daily in a stay for diabetes.",
    ),
    "CST-021": _amount(
        "lumbar-disc", (("S-0108007", 3), ("S-0108008", 2)), range(0, 5), (("S-0108005", 2),),
        "腰椎间盘突出住院每日收取新生儿护理和气管切开护理。",
        "Newborn care and tracheostomy care are charged daily in a stay for a slipped disc.",
    ),
    "CST-022": _amount(
        "hypertension", ((XUESAITONG, 8),), range(1, 5), ((XUESAITONG, 2),),
        "高血压住院每日使用8支血塞通注射液。",
        "Eight vials of a Chinese patent injection a day in a stay for high blood pressure.",
    ),
    "CST-024": _mix,
    "CST-025": _cost_a_day,
    "CST-026": _without_complication,
    "CST-027": _two_departments,
    "CST-029": _high_outlier,
    "CST-037": _yearly,
}  # fmt: skip
"""Check id -> what plants it."""
