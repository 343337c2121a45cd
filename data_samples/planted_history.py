"""Patterns that only several claims show: returns, overlaps, identities, shifted costs.

Every file holds the earlier claims that the check needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

from data_samples.plans import Detail
from data_samples.planting import START, Pattern, Planter, Scene

_NO_TESTS = Detail(1, 0, 1, 0, 0, 0)


def _same_day(scene: Scene) -> Pattern:
    patient = scene.patient("A", scene.template("heart-failure"))
    first = scene.stay("heart-failure", patient)
    back = scene.stay("copd", patient, day=6, admission_minute=15 * 60)
    return Pattern(
        (first, back),
        (back["stay_id"],),
        "上午出院，当日下午因另一疾病在同院再次入院。",
        "Discharged in the morning, admitted again that afternoon for another disease.",
    )


def _same_disease(scene: Scene) -> Pattern:
    patient = scene.patient("A", scene.template("copd"))
    first = scene.stay("copd", patient)
    back = scene.stay("copd", patient, day=13)
    planned = scene.patient("B", scene.template("chemotherapy"))
    cycle = [scene.stay("chemotherapy", planned, day=day) for day in (0, 14)]
    return Pattern(
        (first, back, *cycle),
        (back["stay_id"],),
        "出院6天后因同一疾病再入院；另一例为计划化疗，不应命中。",
        "Readmitted for the same disease after 6 days; the other patient returns for a planned "
        "chemotherapy.",
    )


def _within_window(scene: Scene) -> Pattern:
    patient = scene.patient("A", scene.template("diabetes"))
    first = scene.stay("diabetes", patient, nights=6)
    back = scene.stay("hypertension", patient, day=15)
    late = scene.patient("B", scene.template("diabetes"))
    others = [scene.stay("diabetes", late), scene.stay("hypertension", late, day=46)]
    return Pattern(
        (first, back, *others),
        (back["stay_id"],),
        "出院9天后因另一疾病再入院；另一例间隔40天，不应命中。",
        "Readmitted for another disease after 9 days; the other patient returns after 40.",
    )


def _frequent(scene: Scene) -> Pattern:
    kinds = ("copd", "heart-failure", "diabetes", "hypertension", "cerebral-infarction")
    patient = scene.patient("A", scene.template("copd"))
    plans = [
        scene.plan(kinds[n % len(kinds)], patient, day=50 * n - 300, nights=5, detail=_NO_TESTS)
        for n in range(7)
    ]
    return Pattern(
        tuple(scene.write(p) for p in plans),
        (plans[5].stay_id, plans[6].stay_id),
        "一年内第6次、第7次住院。",
        "The sixth and seventh stay within a year.",
    )


def _one_day(scene: Scene) -> Pattern:
    bad, good = scene.stay("gastroenteritis", nights=1), scene.stay("gastroenteritis", "B")
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "住院1天，总费用不足3000元。",
        "A stay of one day that cost less than 3,000 yuan.",
    )


def _overlap(scene: Scene) -> Pattern:
    patient = scene.patient("A", scene.template("lumbar-disc"))
    first = scene.stay("lumbar-disc", patient, nights=9)
    other = scene.stay("diabetes", patient, day=3, nights=6, hospital=5)
    moved = scene.patient("B", scene.template("lumbar-disc"))
    left = scene.stay("lumbar-disc", moved, nights=6)
    left["discharge_way"] = "2"
    taken = scene.stay("stroke-rehabilitation", moved, day=6, hospital=2, admission_minute=14 * 60)
    return Pattern(
        (first, other, left, taken),
        (other["stay_id"],),
        "同一人在两家医院的住院时间重叠；另一例当日转院，不应命中。",
        "One person lies in two hospitals at once; the other was transferred on the day.",
    )


def _overlap_earlier(scene: Scene) -> Pattern:
    patient = scene.patient("A", scene.template("stroke-rehabilitation"))
    long = scene.stay("stroke-rehabilitation", patient, nights=18)
    second = scene.stay("hypertension", patient, day=3, nights=3, hospital=5)
    third = scene.stay("diabetes", patient, day=10, nights=6, hospital=6)
    return Pattern(
        (long, second, third),
        (third["stay_id"],),
        "第三次住院与第一次(长住院)重叠，而与第二次不重叠。",
        "The third stay overlaps the long first one, though not the second.",
        also={"IDB-001": (second["stay_id"],)},
    )


def _after_death(scene: Scene) -> Pattern:
    bad, good = scene.stay("copd"), scene.stay("copd", "B")
    bad["death_date"] = (START - timedelta(days=20)).isoformat()
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "死亡登记20天后仍有住院结算。",
        "A stay is claimed twenty days after the registered death.",
    )


def _identity(scene: Scene) -> Pattern:
    one = scene.patient("A", scene.template("hypertension"), sex="1")
    other = replace(one, sex="2", birth_date=date(one.birth_date.year - 9, 2, 14))
    first = scene.stay("hypertension", one, day=-60)
    second = scene.stay("diabetes", other)
    return Pattern(
        (first, second),
        (second["stay_id"],),
        "同一人员编号两次住院的性别和出生日期不同。",
        "Two stays of one insured person state different sex and birth date.",
    )


def _identical_codes(scene: Scene) -> Pattern:
    first = scene.plan("cerebral-infarction")
    copies = [
        replace(
            scene.plan("cerebral-infarction", letter, day=3 * n, hospital=4),
            secondary=first.secondary,
        )
        for n, letter in enumerate("BC", start=1)
    ]
    good = scene.stay("cerebral-infarction", "D")
    return Pattern(
        (scene.write(first), *(scene.write(p) for p in copies), good),
        tuple(p.stay_id for p in copies),
        "三名患者的诊断与手术编码完全一致。",
        "Three patients have exactly the same diagnosis and procedure codes.",
    )


def _visit_in_stay(scene: Scene) -> Pattern:
    patient = scene.patient("A", scene.template("heart-failure"))
    stay = scene.stay("heart-failure", patient, nights=8)
    inside = scene.visit(patient, day=3)
    other = scene.patient("B", scene.template("heart-failure"))
    good = scene.stay("heart-failure", other)
    elsewhere = scene.visit(other, day=3, hospital=2)
    return Pattern(
        (stay, inside, good, elsewhere),
        (stay["stay_id"],),
        "住院期间在本院发生门诊费用；另一例门诊在他院，不应命中。",
        "An outpatient visit to the same hospital falls into the stay; the other visit was "
        "elsewhere.",
    )


def _payment_window(scene: Scene) -> Pattern:
    def us(number: int, patient: str, kind: str, admitted: str, left: str) -> dict[str, Any]:
        inpatient = kind == "inpatient"
        return {
            "stay_id": f"P-{scene.check}-{number}",
            "claim_version": 1,
            "claim_type": kind,
            "region_code": "US",
            "time_zone": "America/New_York",
            "currency": "USD",
            "provider_id": "SUS0001",
            "patient_id": f"SPUS-{patient}",
            "patient_name": f"Test Person {patient}",
            "phone": f"000-0001-{number:04}",
            "sex": "1",
            "birth_date": "1944-06-02",
            "insurance_type": "medicare",
            "payment_method": "drg" if inpatient else "per_item",
            "admission_way": "2",
            "admission_date": admitted,
            "admission_time": f"{admitted}T08:{30 + number}:00-04:00",
            "admission_department": "MED",
            "discharge_date": left,
            "discharge_time": f"{left}T11:00:00-04:00",
            "discharge_department": "MED",
            "discharge_way": "1",
            "length_of_stay_days": (date.fromisoformat(left) - date.fromisoformat(admitted)).days,
            "attending_physician_id": "SDUS001",
            "diagnosis_system": "ICD-10-CM",
            "procedure_system": "ICD-10-PCS",
            "total_amount_fen": 1_240_000 if inpatient else 38_000,
            "fund_payment_fen": 990_000 if inpatient else 30_400,
            "settlement_start_date": admitted,
            "settlement_end_date": left,
            "diagnoses": [
                {"ordinal": 1, "code": "I50.9", "present_on_admission": "1"},
                {"ordinal": 2, "code": f"E11.{number}", "present_on_admission": "1"},
            ],
        }

    visit = us(1, "A", "outpatient", "2025-05-12", "2025-05-12")
    stay = us(2, "A", "inpatient", "2025-05-14", "2025-05-19")
    early = us(3, "B", "outpatient", "2025-05-06", "2025-05-06")
    good = us(4, "B", "inpatient", "2025-05-14", "2025-05-18")
    return Pattern(
        (visit, stay, early, good),
        (stay["stay_id"],),
        "入院前2天在同院的门诊检查另行收费(美国三日窗)；另一例为8天前，不应命中。",
        "An outpatient service two days before admission to the same hospital is billed apart "
        "(US three-day window); the other visit was eight days before.",
    )


PLANTED: Final[Mapping[str, Planter]] = {
    "ADM-001": _same_day,
    "ADM-002": _same_disease,
    "ADM-003": _within_window,
    "ADM-017": _frequent,
    "ADM-019": _one_day,
    "IDB-001": _overlap,
    "IDB-003": _after_death,
    "IDB-005": _identity,
    "IDB-030": _identical_codes,
    "IDB-031": _overlap_earlier,
    "SHF-002": _visit_in_stay,
    "SHF-016": _payment_window,
}
"""Check id -> what plants it."""
