"""Patterns of a patient's way through several claims: moves, returns, purchases, accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from data_samples.plans import Detail
from data_samples.planting import Pattern, Planter, Scene

_THREE_DRUGS: Final = Detail(2, 1, 3, 1, 0, 0)


def _moved_within(scene: Scene) -> Pattern:
    patient = scene.patient("A", scene.template("heart-failure"))
    first = scene.stay("heart-failure", patient)
    back = scene.stay("cerebral-infarction", patient, day=6, admission_minute=12 * 60)
    late = scene.patient("B", scene.template("heart-failure"))
    others = [
        scene.stay("heart-failure", late),
        scene.stay("cerebral-infarction", late, day=7, admission_minute=12 * 60),
    ]
    return Pattern(
        (first, back, *others),
        (back["stay_id"],),
        "心内科医嘱离院不到两小时，在同院神经内科办理入院；另一例次日入院，不应命中。",
        "Discharged from cardiology and admitted to neurology of the same hospital within two hours; "
        "the other patient came back the next day.",
        also={"ADM-001": (back["stay_id"],)},
    )


def _staged(scene: Scene) -> Pattern:
    patient = scene.patient("A", scene.template("myomectomy"))
    first = scene.stay("myomectomy", patient)
    back = scene.stay("hysterectomy", patient, day=26)
    eyes = scene.patient("B", scene.template("cataract"))
    both = [scene.stay("cataract", eyes, day=day) for day in (0, 22)]
    return Pattern(
        (first, back, *both),
        (back["stay_id"],),
        "子宫肌瘤剔除出院20天左右，同院再次住院切除子宫；另一例为双眼白内障分次手术，不应命中。",
        "Fibroids are removed, and some 20 days later the same hospital removes the uterus in a new stay; "
        "the other patient has one eye after the other done.",
    )


def _new_diagnosis(scene: Scene) -> Pattern:
    patient = scene.patient("A", scene.template("heart-failure"))
    first = scene.stay("heart-failure", patient, detail=_THREE_DRUGS)
    same = replace(scene.template("coronary-disease"), drugs=scene.template("heart-failure").drugs)
    back = scene.stay(same, patient, day=11, detail=_THREE_DRUGS)
    other = scene.patient("B", scene.template("heart-failure"))
    good = [
        scene.stay("heart-failure", other, detail=_THREE_DRUGS),
        scene.stay("copd", other, day=11, detail=_THREE_DRUGS),
    ]
    return Pattern(
        (first, back, *good),
        (back["stay_id"],),
        "出院5天后换一个主要诊断再入院，用药完全相同；另一例用药不同，不应命中。",
        "Readmitted after 5 days under another principal diagnosis with the same drugs; the other patient "
        "is given others.",
    )


def _two_methods(scene: Scene) -> Pattern:
    pairs = []
    for letter, gap in (("A", 1), ("B", 5)):
        patient = scene.patient(letter, scene.template("stroke-rehabilitation"))
        first = scene.plan("cerebral-infarction", patient)
        second = scene.plan("stroke-rehabilitation", patient, day=first.nights + gap)
        record = scene.write(second) | {"payment_method": "per_diem"}
        pairs.append((scene.write(first), record))
    return Pattern(
        tuple(record for pair in pairs for record in pair),
        (pairs[0][1]["stay_id"],),
        "脑梗死按病组结算，次日同院按床日结算康复；另一例相隔5天，不应命中。",
        "A stroke is settled by group and its rehabilitation in the same hospital by day from the next day on; "
        "the other patient comes back after 5 days.",
    )


def _there_and_back(scene: Scene) -> Pattern:
    records, hits = [], []
    for letter, home, away in (("A", 0, 6), ("B", 6, 0)):
        patient = scene.patient(letter, scene.template("heart-failure"))
        out = scene.stay("heart-failure", patient, nights=5, hospital=home)
        there = scene.stay(
            "heart-failure", patient, day=5, nights=4, hospital=away, admission_minute=14 * 60
        )
        back = scene.stay(
            "heart-failure", patient, day=9, nights=4, hospital=home, admission_minute=14 * 60
        )
        out["discharge_way"] = there["discharge_way"] = "2"
        there["admission_way"] = back["admission_way"] = "3"
        records += [out, there, back]
        hits.append(back["stay_id"])
    return Pattern(
        tuple(records),
        tuple(hits[:1]),
        "三级医院转至二级医院，4天后转回；另一例为上转后转回，不应命中。",
        "A level-three hospital sends the patient to a level-two one and takes the patient back 4 days later; "
        "the other patient went up for better care and came back.",
    )


def _visit_elsewhere(scene: Scene) -> Pattern:
    patient = scene.patient("A", scene.template("heart-failure"))
    stay = scene.stay("heart-failure", patient, nights=8)
    inside = scene.visit(patient, day=3, hospital=2)
    other = scene.patient("B", scene.template("heart-failure"))
    good = scene.stay("heart-failure", other)
    after = scene.visit(other, day=20, hospital=2)
    return Pattern(
        (stay, inside, good, after),
        (stay["stay_id"],),
        "住院第4天在他院有门诊结算；另一例为出院之后，不应命中。",
        "On the fourth day of the stay another hospital claims a visit; the other visit came after discharge.",
    )


def _even_intervals(scene: Scene) -> Pattern:
    patient = scene.patient("A", scene.template("hypertension"))
    kinds = ("hypertension", "diabetes", "coronary-disease", "copd")
    row = [
        scene.plan(kind, patient, day=30 * n - 90, hospital=(6, 7, 8, 6)[n])
        for n, kind in enumerate(kinds)
    ]
    cycle = scene.patient("B", scene.template("chemotherapy"))
    good = [scene.stay("chemotherapy", cycle, day=21 * n - 63, hospital=n % 2) for n in range(4)]
    return Pattern(
        (*(scene.write(p) for p in row), *good),
        (row[3].stay_id,),
        "每隔30天在三家医院轮流住院；另一例为周期化疗，不应命中。",
        "A stay every 30 days in three hospitals in turn; the other patient has cycles of chemotherapy.",
    )


def _waiting(scene: Scene) -> Pattern:
    false_labour = replace(
        scene.template("threatened-abortion"), code="O47.900", name="假临产", adrg="OZ1"
    )
    records, hits = [], []
    for letter, gap in (("A", 1), ("B", 20)):
        patient = scene.patient(letter, scene.template("delivery"))
        first = scene.plan(false_labour, patient, nights=4, secondary=())
        birth = scene.stay("delivery", patient, day=4 + gap)
        records += [scene.write(first), birth]
        hits.append(birth["stay_id"])
    return Pattern(
        tuple(records),
        tuple(hits[:1]),
        "待产(假临产)出院次日同院入院分娩；另一例相隔20天，不应命中。",
        "Discharged after false labour and admitted for delivery to the same hospital the next day; the other "
        "woman came back after 20 days.",
    )


def _two_cities(scene: Scene) -> Pattern:
    records, hits = [], []
    for letter, region in (("A", "330200"), ("B", "330100")):
        patient = scene.patient(letter, scene.template("hypertension"))
        first = scene.visit(patient, day=0)
        second = scene.visit(patient, day=0, hospital=2)
        start = datetime.fromisoformat(first["discharge_time"]) + timedelta(minutes=25)
        second |= {
            "region_code": region,
            "admission_time": start.isoformat(),
            "discharge_time": (start + timedelta(minutes=90)).isoformat(),
        }
        records += [first, second]
        hits.append(second["stay_id"])
    return Pattern(
        tuple(records),
        tuple(hits[:1]),
        "一地门诊结束25分钟后在另一城市就诊；另一例在同一城市，不应命中。",
        "A visit in another city 25 minutes after the first one ended; the other patient stayed in the city.",
    )


def _one_drug(scene: Scene) -> Pattern:
    records, hits = [], []
    for letter, hospitals in (("A", (0, 1, 2)), ("B", (0, 1, 0))):
        patient = scene.patient(letter, scene.template("hypertension"))
        for number, hospital in enumerate(hospitals):
            visit = scene.visit(patient, day=9 * number, hospital=hospital)
            scene.charge(visit, "S-0901021", 28, day=0)
            records.append(visit)
        hits.append(records[-1]["stay_id"])
    return Pattern(
        tuple(records),
        tuple(hits[:1]),
        "18天内在三家医院各开28天氯吡格雷；另一例为两家，不应命中。",
        "Clopidogrel for 28 days from each of three hospitals within 18 days; the other patient went to two.",
    )


def _one_invoice(scene: Scene) -> Pattern:
    records, hits = [], []
    for letter in "AB":
        patient = scene.patient(letter, scene.template("diabetes"))
        first = scene.stay("diabetes", patient)
        second = scene.stay("copd", patient, day=46)
        if letter == "A":
            second["invoice_number"] = first["invoice_number"]
            hits.append(second["stay_id"])
        records += [first, second]
    return Pattern(
        tuple(records),
        tuple(hits),
        "两次住院结算使用同一票据号。",
        "Two stays were claimed with the same invoice.",
    )


def _tests_outside(scene: Scene) -> Pattern:
    records, hits = [], []
    for letter, hospital in (("A", 0), ("B", 2)):
        patient = scene.patient(letter, scene.template("cholecystectomy"))
        visit = scene.visit(patient, day=-2, hospital=hospital)
        scene.charge(visit, "S-0103004", 1, day=0)
        stay = scene.stay("cholecystectomy", patient)
        records += [visit, stay]
        hits.append(stay["stay_id"])
    return Pattern(
        tuple(records),
        tuple(hits[:1]),
        "胆囊切除入院前2天在本院门诊做术前检查，住院检查反而更少；另一例门诊在他院，不应命中。",
        "Two days before a gallbladder operation the same hospital bills the tests as a visit, more than in the "
        "stay; the other patient was tested elsewhere.",
    )


def _made_up(scene: Scene) -> Pattern:
    records, hits = [], []
    for letter, hospital in (("A", 0), ("B", 2)):
        patient = scene.patient(letter, scene.template("hypertension"))
        stay = scene.stay("hypertension", patient, nights=6)
        visit = scene.visit(patient, day=8, hospital=hospital)
        scene.charge(visit, "S-0103005", 1, day=0)
        records += [stay, visit]
        hits.append(visit["stay_id"])
    return Pattern(
        tuple(records),
        tuple(hits[:1]),
        "高血压出院2天后在本院门诊补做头颅磁共振；另一例在他院，不应命中。",
        "Two days after a stay for high blood pressure the same hospital bills a head MRI as a visit; the other "
        "patient went elsewhere.",
    )


def _second_account(scene: Scene) -> Pattern:
    records, hits = [], []
    for letter, day in (("A", 2), ("B", 60)):
        patient = scene.patient(letter, scene.template("lumbar-disc"))
        stay = scene.stay("lumbar-disc", patient, nights=9)
        account = scene.stay("hypertension", patient, day=day, nights=4)
        account |= {
            "insurance_type": "self",
            "fund_payment_fen": 0,
            "account_payment_fen": 0,
            "deductible_fen": 0,
            "self_pay_in_scope_fen": account["total_amount_fen"]
            - account["self_pay_out_of_scope_fen"],
            "cash_payment_fen": account["total_amount_fen"],
        }
        records += [stay, account]
        hits.append(account["stay_id"])
    return Pattern(
        tuple(records),
        tuple(hits[:1]),
        "医保住院期间同院另开自费住院账户；另一例为两个月后自费住院，不应命中。",
        "During an insured stay the same hospital keeps a second, self-paid account; the other patient paid for "
        "a stay two months later.",
        also={"IDB-001": (hits[0],)},
    )


def _false_way(scene: Scene) -> Pattern:
    records, hits = [], []
    for letter, way in (("A", "1"), ("B", "2")):
        patient = scene.patient(letter, scene.template("heart-failure"))
        first = scene.stay("heart-failure", patient, nights=6)
        first["discharge_way"] = way
        taken = scene.stay("heart-failure", patient, day=7, hospital=2)
        taken["admission_way"] = "3"
        records += [first, taken]
        hits.append(taken["stay_id"])
    return Pattern(
        tuple(records),
        tuple(hits[:1]),
        "清单填医嘱离院，次日以转院途径入住他院；另一例如实填转院，不应命中。",
        "The list says that the patient went home; the next day another hospital takes the patient in as a "
        "transfer. The other list states the transfer.",
    )


PLANTED: Final[Mapping[str, Planter]] = {
    "ADM-004": _moved_within,
    "ADM-005": _staged,
    "ADM-006": _new_diagnosis,
    "ADM-007": _two_methods,
    "ADM-008": _there_and_back,
    "ADM-014": _visit_elsewhere,
    "ADM-018": _even_intervals,
    "ADM-022": _waiting,
    "IDB-002": _two_cities,
    "IDB-013": _one_drug,
    "IDB-025": _one_invoice,
    "SHF-001": _tests_outside,
    "SHF-003": _made_up,
    "SHF-008": _second_account,
    "SHF-015": _false_way,
}
"""Check id -> what plants it."""
