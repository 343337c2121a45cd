"""Patterns of who lies in a hospital and what one physician did on one day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from data_samples.planted_aggregates import (
    HOSPITAL,
    PEERS,
    Crowd,
    Record,
    day_of,
    put,
    slim,
)
from data_samples.planting import Pattern, Planter, Scene

DOCTOR: Final = "SD900001"


def _shared(field: str, count: int, zh: str, en: str) -> Planter:
    """Some patients of a hospital with one and the same mark; a family of three elsewhere."""

    def plant(scene: Scene) -> Pattern:
        crowd = Crowd(scene)
        mark = {"phone": "000-0000-900001", "bank_account": "0000-900001-0001"}.get(
            field, "样例省样例市虚构路900号"
        )
        strangers = crowd.stays(count, "diabetes", HOSPITAL, change=put(**{field: mark}))
        others = crowd.stays(4, "diabetes", HOSPITAL)
        family = crowd.stays(3, "diabetes", 5, change=put(**{field: mark + "2"}))
        return Pattern((*strangers, *others, *family), (crowd.subject(),), zh, en)

    return plant


def _companions(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    group = [scene.patient(crowd.letter(), scene.template("diabetes")) for _ in range(3)]
    together = []
    for day in (-26, 4):
        for patient in group:
            record = scene.stay(
                "diabetes", patient, day=day, nights=6, hospital=HOSPITAL, secondary=()
            )
            slim(record)
            together.append(record)
    once = crowd.stays(4, "diabetes", 5, spread=1)
    return Pattern(
        (*together, *once), (crowd.subject(),),
        "三名患者两次同日入院、同日出院;另四人仅一次同日。",
        "Three patients twice enter and leave on the same days; four others do so only once.",
    )  # fmt: skip


def _chain(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    records = []
    for number in range(2):
        patient = scene.patient(crowd.letter(), scene.template("stroke-rehabilitation"))
        for step, hospital in enumerate((5, 6, HOSPITAL)):
            record = scene.stay(
                "stroke-rehabilitation", patient, day=number - 30 + 14 * step, nights=14,
                hospital=hospital, secondary=(),
            )  # fmt: skip
            slim(record)
            records.append(record)
    once = crowd.stays(3, "stroke-rehabilitation", 7, first=-2, spread=3, nights=14)
    return Pattern(
        (*records, *once), (crowd.subject(),),
        "两名患者在三家医院各住14天,连续转院。",
        "Two patients move through three hospitals, 14 days in each.",
    )  # fmt: skip


def _crowded(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    small = _smallest(scene)
    beds = scene.hospital(small).bed_count
    stays = crowd.stays(beds * 13 // 10 + 1, "hypertension", small, spread=2, nights=9)
    return Pattern(
        tuple(stays), (crowd.subject(small),),
        f"编制{beds}张床位的机构连续8夜在院{len(stays)}人。",
        f"A hospital of {beds} beds has {len(stays)} inpatients for eight nights.",
    )  # fmt: skip


def _bed_days(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    small = _smallest(scene)
    offered = scene.hospital(small).bed_count * 31
    count = offered * 12 // 10 // _LONG + 1
    bad = [_long_stay(scene, crowd, small, number) for number in range(count)]
    good = [_long_stay(scene, crowd, HOSPITAL, number) for number in range(3)]
    return Pattern(
        (*bad, *good), (crowd.subject(small),),
        f"{count}例收费床日{count * _LONG},编制床位当月可提供{offered}床日;另一家机构床位充足。",
        f"{count} stays are charged {count * _LONG} bed days, the beds offer {offered}; another hospital has beds enough.",
    )  # fmt: skip


_LONG: Final = 70


def _long_stay(scene: Scene, crowd: Crowd, hospital: int, number: int) -> Record:
    """A stay of 70 nights with one line for all its bed days."""
    record = scene.stay(
        "stroke-rehabilitation", crowd.letter(), day=-50 + number % 4, nights=_LONG,
        hospital=hospital, secondary=(),
    )  # fmt: skip
    line = next(line for line in record["charges"] if line["category"] == "01")
    price = line["amount_fen"] // int(line["quantity"])
    line |= {"quantity": str(_LONG), "amount_fen": _LONG * price, "in_scope_fen": _LONG * price}
    return record | {"orders": [], "charges": [line]}


def _smallest(scene: Scene) -> int:
    """The hospital with the fewest beds that treats heart and rehabilitation patients."""
    fit = [n for n, p in enumerate(scene.providers) if {"A03.04", "A21"} <= set(p.physicians)]
    return min(fit, key=lambda n: (scene.hospital(n).bed_count, n))


def _batch_test(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    kinds = ("diabetes", "copd", "heart-failure", "hypertension", "vertigo")
    item = "S-0104001"

    def stay(kind: str, hospital: int, *, tested: bool) -> Record:
        record = scene.stay(kind, crowd.letter(), day=crowd_day(), hospital=hospital, secondary=())
        record["orders"] = []
        keep = [line for line in record["charges"] if line["category"] == "01"][:1]
        record["charges"] = keep
        if tested:
            scene.charge(record, item, 1, day=1)
        return record

    days = iter(range(1000))

    def crowd_day() -> int:
        return next(days) % 12

    bundled = [stay(kind, HOSPITAL, tested=True) for kind in kinds for _ in range(2)]
    others = [stay(kind, peer, tested=kind == "diabetes") for peer in PEERS for kind in kinds]
    return Pattern(
        (*bundled, *others), (crowd.subject(),),
        "五个病种的10例全部做同一项检验,同级机构只有糖尿病做。",
        "All ten stays of five diseases get one test; at the peers only diabetes does.",
    )  # fmt: skip


def _copies(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    template = scene.template("hypertension")
    model = scene.stay(template, crowd.letter(), nights=5, hospital=HOSPITAL, secondary=())
    items = ["S-0104001", "S-0104003"]
    codes = list(scene.catalogue.items)[:40]
    items += [
        c for c in codes if c not in items and scene.catalogue.items[c].category in ("03", "04")
    ]
    stays = [model]
    stays += [
        scene.stay(template, crowd.letter(), day=n, nights=5, hospital=HOSPITAL, secondary=())
        for n in range(1, 7)
    ]
    for record in stays:
        record["orders"] = []
        record["charges"] = []
        for code in items[:11]:
            scene.charge(record, code, 1, day=1)
    for n, record in enumerate(
        own := [
            scene.stay(template, crowd.letter(), day=n, nights=5, hospital=5, secondary=())
            for n in range(3)
        ]
    ):
        record["orders"] = []
        record["charges"] = []
        for code in items[:11]:
            scene.charge(record, code, 1 + n, day=1)
    return Pattern(
        (*stays, *own), (crowd.subject(),),
        "七名患者的11个项目及数量完全相同;另一家机构数量各异。",
        "Seven patients have the same eleven items in the same quantities; elsewhere quantities differ.",
    )  # fmt: skip


def _batch(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    group = crowd.stays(6, "diabetes", HOSPITAL, spread=1, nights=6, physician_id=DOCTOR)
    usual = crowd.stays(5, "diabetes", HOSPITAL, spread=1, nights=6, physician_id="SD900002")
    return Pattern(
        (*group, *usual), (f"{DOCTOR}|{day_of(6)}",),
        "一名医师的6名患者同日入院、同日出院;另一名医师5名。",
        "Six patients of one physician enter and leave on the same days; five of another.",
    )  # fmt: skip


def _operate(record: Record, surgeon: str, start: str, minutes: int, **more: Any) -> None:
    """Give the stay's operation a surgeon and times; the day stays."""
    operation = record["procedures"][0]
    begin = datetime.fromisoformat(f"{operation['procedure_date']}T{start}+08:00")
    operation |= {
        "surgeon_id": surgeon,
        "start_time": begin.isoformat(),
        "end_time": (begin + timedelta(minutes=minutes)).isoformat(),
        "anaesthesia_start_time": (begin - timedelta(minutes=15)).isoformat(),
        "anaesthesia_end_time": (begin + timedelta(minutes=minutes + 10)).isoformat(),
        **more,
    }


