"""Patterns in the charge lines and orders of one claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

from data_samples.plans import FULL
from data_samples.planting import Pattern, Planter, Scene, find_line, settle

ALBUMIN, OXYGEN, NURSING_ONE, CHEST_CT = "S-0901026", "S-0106009", "S-0108002", "S-0103002"
ICU_BED: Final = "S-0101004"


def _above_standard(scene: Scene) -> Pattern:
    # High blood pressure alone is no complication: the standard is the lowest of the ADRG.
    plain = tuple(c for c in scene.catalogue.comorbidities if c.code == "I10.x00x002")
    bad = scene.stay("pneumonia", nights=8, secondary=plain)
    good = scene.stay("pneumonia", "B", nights=8)
    for day in range(8):
        scene.charge(bad, ALBUMIN, 1, day=day)
    scene.charge(bad, ALBUMIN, 1, day=7, minute=16 * 60)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "每日使用人血白蛋白，总费用超过病组支付标准。",
        "Albumin every day takes the total above the payment standard of the group.",
    )


def _large_line(scene: Scene) -> Pattern:
    bad, good = scene.stay("pneumonia"), scene.stay("pneumonia", "B")
    scene.charge(bad, ALBUMIN, 5, day=2)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "一条白蛋白明细占支付标准三成以上。",
        "One line of albumin takes more than 30 % of the payment standard.",
    )


def _duplicate_line(scene: Scene) -> Pattern:
    bad, good = scene.stay("pneumonia"), scene.stay("pneumonia", "B")
    copy = find_line(bad, CHEST_CT) | {"line_id": f"L{len(bad['charges']) + 1:04}"}
    bad["charges"].append(copy)
    settle(bad)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "同一分钟同一胸部CT收费两次。",
        "One chest CT is charged twice in the same minute.",
    )


def _bed_days(scene: Scene) -> Pattern:
    bad, good = scene.stay("diabetes"), scene.stay("diabetes", "B")
    bed = next(line for line in bad["charges"] if line["category"] == "01")
    scene.charge(bad, bed["item_code"], 4, day=3, minute=22 * 60 + 30)
    two = scene.stay("diabetes", "C")
    scene.charge(two, ICU_BED, 1, day=2, minute=22 * 60 + 30)
    return Pattern(
        (bad, good, two),
        (bad["stay_id"], two["stay_id"]),
        "床位费多收4天；另一例同一天收取普通床位和监护床位两种床位费。",
        "Four bed days more than the stay has are charged; another stay has a ward bed and an intensive care bed on "
        "one day.",
    )


def _nursing_levels(scene: Scene) -> Pattern:
    bad, good = scene.stay("diabetes"), scene.stay("diabetes", "B")
    scene.charge(bad, NURSING_ONE, 1, day=2, minute=21 * 60)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "同一天同时收取一级护理和二级护理。",
        "Level-one and level-two nursing are charged on the same day.",
    )


def _too_many_hours(scene: Scene) -> Pattern:
    bad, good = scene.stay("heart-failure"), scene.stay("heart-failure", "B")
    scene.charge(bad, OXYGEN, 16, day=2, minute=9 * 60)
    scene.charge(bad, OXYGEN, 14, day=2, minute=18 * 60)
    scene.charge(good, OXYGEN, 24, day=2, minute=9 * 60)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "一天内氧气吸入收费30小时；另一例24小时，不应命中。",
        "Thirty hours of oxygen are charged on one day; the other stay has 24.",
    )


def _outside_stay(scene: Scene) -> Pattern:
    bad, good = scene.stay("copd"), scene.stay("copd", "B")
    scene.charge(bad, "S-0104001", 1, day=bad["length_of_stay_days"] + 5, minute=9 * 60)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "出院5天后仍有检验收费。",
        "A laboratory test is charged five days after discharge.",
    )


def _one_posting(scene: Scene) -> Pattern:
    bad = scene.stay("pneumonia", nights=8, detail=replace(FULL, fewest=110))
    good = scene.stay("pneumonia", "B")
    last = max(line["charge_time"] for line in bad["charges"])
    posted = f"{bad['discharge_date']}T09:55:00+08:00"
    for line in bad["charges"]:
        line["posted_time"] = max(last, posted)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "8天住院的全部明细在出院前同一分钟记账。",
        "All lines of an eight-day stay were posted in one minute before discharge.",
    )


def _order(record: dict[str, Any], like: dict[str, Any], **changes: Any) -> dict[str, Any]:
    made = like | {"order_id": f"O{len(record['orders']) + 1:04}"} | changes
    record["orders"].append(made)
    return made


def _drug_order(record: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(o for o in record["orders"] if o["order_type"] == "drug")
    return found


def _ordered_twice(scene: Scene) -> Pattern:
    bad, good = scene.stay("hypertension"), scene.stay("hypertension", "B")
    second = date.fromisoformat(bad["admission_date"]) + timedelta(days=1)
    _order(bad, _drug_order(bad), start_time=f"{second.isoformat()}T09:00:00+08:00")
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "同一药品两条长期医嘱同时执行数日。",
        "Two standing orders for one drug run side by side for days.",
    )


def _three_antibacterials(scene: Scene) -> Pattern:
    bad, good = scene.stay("pneumonia"), scene.stay("pneumonia", "B")
    first = _drug_order(bad)
    for number, code in enumerate(("S-0901005", "S-0901007")):
        item, regimen = scene.catalogue.items[code], scene.catalogue.regimens[code]
        order = _order(
            bad,
            first,
            item_code=code,
            item_name=item.name,
            dose=regimen.dose,
            dose_unit=regimen.dose_unit,
            frequency=regimen.frequency,
            route=regimen.route,
        )
        for day in range(1, 4):
            scene.charge(
                bad, code, 1, day=day, minute=10 * 60 + number * 9, order_id=order["order_id"]
            )
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "三种抗菌药物同时使用。",
        "Three antibacterials are given at the same time.",
    )


PLANTED: Final[Mapping[str, Planter]] = {
    "CST-001": _above_standard,
    "CST-023": _large_line,
    "CHG-001": _duplicate_line,
    "CHG-002": _bed_days,
    "CHG-003": _nursing_levels,
    "CHG-005": _too_many_hours,
    "CHG-022": _outside_stay,
    "CHG-023": _one_posting,
    "ORD-010": _ordered_twice,
    "ORD-019": _three_antibacterials,
}
"""Check id -> what plants it."""
