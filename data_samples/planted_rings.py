"""Rings that only connections show, each beside honest people who look a little like one.

They are for the entity graph: ``sentinel graph load data_samples/rings`` and then its queries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from data_samples.ledger import Record
from data_samples.people import Patient
from data_samples.planted_aggregates import Crowd, put, slim
from data_samples.planting import Scene

_HOME: Final = (4, 5, 6)
"""Three hospitals of level 2 that pass patients round."""


@dataclass(frozen=True, slots=True)
class Ring:
    """What was planted, the query that must find it, and what it must say of the ring.

    ``found`` holds fields of the query's answer; nothing else may be found among the records.
    """

    records: tuple[Record, ...]
    question: str
    found: Mapping[str, Any]
    zh: str
    en: str


def _shared(field: str, mark: str, strangers: int, zh: str, en: str) -> Callable[[Scene], Ring]:
    def plant(scene: Scene) -> Ring:
        crowd = Crowd(scene)
        own = put(**{field: mark})
        ring = crowd.stays(strangers - 2, "diabetes", _HOME[0], change=own)
        ring += crowd.stays(2, "diabetes", _HOME[1], change=own)
        family = crowd.stays(3, "diabetes", _HOME[2], change=put(**{field: mark + "1"}))
        found = {"patient_count": strangers, "stay_count": strangers, "provider_count": 2}
        return Ring((*ring, *family), "shared-identifiers", found, zh, en)

    return plant


def _companions(scene: Scene) -> Ring:
    group = _people(scene, 4, "diabetes")
    stays = [
        _stay(scene, patient, "diabetes", day, 6, hospital=hospital)
        for day, hospital in ((0, _HOME[0]), (40, _HOME[1]), (80, _HOME[0]))
        for patient in group
    ]
    once = [
        _stay(scene, p, "diabetes", 0, 7, hospital=_HOME[2])
        for p in _people(scene, 5, "diabetes", 10)
    ]
    couple = _people(scene, 2, "diabetes", 20)
    twice = [
        _stay(scene, p, "diabetes", day, 5, hospital=_HOME[2]) for day in (3, 50) for p in couple
    ]
    return Ring(
        (*stays, *once, *twice), "companions",
        {"patient_count": 4, "times": 3},
        "四名患者三次同日入院、同日出院，先后在两家机构；另五人仅一次，一对夫妻两次。",
        "Four patients enter and leave together three times, at two hospitals; five others do so once, a couple twice.",
    )  # fmt: skip


def _circle(scene: Scene) -> Ring:
    kind = "stroke-rehabilitation"
    ring = [
        _stay(scene, patient, kind, 2 * number + 12 * step, 11, hospital=hospital)
        for number, patient in enumerate(_people(scene, 3, kind))
        for step, hospital in enumerate((*_HOME, _HOME[0]))
    ]
    chain = [
        _stay(scene, patient, kind, 12 * step, 11, hospital=hospital)
        for patient in _people(scene, 2, kind, 10)
        for step, hospital in enumerate((*_HOME, 7))
    ]
    back = [
        _stay(scene, patient, kind, day, 11, hospital=_HOME[1])
        for patient in _people(scene, 1, kind, 20)
        for day in (0, 60)
    ]
    return Ring(
        (*ring, *chain, *back), "circular-transfers",
        {"patient_count": 3, "round_count": 3},
        "三名患者依次住三家机构，次日转入下一家，最后回到第一家；另两人转院而不返回，一人两月后再入院。",
        "Three patients pass through three hospitals, each the day after the last, and back to the first; two move on "
        "and never return, one comes back after two months.",
    )  # fmt: skip


def _bills(scene: Scene) -> Ring:
    items = [
        code
        for code, item in scene.catalogue.items.items()
        if item.category in ("03", "04") and item.insurance_class != "03"
    ][:12]

    def bill(patient: Patient, day: int, hospital: int, extra: int) -> Record:
        record = _stay(scene, patient, "hypertension", day, 5, hospital=hospital)
        for number, code in enumerate(items):
            scene.charge(record, code, 1 + (extra if number == 0 else 0), day=1)
        return record

    people = _people(scene, 5, "hypertension")
    copies = [bill(p, n, _HOME[n % 2], 0) for n, p in enumerate(people)]
    others = _people(scene, 4, "hypertension", 10)
    own = [bill(p, n, _HOME[2], 1 + n) for n, p in enumerate(others)]
    return Ring(
        (*copies, *own), "cloned-bills",
        {"patient_count": 5, "stay_count": 5, "item_count": 12},
        "五名患者在两家机构的12个项目及数量完全相同；另四人数量各异。",
        "Five patients at two hospitals were charged the same twelve items in the same quantities; four others in other ones.",
    )  # fmt: skip


def _community(scene: Scene) -> Ring:
    """Six people, none of whom shares one thing with all others."""
    people = _people(scene, 6, "diabetes")
    stays = [
        _stay(scene, p, "diabetes", 10 * n, 6, hospital=_HOME[n % 3]) for n, p in enumerate(people)
    ]
    for first, field, mark in (
        (0, "phone", "000-0000-910001"),
        (1, "bank_account", "0000-910001-0001"),
        (2, "phone", "000-0000-910002"),
        (3, "bank_account", "0000-910001-0002"),
    ):
        for place in (first, first + 1):
            stays[place][field] = mark
    # The last two are tied by two joint admissions only.
    joint = [
        _stay(scene, people[who], "diabetes", day, 6, hospital=_HOME[0])
        for day in (100, 150)
        for who in (4, 5)
    ]
    alone = _people(scene, 4, "diabetes", 10)
    others = [_stay(scene, p, "diabetes", 3 * n, 6, hospital=_HOME[2]) for n, p in enumerate(alone)]
    pair = _people(scene, 2, "diabetes", 20)
    two = [_stay(scene, p, "diabetes", 5 * n, 6, hospital=_HOME[2]) for n, p in enumerate(pair)]
    for record in two:
        record["phone"] = "000-0000-910009"
    return Ring(
        (*stays, *joint, *others, *two), "communities",
        {"patient_count": 6, "stay_count": 10, "link_count": 4},
        "六人由两个电话、两个账户和两次同住相连，无一物为六人共有；另四人互不相干，两人同一电话。",
        "Six people are tied by two telephone numbers, two accounts and two joint admissions, none of them common to all; "
        "four others have nothing in common, two share a number.",
    )  # fmt: skip


def _people(scene: Scene, count: int, kind: str, first: int = 0) -> list[Patient]:
    template = scene.template(kind)
    return [scene.patient(f"{first + number:03}", template) for number in range(count)]


def _stay(
    scene: Scene, patient: Patient, kind: str, day: int, nights: int, *, hospital: int
) -> Record:
    record = scene.stay(kind, patient, day=day, nights=nights, hospital=hospital, secondary=())
    slim(record)
    return record


RINGS: Final[Mapping[str, Callable[[Scene], Ring]]] = {
    "phone": _shared(
        "phone", "000-0000-900011", 6,
        "两家机构的六名患者留同一电话；另三人为一家。",
        "Six patients of two hospitals gave one telephone number; three others are a family.",
    ),
    "account": _shared(
        "bank_account", "0000-900011-0001", 5,
        "两家机构的五名患者使用同一收款账户；另三人为一家。",
        "Five patients of two hospitals are paid to one account; three others are a family.",
    ),
    "companions": _companions,
    "circle": _circle,
    "bills": _bills,
    "community": _community,
}  # fmt: skip
"""Ring -> what plants it."""
