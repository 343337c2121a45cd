"""Patterns that one claim shows: the settlement list, its codes, and the length of stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from data_samples.planting import Pattern, Planter, Scene


def _empty_field(scene: Scene) -> Pattern:
    bad, good = scene.stay("pneumonia"), scene.stay("pneumonia", "B")
    del bad["sex"]
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "结算清单未填性别。",
        "The settlement list leaves the sex empty.",
    )


def _discharge_before_admission(scene: Scene) -> Pattern:
    bad, good = scene.stay("diabetes", day=17), scene.stay("diabetes", "B")
    # 20 March typed as 2 March. The lines were not uploaded: dated in the true stay, they
    # would be a second finding.
    bad |= {
        "discharge_date": "2025-03-02",
        "discharge_time": "2025-03-02T10:10:00+08:00",
        "settlement_end_date": "2025-03-20",
        "charges": [],
        "orders": [],
    }
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "出院日期误录为入院之前(20日录成02日)。",
        "The discharge was typed as a day before the admission (02 for 20).",
    )


def _stated_length(scene: Scene) -> Pattern:
    bad, good = scene.stay("heart-failure"), scene.stay("heart-failure", "B")
    bad["length_of_stay_days"] += 3
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "填报的住院天数比入出院日期多3天。",
        "The stated length of stay is three days more than the dates give.",
    )


def _born_later(scene: Scene) -> Pattern:
    bad, good = scene.stay("copd"), scene.stay("copd", "B")
    bad["birth_date"] = "2025-11-02"
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "出生日期晚于入院日期。",
        "The birth date lies after the admission.",
    )


def _death(scene: Scene) -> Pattern:
    early = scene.stay("intracerebral-haemorrhage", died=True)
    before = date.fromisoformat(early["discharge_date"]) - timedelta(days=1)
    early |= {
        "death_date": before.isoformat(),
        "death_time": f"{before.isoformat()}T22:40:00+08:00",
    }
    inside = scene.stay("heart-failure", "B")
    last = date.fromisoformat(inside["discharge_date"]) - timedelta(days=1)
    inside |= {
        "death_date": last.isoformat(),
        "death_time": f"{last.isoformat()}T22:40:00+08:00",
    }
    good = scene.stay("long-ventilation", "C", died=True)
    return Pattern(
        (early, inside, good),
        (early["stay_id"], inside["stay_id"]),
        "死亡时间比出院时间早近半天；另一例死亡时间在住院期间，离院方式却为医嘱离院。",
        "The time of death lies half a day before the discharge; another died during the stay but was "
        "discharged on medical advice.",
    )


def _wrong_total(scene: Scene) -> Pattern:
    bad, good = scene.stay("gastric-bleeding"), scene.stay("gastric-bleeding", "B")
    for name in ("total_amount_fen", "self_pay_in_scope_fen", "cash_payment_fen"):
        bad[name] += 10_000
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "总费用比明细合计多100元。",
        "The total is 100 yuan more than the lines add up to.",
    )


def _settled_twice(scene: Scene) -> Pattern:
    first = scene.plan("hernia")
    again = replace(first, stay_id=f"P-{scene.check}-2")
    good = scene.stay("hernia", "B", stay_id=f"P-{scene.check}-3")
    return Pattern(
        (scene.write(first), scene.write(again), good),
        (again.stay_id,),
        "同一次住院以两个结算ID各结算一次，均由基金支付。",
        "One stay was settled under two claim numbers, each paid by the fund.",
        also={"IDB-001": (again.stay_id,)},
    )


def _external_cause(scene: Scene) -> Pattern:
    bad, good = scene.stay("hip-replacement"), scene.stay("hip-replacement", "B")
    injury, cause = bad["diagnoses"][0], bad["diagnoses"][1]
    injury["ordinal"], cause["ordinal"] = 2, 1
    bad["diagnoses"][:2] = [cause, injury]
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "外因编码W01排在主要诊断，损伤编码排在第二。",
        "The external cause W01 stands first and the injury second.",
    )


def _symptom_first(scene: Scene) -> Pattern:
    bad, good = scene.stay("cholecystectomy"), scene.stay("cholecystectomy", "B")
    for diagnosis in bad["diagnoses"]:
        diagnosis["ordinal"] += 1
    bad["diagnoses"].insert(
        0, {"ordinal": 1, "code": "R10.400", "name": "腹痛", "present_on_admission": "1"}
    )
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "已确诊胆囊结石，仍以腹痛作主要诊断。",
        "Abdominal pain stands first although gallstones were diagnosed.",
    )


def _not_present(scene: Scene) -> Pattern:
    bad, good = scene.stay("pneumonia"), scene.stay("pneumonia", "B")
    bad["diagnoses"][0]["present_on_admission"] = "4"
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "主要诊断的入院病情为“无”。",
        "The principal diagnosis is marked as not present on admission.",
    )


def _same_diagnosis_twice(scene: Scene) -> Pattern:
    bad, good = scene.stay("lumbar-disc"), scene.stay("lumbar-disc", "B")
    bad["diagnoses"].append(bad["diagnoses"][1] | {"ordinal": len(bad["diagnoses"]) + 1})
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "同一其他诊断填写两次。",
        "A secondary diagnosis is listed twice.",
    )


def _short_ventilation(scene: Scene) -> Pattern:
    template = replace(scene.template("long-ventilation"), ventilation_hours=(60, 60))
    bad, good = scene.stay(template), scene.stay("long-ventilation", "B")
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "编码为呼吸机治疗≥96小时，但记录与收费只有60小时。",
        "Ventilation of 96 hours or more is coded; 60 hours are recorded and charged.",
    )


def _procedure_twice(scene: Scene) -> Pattern:
    bad, good = scene.stay("myomectomy"), scene.stay("cholecystectomy", "B")
    bad["procedures"].append(bad["procedures"][0] | {"ordinal": 2})
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "同一天同一术者的同一手术编码填写两次。",
        "One operation by one surgeon on one day is coded twice.",
    )


def _very_long(scene: Scene) -> Pattern:
    bad = scene.stay("stroke-rehabilitation", day=-50, nights=62)
    good = scene.stay("stroke-rehabilitation", "B")
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "住院62天。",
        "The stay lasted 62 days.",
    )


def _very_short(scene: Scene) -> Pattern:
    bad = scene.stay("hypertension", nights=1)
    good, surgery = scene.stay("hypertension", "B"), scene.stay("cataract", "C")
    return Pattern(
        (bad, good, surgery),
        (bad["stay_id"],),
        "高血压住院1天；另一例1天为日间手术，不应命中。",
        "A stay of one day for high blood pressure; the other one-day stay is day surgery.",
    )


def _idle_days(scene: Scene) -> Pattern:
    template = scene.template("hypertension")
    drug = replace(template.drugs[0], last=1)
    idle = replace(template, drugs=(drug,))
    bad, good = scene.stay(idle, nights=9), scene.stay("hypertension", "B")
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "住院9天，后7天只有床位与护理费。",
        "Nine days in hospital, seven of them with bed and nursing charges only.",
    )


PLANTED: Final[Mapping[str, Planter]] = {
    "SLQ-001": _empty_field,
    "SLQ-003": _discharge_before_admission,
    "SLQ-004": _stated_length,
    "SLQ-005": _born_later,
    "SLQ-008": _death,
    "SLQ-013": _wrong_total,
    "SLQ-027": _settled_twice,
    "DXC-003": _external_cause,
    "DXC-006": _symptom_first,
    "DXC-007": _not_present,
    "DXC-008": _same_diagnosis_twice,
    "PXC-006": _short_ventilation,
    "PXC-013": _procedure_twice,
    "LOS-003": _very_long,
    "LOS-004": _very_short,
    "LOS-007": _idle_days,
}
"""Check id -> what plants it."""
