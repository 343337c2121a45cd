"""Patterns against the terms of the tariff: limits, caps, inclusion, exclusion, surcharges."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

from data_samples.planting import Pattern, Planter, Scene, find_line, settle

CONSULTATION, INFUSION, PUNCTURE = "S-0102001", "S-0105001", "S-0105880"
APPENDECTOMY, CHOLECYSTECTOMY, EXPLORATION = "S-0107001", "S-0107002", "S-0107880"
DELIVERY, TEAR_REPAIR, FETAL_MONITORING = "S-0107005", "S-0107884", "S-0103880"
BALLOON, CRITICAL_CARE, ULTRASONIC = "S-0107882", "S-0108880", "S-0107885"
ELECTROLYTES, POTASSIUM, HBA1C = "S-0104006", "S-0104888", "S-0104010"
CHEST_CT, HEAD_CT, RECONSTRUCTION = "S-0103002", "S-0103003", "S-0103881"
OBSTETRIC_ULTRASOUND, ACUPUNCTURE, CATHETER = "S-0103010", "S-0105012", "S-0201005"
CHILD_SURCHARGE, PURIFICATION, STENT = "S-0105883", "S-0106005", "S-0201006"


def _pair(bad: dict[str, Any], good: dict[str, Any], zh: str, en: str) -> Pattern:
    return Pattern((bad, good), (bad["stay_id"],), zh, en)


def _day_of(record: dict[str, Any], item_code: str) -> int:
    """The day of the stay on which an item was charged."""
    line = find_line(record, item_code)
    return (
        date.fromisoformat(line["charge_date"]) - date.fromisoformat(record["admission_date"])
    ).days


def _reprice(record: dict[str, Any], line: dict[str, Any], price_fen: int) -> None:
    """Give a line of one unit another price and settle the claim again."""
    line["unit_price"] = f"{price_fen / 100:.2f}"
    line["amount_fen"] = price_fen
    before = price_fen // 10 if line.get("self_pay_first_fen") else 0
    if before:
        line["self_pay_first_fen"] = before
    line["in_scope_fen"] = price_fen - before
    settle(record)


def _consultation_twice(scene: Scene) -> Pattern:
    bad, good = scene.stay("diabetes"), scene.stay("diabetes", "B")
    scene.charge(bad, CONSULTATION, 2, day=1, minute=17 * 60 + 30)
    last = date.fromisoformat(good["discharge_date"]) - date.fromisoformat(good["admission_date"])
    scene.charge(good, CONSULTATION, 1, day=last.days, minute=8 * 60)
    return _pair(
        bad,
        good,
        "住院诊察费一日多收2次；另一例出院日收1次。",
        "Two more daily consultations are charged on one day; the other stay has one on the day of discharge.",
    )


def _included(scene: Scene) -> Pattern:
    bad, good = scene.stay("diabetes"), scene.stay("diabetes", "B")
    scene.charge(bad, INFUSION, 1, day=1)
    scene.charge(bad, PUNCTURE, 1, day=1)
    days = (
        date.fromisoformat(good["discharge_date"]) - date.fromisoformat(good["admission_date"])
    ).days
    scene.charge(good, PUNCTURE, 1, day=days, minute=7 * 60)
    return _pair(
        bad,
        good,
        "静脉输液同日另收静脉穿刺；另一例穿刺日无输液。",
        "Venous puncture is charged beside an infusion that contains it; the other stay has no infusion on that day.",
    )


def _explored(scene: Scene) -> Pattern:
    bad, good = scene.stay("appendectomy"), scene.stay("hernia", "B")
    scene.charge(bad, EXPLORATION, 1, day=0, minute=20 * 60)
    scene.charge(good, EXPLORATION, 1, day=1, minute=20 * 60)
    return _pair(
        bad,
        good,
        "腹腔镜阑尾切除另收腹腔镜探查；另一例为开放疝修补。",
        "Exploration is charged beside a laparoscopic appendectomy; the other stay has an open hernia repair.",
    )


def _dilated(scene: Scene) -> Pattern:
    bad, good = scene.stay("stent"), scene.stay("stent", "B")
    for record, later in ((bad, 0), (good, 1)):
        scene.charge(record, BALLOON, 1, day=_day_of(record, "S-0107006") + later, minute=18 * 60)
    return _pair(
        bad,
        good,
        "支架置入同日另收球囊扩张；另一例球囊扩张在次日。",
        "Balloon dilation is charged on the day of stenting; in the other stay it was done a day later.",
    )


def _critical_care(scene: Scene) -> Pattern:
    bad, good = scene.stay("pneumonia", nights=6), scene.stay("pneumonia", "B", nights=6)
    scene.charge(bad, CRITICAL_CARE, 20, day=1, minute=60)
    scene.charge(good, CRITICAL_CARE, 6, day=6, minute=60)
    return _pair(
        bad,
        good,
        "重症监护当日仍收分级护理；另一例重症监护日未收护理。",
        "Nursing is charged on a day of critical care; the other stay has no nursing on that day.",
    )


def _delivered(scene: Scene) -> Pattern:
    bad, good = scene.stay("delivery"), scene.stay("caesarean", "B")
    scene.charge(bad, TEAR_REPAIR, 1, day=0, minute=23 * 60)
    scene.charge(good, FETAL_MONITORING, 1, day=0, minute=23 * 60)
    return _pair(
        bad,
        good,
        "接生费另收会阴裂伤修补；另一例剖宫产前胎心监测。",
        "Repair of a tear is charged beside the delivery; the other stay has fetal monitoring before a caesarean.",
    )


def _panel(scene: Scene) -> Pattern:
    bad, good = scene.stay("hypertension"), scene.stay("hypertension", "B")
    for record, at in ((bad, 7 * 60 + 5), (good, 16 * 60)):
        scene.charge(record, ELECTROLYTES, 1, day=2, minute=7 * 60)
        scene.charge(record, POTASSIUM, 1, day=2, minute=at)
    return _pair(
        bad,
        good,
        "电解质组合5分钟后另收血钾；另一例下午复查血钾。",
        "Potassium is charged five minutes after the electrolyte panel; in the other stay it was checked in the afternoon.",
    )


def _one_incision(scene: Scene) -> Pattern:
    bad, good = scene.stay("appendectomy"), scene.stay("appendectomy", "B")
    for record in (bad, good):
        day = _day_of(record, APPENDECTOMY)
        scene.charge(record, CHOLECYSTECTOMY, 1, day=day, minute=20 * 60)
    _reprice(good, find_line(good, APPENDECTOMY), 90_000)
    return _pair(
        bad,
        good,
        "同切口阑尾切除和胆囊切除均按全价收费；另一例第二台减半。",
        "Appendectomy and cholecystectomy through one approach are both charged in full; in the other stay the second costs half.",
    )


def _second_part(scene: Scene) -> Pattern:
    bad, good = scene.stay("pneumonia"), scene.stay("pneumonia", "B")
    for record in (bad, good):
        record["region_code"] = "420100"
        head = scene.charge(record, HEAD_CT, 1, day=_day_of(record, CHEST_CT), minute=16 * 60)
        if record is good:
            _reprice(record, head, 10_500)
    return _pair(
        bad,
        good,
        "胸部和头颅CT同日均按全价收费(湖北示例规则)；另一例第二部位减半。",
        "CT of chest and head on one day are both charged in full (example rule of region 42); the other stay pays half.",
    )


def _above_cap(scene: Scene) -> Pattern:
    bad, good = scene.stay("pneumonia"), scene.stay("pneumonia", "B")
    _reprice(bad, find_line(bad, CHEST_CT), 30_000)
    _reprice(good, find_line(good, CHEST_CT), 24_000)
    return _pair(
        bad,
        good,
        "胸部CT收费300元，高于最高限价242元；另一例240元。",
        "A chest CT costs 300 yuan where the cap is 242; in the other stay it costs 240.",
    )


def _off_tariff(scene: Scene) -> Pattern:
    bad, good = scene.stay("diabetes"), scene.stay("diabetes", "B")
    for record in (bad, good):
        line = scene.charge(record, ACUPUNCTURE, 1, day=2)
        line |= {"item_code": "S-0105999", "item_name": "自立理疗项目"}
        if record is good:
            line |= {"in_scope_fen": 0, "self_pay_fen": line["amount_fen"], "insurance_class": "03"}
        settle(record)
    return _pair(
        bad,
        good,
        "价目表外自立项目纳入医保范围；另一例由患者自费。",
        "A self-made item is put into scope; in the other stay the patient pays it.",
    )


def _other_sex(scene: Scene) -> Pattern:
    kind = scene.template("diabetes")
    bad = scene.stay(kind, scene.patient("A", kind, sex="1"))
    good = scene.stay(kind, scene.patient("B", kind, sex="2"))
    for record in (bad, good):
        scene.charge(record, OBSTETRIC_ULTRASOUND, 1, day=1)
    return _pair(
        bad,
        good,
        "男性患者收取产科超声；另一例为女性。",
        "Obstetric ultrasound is charged for a man; the other patient is a woman.",
    )


def _other_age(scene: Scene) -> Pattern:
    bad, good = scene.stay("pneumonia"), scene.stay("child-bronchitis", "B")
    for record in (bad, good):
        scene.charge(record, INFUSION, 1, day=1)
        scene.charge(record, CHILD_SURCHARGE, 1, day=1)
    return _pair(
        bad,
        good,
        "成人收取小儿静脉输液加收；另一例为儿童。",
        "The surcharge for infusion of a child is charged for an adult; the other patient is a child.",
    )


def _surcharge(scene: Scene) -> Pattern:
    bad, good = scene.stay("hernia"), scene.stay("appendectomy", "B")
    scene.charge(bad, ULTRASONIC, 1, day=1)
    scene.charge(good, ULTRASONIC, 1, day=_day_of(good, APPENDECTOMY))
    return _pair(
        bad,
        good,
        "无腔镜手术却收超声刀加收；另一例有阑尾切除。",
        "The surcharge for an ultrasonic scalpel stands without a main item; the other stay has one.",
    )


def _level(scene: Scene) -> Pattern:
    bad, good = scene.stay("pneumonia", hospital=40), scene.stay("pneumonia", "B")
    for record in (bad, good):
        scene.charge(record, PURIFICATION, 4, day=2)
    return _pair(
        bad,
        good,
        "一级医院收取连续性血液净化；另一例为三级医院。",
        "A hospital of level one charges continuous blood purification; the other is of level three.",
    )


def _half_piece(scene: Scene) -> Pattern:
    bad, good = scene.stay("pneumonia"), scene.stay("pneumonia", "B")
    for record in (bad, good):
        line = scene.charge(record, CATHETER, 1, day=1)
        if record is bad:
            line |= {"quantity": "0.5", "amount_fen": 13_000, "in_scope_fen": 13_000}
            settle(record)
    return _pair(
        bad,
        good,
        "中心静脉导管收取0.5根；另一例1根。",
        "Half a central venous catheter is charged; the other stay has one.",
    )


def _implausible(scene: Scene) -> Pattern:
    bad, good = scene.stay("lumbar-disc"), scene.stay("lumbar-disc", "B")
    scene.charge(bad, ACUPUNCTURE, 6, day=2)
    scene.charge(good, ACUPUNCTURE, 1, day=2)
    return _pair(
        bad,
        good,
        "针刺治疗单日收取6次；另一例不超过3次。",
        "Acupuncture is charged six times more on one day; the other stay has no more than three.",
    )


def _exclusive(scene: Scene) -> Pattern:
    bad, good = scene.stay("caesarean"), scene.stay("caesarean", "B")
    scene.charge(bad, DELIVERY, 1, day=1, minute=20 * 60)
    return _pair(
        bad,
        good,
        "剖宫产同时收取顺产接生。",
        "A vaginal delivery is charged beside a caesarean section.",
    )


def _lone_stent(scene: Scene) -> Pattern:
    bad, good = scene.stay("coronary-disease"), scene.stay("stent", "B")
    scene.charge(bad, STENT, 1, day=1)
    scene.charge(good, STENT, 1, day=_day_of(good, "S-0107006"), minute=20 * 60)
    return _pair(
        bad,
        good,
        "未行支架置入却收取冠脉支架；另一例有手术。",
        "A coronary stent is charged without stenting; the other stay has the operation.",
    )


def _reconstruction(scene: Scene) -> Pattern:
    bad, good = scene.stay("hypertension"), scene.stay("pneumonia", "B")
    scene.charge(bad, RECONSTRUCTION, 1, day=1)
    scene.charge(good, RECONSTRUCTION, 1, day=_day_of(good, CHEST_CT), minute=20 * 60)
    return _pair(
        bad,
        good,
        "当日无CT/MR却收三维重建；另一例有胸部CT。",
        "Reconstruction is charged on a day without a scan; the other stay has a chest CT.",
    )


def _ncci(scene: Scene) -> Pattern:
    def visit(number: int, codes: tuple[str, ...]) -> dict[str, Any]:
        on = (date(2025, 5, 12) + timedelta(days=number)).isoformat()
        return {
            "stay_id": f"P-{scene.check}-{number}",
            "claim_version": 1,
            "claim_type": "outpatient",
            "region_code": "US",
            "time_zone": "America/New_York",
            "currency": "USD",
            "provider_id": "SUS0001",
            "patient_id": f"SPUS-N{number}",
            "patient_name": f"Test Person N{number}",
            "phone": f"000-0002-{number:04}",
            "sex": "1",
            "birth_date": "1944-06-02",
            "insurance_type": "medicare",
            "payment_method": "per_item",
            "admission_date": on,
            "admission_time": f"{on}T08:30:00-04:00",
            "admission_department": "MED",
            "discharge_date": on,
            "discharge_time": f"{on}T11:00:00-04:00",
            "attending_physician_id": "SDUS001",
            "diagnosis_system": "ICD-10-CM",
            "procedure_system": "ICD-10-PCS",
            "total_amount_fen": 2_000 * len(codes),
            "fund_payment_fen": 1_600 * len(codes),
            "settlement_start_date": on,
            "settlement_end_date": on,
            "diagnoses": [{"ordinal": 1, "code": "I10", "present_on_admission": "1"}],
            "charges": [
                {
                    "line_id": f"L{place:04}",
                    "item_code": code,
                    "item_name": code,
                    "category": "03",
                    "quantity": "1",
                    "unit_price": "20.00",
                    "amount_fen": 2_000,
                    "charge_date": on,
                }
                for place, code in enumerate(codes, start=1)
            ],
        }

    return _pair(
        visit(1, ("93000", "93005")),
        visit(2, ("93005", "93010")),
        "心电图全套(93000)同日另收描记(93005)；另一例仅收描记和判读。",
        "The tracing (93005) is billed beside the complete electrocardiogram (93000); the other visit bills tracing and "
        "reading apart.",
    )


PLANTED: Final[Mapping[str, Planter]] = {
    "CHG-004": _consultation_twice,
    "CHG-007": _included,
    "CHG-008": _explored,
    "CHG-009": _dilated,
    "CHG-010": _critical_care,
    "CHG-011": _delivered,
    "CHG-012": _panel,
    "CHG-013": _one_incision,
    "CHG-014": _second_part,
    "CHG-015": _above_cap,
    "CHG-017": _off_tariff,
    "CHG-018": _other_sex,
    "CHG-019": _other_age,
    "CHG-020": _surcharge,
    "CHG-021": _level,
    "CHG-024": _half_piece,
    "CHG-025": _implausible,
    "CHG-028": _exclusive,
    "CHG-032": _lone_stent,
    "CHG-042": _reconstruction,
    "CHG-043": _ncci,
}
"""Check id -> what plants it."""
