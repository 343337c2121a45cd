"""Patterns in operations: what the list says was done, and what body, history and bill say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

from data_samples.planting import Pattern, Planter, Scene, settle

ANAESTHESIA: Final = ("S-0107016", "S-0107017")
HYSTERECTOMY, HIP, FACELIFT = "68.4100", "81.5100", "86.8200"
STENT, NONINVASIVE, INTUBATION, TRACHEOSTOMY = (
    "S-0201006", "S-0106002", "S-0105021", "S-0107015",
)  # fmt: skip

Change = Callable[[Scene, dict[str, Any], dict[str, Any]], None]


def _pair(key: str, change: Change, zh: str, en: str, **plan: Any) -> Planter:
    """Two stays, of which ``change`` makes the first wrong and the second nearly so."""

    def plant(scene: Scene) -> Pattern:
        bad, good = scene.stay(key, **plan), scene.stay(key, "B", **plan)
        change(scene, bad, good)
        return Pattern((bad, good), (bad["stay_id"],), zh, en)

    return plant


def code(record: dict[str, Any], procedure: str, name: str, **changes: Any) -> dict[str, Any]:
    """Add a procedure beside the first one, at the same time."""
    listed = record["procedures"]
    like = listed[0] if listed else {"procedure_date": record["admission_date"]}
    made = like | {"ordinal": len(listed) + 1, "code": procedure, "name": name} | changes
    listed.append(made)
    return made


def drop_lines(record: dict[str, Any], *items: str, category: str = "") -> None:
    """Take out the charge lines of these items or of a category, and settle again."""
    record["charges"] = [
        line
        for line in record["charges"]
        if line["item_code"] not in items and line["category"] != category
    ]
    settle(record)


def _wrong_sex(scene: Scene) -> Pattern:
    template = scene.template("hernia")
    bad = scene.stay(template, scene.patient("A", template, sex="1"))
    good = scene.stay(template, scene.patient("B", template, sex="2"))
    for record in (bad, good):
        code(record, HYSTERECTOMY, "腹腔镜经腹全子宫切除术")
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "男性患者编码全子宫切除；另一例为女性。",
        "A hysterectomy is coded for a man; the other patient is a woman.",
    )


def _wrong_age(scene: Scene) -> Pattern:
    child = replace(scene.template("tonsillectomy"), ages=(6, 6))
    grown = replace(scene.template("tonsillectomy"), ages=(30, 30))
    bad, good = scene.stay(child), scene.stay(grown, "B")
    for record in (bad, good):
        code(record, HIP, "全髋关节置换")
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "6岁患者编码全髋关节置换；另一例30岁。",
        "A hip replacement is coded for a child of six; the other patient is thirty.",
    )


def _not_coded(scene: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    scene.charge(bad, TRACHEOSTOMY, 1, day=1)
    scene.charge(good, ANAESTHESIA[1], 1, day=1)


def _not_charged(_: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    drop_lines(bad, category="06")
    drop_lines(good, *ANAESTHESIA)


def _wrong_order(_: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    drain = {"code": "34.0401", "name": "胸腔闭式引流术"}
    code(bad, bad["procedures"][0]["code"], bad["procedures"][0]["name"])
    bad["procedures"][0] |= drain
    code(good, drain["code"], drain["name"])
    # The group that this order makes is a finding of its own.
    del bad["billed_group_code"]


def _short_stay(scene: Scene) -> Pattern:
    template = replace(scene.template("long-ventilation"), ventilation_hours=(60, 60))
    bad = scene.stay(template, nights=3)
    good = scene.stay("long-ventilation", "B")
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "住院3天却编码呼吸机治疗96小时以上。",
        "Ventilation of 96 hours or more is coded in a stay of three days.",
        also={"PXC-006": (bad["stay_id"],)},
    )


def _mask_only(scene: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    for record in (bad, good):
        code(record, "96.7101", "呼吸机治疗[小于96小时]")
        scene.charge(record, NONINVASIVE, 8, day=1)
        del record["billed_group_code"]
    scene.charge(good, INTUBATION, 1, day=1, minute=10 * 60)


def _one_side(_: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    for record in (bad, good):
        record["procedures"][0] |= {"code": "53.1000", "name": "双侧腹股沟疝修补术"}
    good["diagnoses"][0] |= {"code": "K40.200", "name": "双侧腹股沟疝"}


def _step(_: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    step = code(bad, "54.5100", "腹腔镜下腹腔粘连松解术")
    later = date.fromisoformat(step["procedure_date"]) + timedelta(days=2)
    apart = code(good, "54.5100", "腹腔镜下腹腔粘连松解术", procedure_date=later.isoformat())
    for name in ("start_time", "end_time", "anaesthesia_start_time", "anaesthesia_end_time"):
        apart[name] = later.isoformat() + apart[name][10:]


def _removed_twice(scene: Scene) -> Pattern:
    template = scene.template("appendectomy")
    patient = scene.patient("A", template)
    first = scene.stay(template, patient, day=-300, secondary=())
    again = scene.stay(template, patient, day=0)
    other = scene.patient("B", scene.template("cholecystectomy"))
    before = scene.stay("cholecystectomy", other, day=-300)
    good = scene.stay(template, other, day=0)
    return Pattern(
        (first, again, before, good),
        (again["stay_id"],),
        "同一患者300天后再次切除阑尾；另一例先切胆囊后切阑尾。",
        "One patient loses the appendix again after 300 days; the other lost the gallbladder first.",
    )


def _level_one(_: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    bad["provider_level"], good["provider_level"] = "1", "2"


def _no_implant(scene: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    drop_lines(bad, STENT)
    drop_lines(good, STENT)
    scene.charge(good, STENT, 1, day=2)


def _no_anaesthesia(_: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    drop_lines(bad, *ANAESTHESIA)
    drop_lines(good, *ANAESTHESIA)
    for name in tuple(bad["procedures"][0]):
        if name.startswith("anaesth"):
            del bad["procedures"][0][name]


def _no_ventilator(_: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    drop_lines(bad, "S-0106001")
    drop_lines(good, INTUBATION)


def _cosmetic(_: Scene, bad: dict[str, Any], good: dict[str, Any]) -> None:
    for record in (bad, good):
        code(record, FACELIFT, "面部除皱术")
    good["diagnoses"].append(
        {
            "ordinal": len(good["diagnoses"]) + 1,
            "code": "G51.000",
            "name": "面神经麻痹",
            "present_on_admission": "1",
        }
    )


def _times(_: Scene, bad: dict[str, Any], __: dict[str, Any]) -> None:
    operation = bad["procedures"][0]
    operation["anaesthesia_end_time"] = operation["start_time"]


PLANTED: Final[Mapping[str, Planter]] = {
    "PXC-001": _wrong_sex,
    "PXC-002": _wrong_age,
    "PXC-003": _pair(
        "copd", _not_coded,
        "收取气管切开手术费而未编码手术；另一例仅收麻醉费。",
        "A tracheostomy is charged and not coded; the other stay has an anaesthesia fee only.",
    ),
    "PXC-004": _pair(
        "cholecystectomy", _not_charged,
        "编码胆囊切除，没有任何手术和麻醉收费；另一例仅缺麻醉收费。",
        "A cholecystectomy is coded with no operation fee at all; the other lacks the anaesthesia fee only.",
    ),
    "PXC-005": _pair(
        "cholecystectomy", _wrong_order,
        "胸腔闭式引流排在胆囊切除之前作主要手术；另一例排在其后。",
        "A chest drain stands before the cholecystectomy as main operation; in the other stay it stands after.",
    ),
    "PXC-007": _short_stay,
    "PXC-008": _pair(
        "copd", _mask_only,
        "编码有创通气，仅有无创通气收费；另一例有气管插管。",
        "Invasive ventilation is coded and only a mask is charged; the other patient was intubated.",
    ),
    "PXC-010": _pair(
        "hernia", _one_side,
        "双侧疝修补，诊断仅为单侧；另一例诊断为双侧。",
        "Hernias of both sides are repaired and one is diagnosed; the other patient has both.",
    ),
    "PXC-012": _pair(
        "cholecystectomy", _step,
        "同日胆囊切除与粘连松解并列编码；另一例粘连松解为另一天的手术。",
        "Lysis of adhesions is coded beside the cholecystectomy of the day; the other was an operation of its own.",
        nights=5,
    ),
    "PXC-014": _removed_twice,
    "PXC-015": _pair(
        "cataract", _level_one,
        "一级医院报告三级手术；另一例为二级医院。",
        "A hospital of level one reports an operation of level three; the other has level two.",
    ),
    "PXC-016": _pair(
        "stent", _no_implant,
        "编码支架置入而明细无支架；另一例有支架。",
        "A stent is coded and none is charged; the other stay has one.",
    ),
    "PXC-017": _pair(
        "cholecystectomy", _no_anaesthesia,
        "胆囊切除既无麻醉信息也无麻醉收费；另一例有麻醉记录。",
        "A cholecystectomy with neither record nor charge of anaesthesia; the other has the record.",
    ),
    "PXC-018": _pair(
        "long-ventilation", _no_ventilator,
        "编码呼吸机治疗96小时以上而无有创通气收费；另一例仅缺插管收费。",
        "Long ventilation is coded without any charge for it; the other lacks the charge for the tube only.",
    ),
    "PXC-020": _pair(
        "hernia", _cosmetic,
        "面部除皱由基金支付；另一例为面神经麻痹的修复。",
        "The fund pays a facelift; the other repairs a paralysed face.",
    ),
    "PXC-022": _pair(
        "cholecystectomy", _times,
        "麻醉在手术开始时就已结束。",
        "Anaesthesia ended when the operation began.",
    ),
}  # fmt: skip
"""Check id -> what plants it."""