def _operated(scene: Scene, crowd: Crowd, hospital: int = HOSPITAL) -> Record:
    return crowd.stays(1, "hip-replacement", hospital)[0]


def _surgeon(scene: Scene, *starts: tuple[str, int], surgeon: str = DOCTOR) -> list[Record]:
    crowd = Crowd(scene)
    made = []
    for number, (start, minutes) in enumerate(starts):
        record = crowd.scene.stay(
            "hip-replacement", f"{surgeon[-1]}{number}", hospital=HOSPITAL, secondary=()
        )
        slim(record)
        _operate(record, surgeon, start, minutes, anaesthetist_id=f"SD91{number:04}")
        made.append(record)
    return made


def _overlap(scene: Scene) -> Pattern:
    bad = _surgeon(scene, ("09:00", 200), ("09:30", 180))
    good = _surgeon(scene, ("09:00", 120), ("11:10", 120), surgeon="SD900002")
    day = bad[0]["procedures"][0]["procedure_date"]
    return Pattern(
        (*bad, *good), (f"{DOCTOR}|{day}",),
        "一名术者两台手术重叠170分钟;另一名术者先后两台。",
        "Two operations of one surgeon overlap by 170 minutes; another operates one after the other.",
    )  # fmt: skip


def _long_day(scene: Scene) -> Pattern:
    bad = _surgeon(scene, ("00:30", 380), ("07:00", 370), ("13:20", 370))
    good = _surgeon(scene, ("08:00", 240), ("13:00", 300), surgeon="SD900002")
    day = bad[0]["procedures"][0]["procedure_date"]
    return Pattern(
        (*bad, *good), (f"{DOCTOR}|{day}",),
        "一名术者一天手术18.6小时;另一名9小时。",
        "One surgeon operates for 18.6 hours of a day, another for 9.",
    )  # fmt: skip


