"""Patterns in the sums of charged items: hours, sessions, courses, repeats, tests billed singly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from data_samples.planting import Pattern, Planter, Scene

MONITORING, OXYGEN, DIALYSIS, HBA1C = "S-0106003", "S-0106009", "S-0105016", "S-0104010"
PURIFICATION, PURIFICATION_MONITORING = "S-0106005", "S-0106880"
GAIT_TRAINING, ANAESTHESIA_EXTRA = "S-0105885", "S-0107886"
KIDNEY_TESTS: Final = ("S-0104884", "S-0104885", "S-0104886", "S-0104887")


def _pair(bad: dict[str, Any], good: dict[str, Any], zh: str, en: str) -> Pattern:
    return Pattern((bad, good), (bad["stay_id"],), zh, en)


def _more_than_present(scene: Scene) -> Pattern:
    bad, good = scene.stay("hypertension", nights=5), scene.stay("hypertension", "B", nights=5)
    for day in range(6):
        scene.charge(bad, MONITORING, 24, day=day, minute=60)
    for day in range(5):
        scene.charge(good, MONITORING, 20, day=day, minute=60)
    return _pair(
        bad,
        good,
        "住院5天收取144小时心电监护；另一例100小时。",
        "144 hours of monitoring are charged in a stay of five days; the other stay has 100.",
    )


def _repeat(scene: Scene) -> Pattern:
    kind = scene.template("diabetes")
    records = []
    for letter, day in (("A", -5), ("B", -20)):
        patient = scene.patient(letter, kind)
        visit = scene.visit(patient, day=day)
        scene.charge(visit, HBA1C, 1, day=0, minute=9 * 60)
        # The template orders HbA1c on admission.
        stay = scene.stay(kind, patient)
        records += [visit, stay]
    return Pattern(
        tuple(records),
        (records[1]["stay_id"],),
        "门诊糖化血红蛋白5天后住院又查；另一例相隔20天。",
        "HbA1c is repeated five days after an outpatient test; in the other case twenty days lie between.",
    )


def _course(scene: Scene) -> Pattern:
    kind = scene.template("stroke-rehabilitation")
    records = []
    for letter, earlier in (("A", 20), ("B", 10)):
        patient = scene.patient(letter, kind)
        first = scene.stay(kind, patient, day=-75, nights=20)
        second = scene.stay(kind, patient, nights=14)
        for record, days in ((first, earlier), (second, 14)):
            for day in range(days):
                scene.charge(record, GAIT_TRAINING, 1, day=day, minute=16 * 60)
        records += [first, second]
    return Pattern(
        tuple(records),
        (records[1]["stay_id"],),
        "减重支持训练两次住院共34天，支付疗程30天；另一例24天。",
        "Gait training with weight support takes 34 days over two stays, where 30 are payable; the other patient has 24.",
    )


def _monitored_longer(scene: Scene) -> Pattern:
    bad, good = scene.stay("pneumonia"), scene.stay("pneumonia", "B")
    for record, hours in ((bad, 20), (good, 12)):
        scene.charge(record, PURIFICATION, 12, day=2, minute=60)
        scene.charge(record, PURIFICATION_MONITORING, hours, day=2, minute=60)
    return _pair(
        bad,
        good,
        "血液净化12小时收取监测20小时；另一例12小时。",
        "Twenty hours of monitoring are charged for twelve hours of blood purification; the other stay has twelve.",
    )


def _oxygen(scene: Scene) -> Pattern:
    bad, good = (scene.stay("long-ventilation", letter, nights=10) for letter in "AB")
    scene.charge(bad, OXYGEN, 6, day=1, minute=60)
    scene.charge(good, OXYGEN, 6, day=9, minute=60)
    return _pair(
        bad,
        good,
        "有创通气24小时当日另收吸氧6小时；另一例在撤机后吸氧。",
        "Six hours of oxygen stand beside a full day of ventilation; in the other stay oxygen follows it.",
    )


def _often(scene: Scene) -> Pattern:
    bad, good = (scene.stay("dialysis", letter, nights=7) for letter in "AB")
    for day in (0, 2, 3, 4, 5):
        scene.charge(bad, DIALYSIS, 1, day=day, minute=14 * 60)
    for day in (3, 5):
        scene.charge(good, DIALYSIS, 1, day=day, minute=14 * 60)
    return _pair(
        bad,
        good,
        "一周收取血液透析6次；另一例3次。",
        "Six dialysis sessions are charged in a week; the other stay has three.",
    )


def _anaesthesia(scene: Scene) -> Pattern:
    bad, good = scene.stay("appendectomy"), scene.stay("hysterectomy", "B")
    scene.charge(bad, ANAESTHESIA_EXTRA, 3, day=0, minute=20 * 60)
    scene.charge(good, ANAESTHESIA_EXTRA, 1, day=2, minute=20 * 60)
    return _pair(
        bad,
        good,
        "麻醉记录不足2小时却收延时3小时；另一例记录近3小时收延时1小时。",
        "Three further hours are charged for an anaesthesia of under two; the other stay has one for almost three hours.",
    )


def _singly(scene: Scene) -> Pattern:
    bad, good = scene.stay("hypertension"), scene.stay("hypertension", "B")
    for record, tests in ((bad, KIDNEY_TESTS), (good, KIDNEY_TESTS[:2])):
        for number, code in enumerate(tests):
            scene.charge(record, code, 1, day=2, minute=7 * 60 + number)
    return _pair(
        bad,
        good,
        "肾功能四项单项收取，高于组合价；另一例仅两项。",
        "Four kidney tests are billed singly for more than their panel; the other stay has two.",
    )


PLANTED: Final[Mapping[str, Planter]] = {
    "CHG-006": _more_than_present,
    "CHG-026": _repeat,
    "CHG-027": _course,
    "CHG-034": _monitored_longer,
    "CHG-035": _oxygen,
    "CHG-040": _often,
    "CHG-041": _anaesthesia,
    "CHG-044": _singly,
}
"""Check id -> what plants it."""
