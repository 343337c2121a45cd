"""Patterns of diagnosis coding: codes that do not fit the patient, the treatment or each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from data_samples.planting import Pattern, Planter, Scene


def _diagnose(record: dict[str, Any], code: str, name: str, *, first: bool = False) -> None:
    """Add a diagnosis at the end of the list, or before all others."""
    listed = record["diagnoses"]
    if first:
        for diagnosis in listed:
            diagnosis["ordinal"] += 1
    entry = {
        "ordinal": 1 if first else len(listed) + 1,
        "code": code,
        "name": name,
        "present_on_admission": "1",
    }
    listed.insert(0 if first else len(listed), entry)


def _drop(record: dict[str, Any], start: str) -> None:
    """Take the diagnoses that begin with ``start`` off the list and number it again."""
    kept = [d for d in record["diagnoses"] if not d["code"].startswith(start)]
    for ordinal, diagnosis in enumerate(kept, start=1):
        diagnosis["ordinal"] = ordinal
    record["diagnoses"] = kept


def _swap_first(record: dict[str, Any], code: str, name: str) -> None:
    """Another principal diagnosis in place of the one that stands first."""
    record["diagnoses"][0] |= {"code": code, "name": name}


def _other_sex(scene: Scene) -> Pattern:
    woman, template = scene.template("hypertension"), scene.template("hypertension")
    bad = scene.stay(template, scene.patient("A", woman, sex="2"))
    good = scene.stay(template, scene.patient("B", template, sex="1"))
    for record in (bad, good):
        _drop(record, "N40")
        _diagnose(record, "N40.x00", "前列腺增生")
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "女性患者填写前列腺增生；另一例为男性，不应命中。",
        "A woman is coded with an enlarged prostate; the other patient is a man.",
    )


def _other_age(scene: Scene) -> Pattern:
    bad, good = scene.stay("child-bronchitis"), scene.stay("cataract", "B")
    _diagnose(bad, "H25.900", "老年性白内障")
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "儿童填写老年性白内障。",
        "A child is coded with a senile cataract.",
    )


def _asterisk(scene: Scene) -> Pattern:
    bad, good = scene.stay("hypertension"), scene.stay("diabetes", "B")
    _drop(bad, "E1")
    _diagnose(bad, "N08.301", "糖尿病性肾小球疾患*")
    _drop(good, "E11.2")
    _diagnose(good, "E11.200", "2型糖尿病伴有肾的并发症")
    _diagnose(good, "N08.301", "糖尿病性肾小球疾患*")
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "只有星号编码N08.3而无糖尿病剑号编码；另一例剑星号齐全，不应命中。",
        "The asterisk code N08.3 stands without a dagger code of diabetes; the other list has both.",
    )


def _status_first(scene: Scene) -> Pattern:
    bad, good = scene.stay("stent"), scene.stay("stent", "B")
    _diagnose(bad, "Z95.501", "冠状动脉支架植入后状态", first=True)
    _diagnose(good, "Z95.501", "冠状动脉支架植入后状态")
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "支架植入后状态作主要诊断；另一例作其他诊断，不应命中。",
        "The presence of a stent stands first; in the other list it is a further code.",
    )


def _complication_alone(scene: Scene) -> Pattern:
    bad, good = scene.stay("erysipelas"), scene.stay("erysipelas", "B")
    for record in (bad, good):
        _swap_first(record, "T81.400x001", "操作后伤口感染")
        del record["billed_group_code"]
    del bad["diagnoses"][1:]
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "操作后伤口感染作主要诊断，没有其他诊断说明；另一例有，不应命中。",
        "A wound infection after a procedure stands alone; the other list says more.",
    )


def _tumour_first(scene: Scene) -> Pattern:
    bad, good = scene.stay("chemotherapy"), scene.stay("chemotherapy", "B")
    _drop(bad, "Z51")
    _drop(bad, "C")
    _diagnose(bad, "C18.700", "乙状结肠恶性肿瘤", first=True)
    del bad["billed_group_code"]
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "仅为化疗住院，以肿瘤作主要诊断；另一例以化疗作主要诊断，不应命中。",
        "A stay for chemotherapy only has the tumour first; the other has the session first.",
    )


def _unspecified(scene: Scene) -> Pattern:
    bad, good = scene.stay("heart-failure"), scene.stay("heart-failure", "B")
    _diagnose(bad, "I50.000", "充血性心力衰竭")
    _diagnose(good, "I50.908", "慢性心力衰竭")
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "主要诊断为未特指的心力衰竭，其他诊断却有充血性心力衰竭；另一例两者均未特指，不应命中。",
        "Unspecified heart failure stands first although congestive failure is listed; in the other both are unspecified.",
    )


def _session_alone(scene: Scene) -> Pattern:
    bad, good = scene.stay("chemotherapy"), scene.stay("chemotherapy", "B")
    _drop(bad, "C")
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "化疗作主要诊断，清单没有肿瘤诊断。",
        "Chemotherapy stands first and the list names no tumour.",
    )


def _exclusive(scene: Scene) -> Pattern:
    bad, good = scene.stay("diabetes"), scene.stay("diabetes", "B")
    _diagnose(bad, "E10.900", "1型糖尿病")
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "同时填写1型和2型糖尿病。",
        "Diabetes of type 1 and of type 2 on one list.",
    )


def _no_outcome(scene: Scene) -> Pattern:
    bad, good = scene.stay("caesarean"), scene.stay("caesarean", "B")
    _drop(bad, "Z37")
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "剖宫产清单缺分娩结局编码(Z37)。",
        "A caesarean section without the outcome of the birth (Z37).",
    )


def _late_perinatal(scene: Scene) -> Pattern:
    bad, good = scene.stay("child-bronchitis"), scene.stay("newborn-jaundice", "B")
    _swap_first(bad, "P22.101", "新生儿湿肺")
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "一岁以上儿童以新生儿湿肺作主要诊断。",
        "A child past its first birthday has a newborn's wet lung as principal diagnosis.",
    )


def _wrong_side(scene: Scene) -> Pattern:
    bad, good = scene.stay("hip-replacement"), scene.stay("hip-replacement", "B")
    for record, side in ((bad, "左"), (good, "右")):
        record["diagnoses"][0]["name"] = "右侧股骨颈骨折"
        record["procedures"][0]["name"] = f"{side}侧全髋关节置换"
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "右侧股骨颈骨折做了左侧髋关节置换；另一例同侧，不应命中。",
        "A fracture on the right and a new hip on the left; the other is on one side.",
    )


def _no_diagnosis(scene: Scene) -> Pattern:
    bad, good = scene.stay("hypertension"), scene.stay("hypertension", "B")
    for record, days in ((bad, 4), (good, 2)):
        _drop(record, "E1")
        for day in range(days):
            scene.charge(record, "S-0901018", 3, day=day)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "二甲双胍收费4天而无糖尿病诊断；另一例2天，不应命中。",
        "Metformin is charged on four days without diabetes; in the other stay on two.",
    )


def _unmarked(scene: Scene) -> Pattern:
    bad, good = scene.stay("pneumonia"), scene.stay("delivery", "B")
    del bad["diagnoses"][1]["present_on_admission"]
    for diagnosis in good["diagnoses"]:
        if diagnosis["code"].startswith("Z37"):
            del diagnosis["present_on_admission"]
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "一条其他诊断未填入院病情；另一例未填的是分娩结局，不需填写，不应命中。",
        "A diagnosis has no present-on-admission mark; in the other list the outcome of a birth needs none.",
    )


def _acute_again(scene: Scene) -> Pattern:
    first = scene.stay("cerebral-infarction", day=-60)
    recovery = scene.template("stroke-rehabilitation")
    bad = scene.stay(replace(recovery, exams=recovery.exams[1:]))  # without the scan of the head
    before = scene.stay("cerebral-infarction", "B", day=-60)
    good = scene.stay("cerebral-infarction", "B")
    _swap_first(bad, "I63.900", "脑梗死")
    del bad["billed_group_code"]
    return Pattern(
        (first, bad, before, good),
        (bad["stay_id"],),
        "脑梗死出院一个多月后康复住院，无头颅影像，主要诊断仍为脑梗死；另一例有头颅CT，不应命中。",
        "Rehabilitation weeks after a stroke is coded as a stroke again, without a scan of the head; the other stay has one.",
    )


def _not_shown(scene: Scene) -> Pattern:
    bad, good = scene.stay("hypertension"), scene.stay("pancreatitis", "B")
    _swap_first(bad, "K85.900", "急性胰腺炎")
    del bad["billed_group_code"]
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "主要诊断为急性胰腺炎，费用中无任何相应检查、用药或处置。",
        "Acute pancreatitis stands first and nothing that was charged shows it.",
    )


def _put_behind(scene: Scene) -> Pattern:
    bad, good = scene.stay("sepsis"), scene.stay("sepsis", "B")
    for record in (bad, good):
        _drop(record, "N39")
        _diagnose(record, "N39.000", "泌尿道感染")
    bad["admission_diagnosis_code"] = "N39.000"
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "以泌尿道感染入院，出院以脓毒症作主要诊断，权重更高；另一例入院诊断即为脓毒症，不应命中。",
        "Admitted for a urinary infection, which then stands behind a sepsis of more weight; the other was admitted for sepsis.",
    )


PLANTED: Final[Mapping[str, Planter]] = {
    "DXC-001": _other_sex,
    "DXC-002": _other_age,
    "DXC-004": _asterisk,
    "DXC-005": _status_first,
    "DXC-011": _complication_alone,
    "DXC-012": _tumour_first,
    "DXC-013": _unspecified,
    "DXC-016": _session_alone,
    "DXC-017": _acute_again,
    "DXC-018": _exclusive,
    "DXC-019": _no_outcome,
    "DXC-020": _late_perinatal,
    "DXC-021": _wrong_side,
    "DXC-023": _no_diagnosis,
    "DXC-024": _not_shown,
    "DXC-025": _put_behind,
    "DXC-026": _unmarked,
}
"""Check id -> what plants it."""
