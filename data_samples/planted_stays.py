"""Patterns in the length of a stay, and in the cost of patients still in hospital."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from data_samples import open_stays
from data_samples.plans import FULL
from data_samples.planting import START, Pattern, Planter, Scene, settle

ALBUMIN, ICU_BED, SPECIAL_NURSING = "S-0901026", "S-0101004", "S-0108001"


def _much_longer(scene: Scene) -> Pattern:
    bad, good = scene.stay("hypertension", nights=22), scene.stay("hypertension", "B", nights=10)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "高血压住院22天，远超病组均值。",
        "A stay of 22 days for high blood pressure, far above the mean of the group.",
    )


def _much_shorter(scene: Scene) -> Pattern:
    bad, good = scene.stay("copd", nights=3), scene.stay("copd", "B", nights=6)
    away = scene.stay("copd", "C", nights=3)
    bad["discharge_way"], away["discharge_way"] = "1", "4"
    return Pattern(
        (bad, good, away),
        (bad["stay_id"],),
        "慢阻肺住院3天即医嘱离院；另一例3天为非医嘱离院，不应命中。",
        "Chronic lung disease is discharged on advice after three days; another left against advice.",
    )


def _delayed(scene: Scene, template: str, patient: str, day: int) -> dict[str, Any]:
    kind = scene.template(template)
    later = replace(kind, operations=tuple(replace(o, day=day) for o in kind.operations))
    return scene.stay(later, patient, nights=day + 4)


def _late_operation(scene: Scene) -> Pattern:
    bad, good = _delayed(scene, "cholecystectomy", "A", 6), scene.stay("cholecystectomy", "B")
    urgent = _delayed(scene, "cholecystectomy", "C", 6)
    bad["admission_way"], urgent["admission_way"] = "2", "1"
    return Pattern(
        (bad, good, urgent),
        (bad["stay_id"],),
        "择期胆囊切除入院后第6天才手术；另一例为急诊入院，不应命中。",
        "A planned gallbladder operation came six days after admission; the other patient came as an emergency.",
    )


def _long_after_operation(scene: Scene) -> Pattern:
    bad = scene.stay("cholecystectomy", nights=16)
    good = scene.stay("cholecystectomy", "B")
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "胆囊切除术后又住院两周。",
        "The patient stayed two weeks after a gallbladder operation.",
    )


def _lingering(scene: Scene) -> Pattern:
    kind = scene.template("pneumonia")
    short = replace(kind, drugs=tuple(replace(d, last=12) for d in kind.drugs))
    bad, good = scene.stay(short, nights=17), scene.stay("pneumonia", "B", nights=11)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "肺炎治疗在出院前5天结束，其后只有床位护理费。",
        "Treatment of pneumonia ended five days before discharge; bed and nursing follow.",
    )


def _intensive_beds(scene: Scene) -> Pattern:
    bad, good = (
        scene.stay("intracerebral-haemorrhage"),
        scene.stay("intracerebral-haemorrhage", "B"),
    )
    for record in (bad, good):
        record["icu_stays"] = []
    kept = _stay_in_intensive_care(bad, hours=20)
    bad["icu_stays"] = good["icu_stays"] = [kept]
    for line in bad["charges"]:
        if line["category"] == "01":
            item = scene.catalogue.items[ICU_BED]
            line |= {
                "item_code": item.code,
                "item_name": item.name,
                "unit_price": item.price,
                "amount_fen": item.price_fen,
                "in_scope_fen": item.price_fen,
            }
    settle(bad)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "重症监护仅20小时，全程按监护床位收费。",
        "Twenty hours in intensive care, but its bed is charged for the whole stay.",
    )


def _stay_in_intensive_care(record: dict[str, Any], *, hours: int) -> dict[str, Any]:
    start = datetime.fromisoformat(record["admission_time"]) + timedelta(minutes=20)
    stop = start + timedelta(hours=hours)
    return {
        "ordinal": 1,
        "ward_type": "ICU",
        "start_time": start.isoformat(),
        "end_time": stop.isoformat(),
    }


def _open(scene: Scene, patient: str, *, days: int, albumin: int) -> dict[str, Any]:
    """A patient with pneumonia who is still in hospital after some days."""
    record = scene.stay("pneumonia", patient, nights=10, detail=FULL)
    for day in range(days):
        scene.charge(record, ALBUMIN, albumin, day=day, minute=10 * 60)
    return open_stays.cut(record, START + timedelta(days=days - 1))


def _still_there(zh: str, en: str, *, days: int = 4) -> Planter:
    def plant(scene: Scene) -> Pattern:
        bad = _open(scene, "A", days=days, albumin=3)
        good = _open(scene, "B", days=days, albumin=0)
        return Pattern((bad, good), (bad["stay_id"],), zh, en)

    return plant


PLANTED: Final[Mapping[str, Planter]] = {
    "CST-002": _still_there(
        "在院第5日费用已超过支付标准的八成。",
        "On day five in hospital the charges are above 80 % of the standard.",
        days=5,
    ),
    "CST-003": _still_there(
        "在院第4日，预计出院时总费用超过支付标准。",
        "On day four in hospital the stay is projected to end above the standard.",
    ),
    "CST-004": _still_there(
        "在院第4日，支付标准将在通常出院日之前用完。",
        "On day four in hospital the standard will be reached before the usual day of discharge.",
    ),
    "CST-007": _still_there(
        "在院第4日费用远超同组同日水平。",
        "On day four in hospital the charges are far above what the group has by then.",
    ),
    "LOS-001": _much_longer,
    "LOS-002": _much_shorter,
    "LOS-005": _late_operation,
    "LOS-006": _long_after_operation,
    "LOS-008": _lingering,
    "LOS-012": _intensive_beds,
}
"""Check id -> what plants it."""
