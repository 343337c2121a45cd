"""Patterns of one stay that needed no bed, ended too soon, or that others had to pay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

from data_samples.plans import Detail
from data_samples.planting import START, Pattern, Planter, Scene, find_line, settle

_TESTS_ONLY: Final = Detail(99, 99, 1, 0, 0, 0)
_ONE_DAILY: Final = Detail(2, 1, 1, 1, 0, 0)
_COSTLY: Final = Detail(99, 99, 99, 99, 0, 120)


def _low_standard(scene: Scene) -> Pattern:
    bad = scene.stay("hypertension", nights=3)
    good = scene.stay("hypertension", "B", nights=3, detail=_ONE_DAILY)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "高血压住院3天，仅口服降压药；另一例每日输液，不应命中。",
        "Three days in hospital for high blood pressure with a tablet a day; the other patient has infusions.",
    )


def _check_up(scene: Scene) -> Pattern:
    bad = scene.stay("hypertension", nights=3, detail=_TESTS_ONLY)
    good = scene.stay("pneumonia", "B", detail=_ONE_DAILY)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "住院3天，费用绝大部分为检查化验。",
        "Three days in hospital whose bill is nearly all tests.",
    )


def _oral_only(scene: Scene) -> Pattern:
    bad = scene.stay("hypertension")
    good = scene.stay("hypertension", "B", detail=_ONE_DAILY)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "住院5天只有口服药；另一例有静脉输液，不应命中。",
        "Five days in hospital with oral drugs only; the other patient has infusions.",
    )


def _day_surgery(scene: Scene) -> Pattern:
    bad, good = (scene.stay("cataract", of, secondary=()) for of in ("A", "B"))
    bad["inpatient_type"] = "1"
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "白内障超声乳化住院1天，按普通住院结算；另一例标明日间手术，不应命中。",
        "A cataract operation with one night settled as an ordinary stay; the other is stated to be day surgery.",
    )


def _empty_bed(scene: Scene) -> Pattern:
    bad, good = scene.stay("stroke-rehabilitation"), scene.stay("stroke-rehabilitation", "B")
    for record, days in ((bad, (5, 6)), (good, (5,))):
        empty = {
            (date.fromisoformat(record["admission_date"]) + timedelta(days=day)).isoformat()
            for day in days
        }
        record["charges"] = [
            line
            for line in record["charges"]
            if line["charge_date"] not in empty or line["category"] == "01"
        ]
        settle(record)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "住院期间有2天只有床位费；另一例仅1天，不应命中。",
        "On two days of the stay there is a bed charge and nothing else; on one day in the other stay.",
    )


def _from_intensive_care(scene: Scene) -> Pattern:
    bad, good = scene.stay("sepsis", nights=4), scene.stay("sepsis", "B")
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "转出监护室当日即医嘱离院；另一例数日后离院，不应命中。",
        "Discharged on advice on the day of leaving intensive care; the other patient left days later.",
    )


def _one_midnight(scene: Scene) -> Pattern:
    bad, good = _medicare(scene, 1, 1), _medicare(scene, 2, 3)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "美国住院仅跨一个午夜且无手术；另一例跨三个午夜，不应命中。",
        "A Medicare stay over one midnight without a procedure; the other crosses three.",
    )


def _medicare(scene: Scene, number: int, nights: int) -> dict[str, Any]:
    """A stay of a US patient without charge lines, as such claims come."""
    left = START + timedelta(days=nights)
    return {
        "stay_id": f"P-{scene.check}-{number}",
        "claim_version": 1,
        "claim_type": "inpatient",
        "region_code": "US",
        "time_zone": "America/New_York",
        "currency": "USD",
        "provider_id": "SUS0001",
        "patient_id": f"SPUS-{scene.check}-{number}",
        "patient_name": f"Test Person {number}",
        "phone": f"000-0002-{number:04}",
        "sex": "2",
        "birth_date": "1946-09-11",
        "insurance_type": "medicare",
        "payment_method": "drg",
        "admission_way": "2",
        "admission_date": START.isoformat(),
        "admission_time": f"{START.isoformat()}T08:3{number}:00-05:00",
        "admission_department": "MED",
        "discharge_date": left.isoformat(),
        "discharge_time": f"{left.isoformat()}T11:00:00-05:00",
        "discharge_department": "MED",
        "discharge_way": "1",
        "length_of_stay_days": nights,
        "attending_physician_id": "SDUS001",
        "diagnosis_system": "ICD-10-CM",
        "procedure_system": "ICD-10-PCS",
        "total_amount_fen": 840_000,
        "fund_payment_fen": 610_000,
        "settlement_start_date": START.isoformat(),
        "settlement_end_date": left.isoformat(),
        "diagnoses": [
            {"ordinal": 1, "code": "R07.9", "present_on_admission": "1"},
            {"ordinal": 2, "code": f"E11.{number}", "present_on_admission": "1"},
        ],
    }


def _not_insured(scene: Scene) -> Pattern:
    bad, good = scene.stay("copd"), scene.stay("copd", "B")
    bad["coverages"][0] |= {
        "end_date": (START - timedelta(days=40)).isoformat(),
        "status": "ended",
    }
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "参保于入院前40天终止，仍由基金支付。",
        "Coverage ended 40 days before admission, yet the fund paid.",
    )


def _road_accident(scene: Scene) -> Pattern:
    bad, good = scene.stay("hip-replacement"), scene.stay("hip-replacement", "B")
    cause = next(d for d in bad["diagnoses"] if d["code"].startswith("W"))
    cause |= {"code": "V09.200x091", "name": "机动车辆与行人碰撞的交通事故"}
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "外因为机动车交通事故，费用由基金支付；另一例为平地跌倒，不应命中。",
        "The cause is a road accident and the fund paid; the other patient fell.",
    )


def _waiting_period(scene: Scene) -> Pattern:
    records = []
    for letter, start in (("A", START - timedelta(days=30)), ("B", date(START.year, 1, 1))):
        kind = scene.template("hip-replacement")
        patient = replace(scene.patient(letter, kind), insurance_type="390")
        record = scene.stay(kind, patient)
        record["coverages"][0]["start_date"] = start.isoformat()
        records.append(record)
    return Pattern(
        tuple(records),
        (records[0]["stay_id"],),
        "居民医保年中参保30天即住院；另一例集中参保期参保，不应命中。",
        "A resident who joined in mid-year is in hospital 30 days later; the other joined for the whole year.",
    )


def _outside_supply(scene: Scene) -> Pattern:
    bad, good = scene.stay("pneumonia"), scene.stay("pneumonia", "B")
    order = next(o for o in bad["orders"] if o["order_type"] == "drug")
    order["item_name"] = f"(自备){order['item_name']}"
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "药品医嘱注明自备。",
        "An order for a drug says that the patient brings it.",
    )


def _self_paid_device(scene: Scene) -> Pattern:
    bad, good = scene.stay("colon-polyp"), scene.stay("colon-polyp", "B")
    for record in (bad, good):
        line = scene.charge(record, "S-0201013", 1, day=1)
        if record is bad:
            _bill_patient(record, line)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "吻合器1350元全部自费，占总费用比例过高；另一例按乙类结算，不应命中。",
        "A stapler of 1,350 yuan is billed to the patient, a large share of the stay; in the other stay it is "
        "class B.",
    )


def _class_a(scene: Scene) -> Pattern:
    bad, good = scene.stay("pneumonia"), scene.stay("pneumonia", "B")
    _bill_patient(bad, find_line(bad, "S-0103002"))
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "甲类项目胸部CT按自费收取。",
        "CT of the chest, class A, was billed to the patient.",
    )


def _bill_patient(record: dict[str, Any], line: dict[str, Any]) -> None:
    line.pop("self_pay_first_fen", None)
    line |= {"insurance_class": "03", "self_pay_fen": line["amount_fen"], "in_scope_fen": 0}
    settle(record)


def _transferred_at_the_line(scene: Scene) -> Pattern:
    bad, good = (scene.stay("heart-failure", letter, nights=8, detail=_COSTLY) for letter in "AB")
    for day in range(1, 7):
        scene.charge(bad, "S-0106002", 20, day=day)  # mask ventilation
    for record in (bad, good):
        record |= {"discharge_way": "2", "receiving_provider_id": scene.hospital(2).provider_id}
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "费用刚达到支付标准即转院；另一例费用远低于标准，不应命中。",
        "Transferred just as the cost reached the standard; the other stay cost far less.",
    )


PLANTED: Final[Mapping[str, Planter]] = {
    "ADM-009": _low_standard,
    "ADM-010": _check_up,
    "ADM-011": _oral_only,
    "ADM-012": _day_surgery,
    "ADM-013": _empty_bed,
    "ADM-020": _from_intensive_care,
    "ADM-021": _one_midnight,
    "IDB-004": _not_insured,
    "IDB-024": _road_accident,
    "IDB-026": _waiting_period,
    "SHF-004": _outside_supply,
    "SHF-005": _self_paid_device,
    "SHF-006": _class_a,
    "SHF-009": _transferred_at_the_line,
}
"""Check id -> what plants it."""
