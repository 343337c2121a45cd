"""Patterns in the group of one stay: billed groups, and complications that raise the group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from data_samples.catalogue import Comorbidity
from data_samples.plans import Detail
from data_samples.planting import Pattern, Planter, Scene, settle

_Record = dict[str, Any]
TREATED: Final = Detail(6, 1, 9, 9, 0, 0)
"""Every drug and treatment of the template, so that the stay is no low outlier."""
EMBOLISM: Final = ("I26.900x001", "肺动脉栓塞")
HEART_FAILURE: Final = ("I50.900", "心力衰竭")
PLEURAL_EFFUSION: Final = ("J90.x00", "胸腔积液")


def _other(code: str, name: str, present: str = "1") -> Comorbidity:
    return Comorbidity(code, name, 0, 120, "", present)


def _others(*listed: tuple[str, str]) -> tuple[Comorbidity, ...]:
    return tuple(_other(code, name) for code, name in listed)


def _birth_weight(scene: Scene) -> Pattern:
    bad, good = scene.stay("newborn-jaundice"), scene.stay("newborn-jaundice", "B")
    del bad["newborn_birth_weight_g"]
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "新生儿未填出生体重，无法入组。",
        "A newborn without a birth weight cannot be grouped.",
    )


def _ambiguous(scene: Scene) -> Pattern:
    bad, good = scene.stay("appendectomy"), scene.stay("appendectomy", "B")
    bad["diagnoses"][0] |= {"code": "J18.900", "name": "肺炎"}
    bad |= {"admission_diagnosis_code": "J18.900", "billed_group_code": "EQY"}
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "主要诊断为肺炎，主要手术为阑尾切除，分入歧义组。",
        "The principal diagnosis is pneumonia, the main operation an appendectomy: the case is ambiguous.",
    )


def _billed_higher(scene: Scene) -> Pattern:
    plain = _others(("K76.000", "脂肪肝"))
    bad = scene.stay("pneumonia", secondary=plain)
    good = scene.stay("pneumonia", "B", secondary=plain)
    bad["billed_group_code"] = "ES31"
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "无并发症的肺炎按伴严重并发症的病组申报。",
        "Pneumonia without complications is billed as the group with major ones.",
    )


def _excluded(scene: Scene) -> Pattern:
    widened = _others(("J47.x00", "支气管扩张"))
    bad = scene.stay("copd", secondary=widened)
    good = scene.stay("copd", "B", secondary=widened)
    bad["billed_group_code"] = "ET23"
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "支气管扩张与慢阻肺同在一张排除表，却被计为并发症。",
        "Bronchiectasis stands on the exclusion list of chronic obstructive lung disease and was counted all the same.",
        also={"GRP-003": (bad["stay_id"],)},
    )


def _one_diagnosis(scene: Scene) -> Pattern:
    failure = _others(HEART_FAILURE)
    bad = scene.stay("pneumonia", secondary=failure)
    good = scene.stay("pneumonia", "B", nights=10, secondary=failure, detail=TREATED)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "病组仅由心力衰竭抬高，费用不到较轻病组支付标准的六成。",
        "Heart failure alone raises the group, and the stay costs under 60 % of the lighter group's standard.",
    )


def _high_weight_low_cost(scene: Scene) -> Pattern:
    failure = _others(HEART_FAILURE)
    bad = scene.stay("pneumonia", secondary=failure)
    good = scene.stay("pneumonia", "B", nights=10, secondary=failure, detail=TREATED)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "伴严重并发症的病组，费用不足支付标准一半。",
        "A group with major complications, at less than half its standard.",
    )


def _very_short(scene: Scene) -> Pattern:
    failure = _others(HEART_FAILURE)
    bad = scene.stay("pneumonia", nights=3, secondary=failure, detail=TREATED)
    good = scene.stay("pneumonia", "B", nights=7, secondary=failure)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "伴严重并发症的肺炎只住院3天。",
        "Pneumonia with major complications lasts three days.",
    )


def _without_evidence(
    code: str, name: str, zh: str, en: str, *, template: str = "pneumonia", nights: int = 10
) -> Planter:
    def plant(scene: Scene) -> Pattern:
        secondary = _others((code, name))
        bad = scene.stay(
            template, nights=nights, secondary=secondary, supported=False, detail=TREATED
        )
        good = scene.stay(template, "B", nights=nights, secondary=secondary, detail=TREATED)
        return Pattern((bad, good), (bad["stay_id"],), zh, en)

    return plant


def _carried_over(scene: Scene) -> Pattern:
    fibrillation = _others(("I48.000", "阵发性心房颤动"))
    patient = scene.patient("A", scene.template("hypertension"))
    before = scene.stay("hypertension", patient, secondary=fibrillation)
    later = {"nights": 10, "supported": False, "detail": TREATED}
    bad = scene.stay("pneumonia", patient, day=60, secondary=fibrillation, **later)
    good = scene.stay("pneumonia", "B", secondary=fibrillation, **later)
    return Pattern(
        (before, bad, good),
        (bad["stay_id"],),
        "上次住院的心房颤动沿用到本次，本次无任何相关检查用药却抬高了病组；另一例的无依据诊断是首次填报。",
        "Atrial fibrillation of the stay before is carried over though nothing was done about it; the other stay lists "
        "its unsupported diagnosis for the first time.",
    )


def _acquired(scene: Scene) -> Pattern:
    bad = scene.stay(
        "pneumonia", nights=10, detail=TREATED, secondary=(_other("L89.001", "压疮", "4"),)
    )
    good = scene.stay(
        "pneumonia", "B", nights=10, detail=TREATED, secondary=(_other("L89.001", "压疮", "1"),)
    )
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "住院期间发生的压疮抬高了病组；另一例入院时已有。",
        "A pressure injury that arose in hospital raises the group; the other was there on admission.",
    )


def _minor(scene: Scene) -> Pattern:
    bad = scene.stay(
        "pneumonia", nights=10, detail=TREATED, secondary=_others(("J04.100", "急性气管炎"))
    )
    good = scene.stay(
        "pneumonia", "B", nights=10, detail=TREATED, secondary=_others(PLEURAL_EFFUSION)
    )
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "肺炎以急性气管炎作为并发症抬高病组。",
        "Acute tracheitis beside pneumonia raises the group as a complication.",
    )


def _weaker_order(scene: Scene) -> Pattern:
    fibrillation = _others(("I48.000", "阵发性心房颤动"))
    bad = scene.stay("cerebral-infarction", nights=10, detail=TREATED, secondary=fibrillation)
    good = scene.stay("cerebral-infarction", "B", nights=10, detail=TREATED, secondary=fibrillation)
    heads = ("S-0103003", "S-0103005")
    bad["charges"] = [line for line in bad["charges"] if line["item_code"] not in heads]
    bad["orders"] = [order for order in bad["orders"] if order["item_code"] not in heads]
    scene.charge(bad, "S-0103012", 1, day=1)["line_id"] = "L9001"
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "主要诊断脑梗死无头颅影像，心房颤动有动态心电图且病组权重更低。",
        "Nothing shows the cerebral infarction, while atrial fibrillation was examined and weighs less.",
    )


def _minor_procedure(scene: Scene) -> Pattern:
    bad, good = scene.stay("hernia", nights=5, detail=TREATED), scene.stay("hernia", "B")
    paid = ("05", "06", "08")
    bad["charges"] = [line for line in bad["charges"] if line["category"] not in paid]
    settle(bad)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "清单有疝修补术并入外科组，却无手术、治疗和耗材费用。",
        "Hernia repair puts the stay into a surgical group, but neither operation, treatment nor material is charged.",
        also={"PXC-004": (bad["stay_id"],)},
    )


def _multiple_trauma(scene: Scene) -> Pattern:
    ribs = _others(("S22.400", "多发性肋骨骨折"), ("S36.000", "脾损伤"))
    treated = {"nights": 13, "detail": TREATED}
    bad = scene.stay("brain-injury", secondary=ribs, supported=False, **treated)
    good = scene.stay("brain-injury", "B", secondary=ribs, **treated)
    for record in (bad, good):
        record["billed_group_code"] = "ZZ11"
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "脑挫伤加填肋骨骨折和脾损伤入多发严重创伤组，胸腹部无任何检查处置。",
        "Broken ribs and a torn spleen beside a brain injury make it multiple trauma; nothing shows either.",
        also={"GRP-005": (bad["stay_id"],)},
    )


def _unexplained(scene: Scene) -> Pattern:
    bad = scene.stay("hypertension", secondary=_others(("K76.000", "脂肪肝")))
    good = scene.stay("dialysis", "B")
    for day in (1, 3):
        scene.charge(bad, "S-0105016", 1, day=day)
        scene.charge(good, "S-0105016", 1, day=day)
    return Pattern(
        (bad, good),
        (bad["stay_id"],),
        "高血压住院收取两次血液透析，清单无任何肾脏疾病或中毒。",
        "Two sessions of dialysis are charged, and the list names neither kidney disease nor poisoning.",
    )


PLANTED: Final[Mapping[str, Planter]] = {
    "GRP-001": _birth_weight,
    "GRP-002": _ambiguous,
    "GRP-003": _billed_higher,
    "GRP-004": _one_diagnosis,
    "GRP-005": _without_evidence(
        *EMBOLISM,
        "肺栓塞抬高病组，却无D-二聚体、超声或抗凝。",
        "Pulmonary embolism raises the group without D-dimer, ultrasound or anticoagulant.",
    ),
    "GRP-006": _excluded,
    "GRP-007": _acquired,
    "GRP-008": _without_evidence(
        "E43.x00",
        "重度蛋白质-能量营养不良",
        "重度营养不良抬高病组，却无营养评估和营养支持。",
        "Severe malnutrition raises the group without assessment or nutrition support.",
    ),
    "GRP-009": _without_evidence(
        "A41.900",
        "脓毒症",
        "脓毒症抬高病组，却未查血培养、降钙素原和乳酸。",
        "Sepsis raises the group without blood culture, procalcitonin or lactate.",
        template="appendectomy",
        nights=5,
    ),
    "GRP-010": _without_evidence(
        "J96.000",
        "急性呼吸衰竭",
        "急性呼吸衰竭抬高病组，却无血气、吸氧和呼吸支持。",
        "Acute respiratory failure raises the group without blood gas, oxygen or ventilation.",
    ),
    "GRP-011": _without_evidence(
        "N17.900",
        "急性肾衰竭",
        "急性肾衰竭抬高病组，却没有两次肾功能。",
        "Acute kidney failure raises the group without two tests of kidney function.",
    ),
    "GRP-012": _without_evidence(
        *HEART_FAILURE,
        "心力衰竭抬高病组，却无利钠肽、心脏超声和利尿药。",
        "Heart failure raises the group without natriuretic peptide, echocardiography or diuretic.",
    ),
    "GRP-013": _without_evidence(
        "I48.000",
        "阵发性心房颤动",
        "心房颤动作为并发症抬高病组，却无心电图或监护。",
        "Atrial fibrillation raises the group as a complication without a single electrocardiogram.",
    ),
    "GRP-014": _minor,
    "GRP-015": _carried_over,
    "GRP-016": _high_weight_low_cost,
    "GRP-017": _very_short,
    "GRP-018": _weaker_order,
    "GRP-019": _minor_procedure,
    "GRP-020": _multiple_trauma,
    "GRP-029": _unexplained,
}
"""Check id -> what plants it."""