def _anaesthetist(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    bad, good = [], []
    for number in range(5):
        record = _operated(scene, crowd)
        _operate(record, f"SD92{number:04}", "09:00", 120, anaesthetist_id=DOCTOR)
        bad.append(record)
    for number in range(5):
        record = _operated(scene, crowd)
        _operate(
            record, f"SD93{number:04}", f"{8 + 2 * number:02}:00", 70, anaesthetist_id="SD900002"
        )
        good.append(record)
    for record in (*bad, *good):
        record["procedures"][0]["procedure_date"] = bad[0]["procedures"][0]["procedure_date"]
        operation = record["procedures"][0]
        for name in ("start_time", "end_time", "anaesthesia_start_time", "anaesthesia_end_time"):
            operation[name] = operation["procedure_date"] + operation[name][10:]
    day = bad[0]["procedures"][0]["procedure_date"]
    return Pattern(
        (*bad, *good), (f"{DOCTOR}|{day}",),
        "一名麻醉医师同时负责5台;另一名先后5台。",
        "One anaesthetist has five operations at once, another five one after the other.",
    )  # fmt: skip


def _orders(record: Record, physician: str, times: list[str]) -> None:
    record["orders"] = [
        {
            "order_id": f"O{number + 1:04}",
            "order_type": "lab",
            "long_term": False,
            "item_code": "S-0104001",
            "item_name": "血细胞分析",
            "start_time": time,
            "status": "completed",
            "ordering_physician_id": physician,
            "ordering_department": record["admission_department"],
        }
        for number, time in enumerate(times)
    ]


def _two_places(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    here, there = crowd.stays(1, "diabetes", HOSPITAL)[0], crowd.stays(1, "diabetes", 5)[0]
    day = day_of(1).isoformat()
    _orders(here, DOCTOR, [f"{day}T09:00:00+08:00"])
    _orders(there, DOCTOR, [f"{day}T09:10:00+08:00"])
    a, b = crowd.stays(1, "diabetes", HOSPITAL)[0], crowd.stays(1, "diabetes", 5)[0]
    _orders(a, "SD900002", [f"{day}T09:00:00+08:00"])
    _orders(b, "SD900002", [f"{day}T15:00:00+08:00"])
    return Pattern(
        (here, there, a, b), (f"{DOCTOR}|{day}",),
        "一名医师10分钟内在两家机构开医嘱;另一名相隔6小时。",
        "One physician orders at two hospitals within ten minutes, another six hours apart.",
    )  # fmt: skip


def _all_day(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    bad, good = crowd.stays(2, "diabetes", HOSPITAL, spread=1)
    day = day_of(1).isoformat()
    _orders(bad, DOCTOR, [f"{day}T{hour:02}:15:00+08:00" for hour in range(22)])
    _orders(good, "SD900002", [f"{day}T{hour:02}:15:00+08:00" for hour in range(8, 20)])
    return Pattern(
        (bad, good), (f"{DOCTOR}|{day}",),
        "一名医师一天22个小时有医嘱;另一名12个小时。",
        "Orders of one physician in 22 hours of a day, of another in 12.",
    )  # fmt: skip


def _unregistered(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    listed = scene.hospital(HOSPITAL).physicians["A03.07"][0]
    bad = crowd.stays(1, "diabetes", HOSPITAL, physician_id=DOCTOR)[0]
    good = crowd.stays(1, "diabetes", HOSPITAL, physician_id=listed)[0]
    return Pattern(
        (bad, good), (f"{DOCTOR}|{bad['discharge_date']}",),
        "主诊医师不在该机构医师名册中;另一名在册。",
        "The attending physician is not on the hospital's register; the other one is.",
    )  # fmt: skip


def _visits(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    records = []
    for number in range(110):
        patient = scene.patient(crowd.letter(), scene.template("hypertension"))
        record = scene.visit(patient, day=1, hospital=HOSPITAL)
        record |= {
            "charges": [],
            "orders": [],
            "attending_physician_id": DOCTOR if number < 100 else "SD900002",
        }
        for name in ("address", "employer", "bank_account", "invoice_number", "contact_name"):
            record.pop(name, None)
        records.append(record)
    return Pattern(
        tuple(records), (f"{DOCTOR}|{day_of(1)}",),
        "一名医师一天接诊100人次;另一名10人次。",
        "One physician has 100 visits on a day, another ten.",
    )  # fmt: skip


PLANTED: Final[Mapping[str, Planter]] = {
    "ADM-016": _crowded,
    "CHG-037": _bed_days,
    "CHG-038": _batch_test,
    "IDB-007": _shared(
        "phone", 6, "六名患者留同一电话;另一家三人为一家。", "Six patients gave one telephone number; elsewhere a family of three.",
    ),
    "IDB-008": _shared(
        "bank_account", 4, "四名患者使用同一收款账户;另一家三人。", "Four patients are paid to one account; elsewhere three are.",
    ),
    "IDB-009": _companions,
    "IDB-010": _batch,
    "IDB-011": _copies,
    "IDB-014": _overlap,
    "IDB-015": _long_day,
    "IDB-016": _two_places,
    "IDB-023": _shared(
        "address", 7, "七名患者登记同一住址;另一家三人。", "Seven patients are registered at one address; elsewhere three are.",
    ),
    "IDB-060": _unregistered,
    "IDB-061": _anaesthetist,
    "IDB-062": _all_day,
    "IDB-063": _visits,
    "SHF-011": _chain,
}  # fmt: skip
"""Check id -> what plants it."""
