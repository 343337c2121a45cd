"""Code lists of the canonical schema: code -> (Chinese, English).

The numbers follow the national insurance information platform where a list of theirs
exists; FHIR's words are used where they are the common ones (order status). The lists
were compared with public implementations of the interface, not with the official
publication: ``unverified`` against the official text.
"""

from __future__ import annotations

from typing import Final

Codes = dict[str, tuple[str, str]]

CLAIM_TYPE: Final[Codes] = {
    "inpatient": ("住院", "Inpatient stay"),
    "outpatient": ("门诊", "Outpatient visit"),
}
CURRENCY: Final[Codes] = {"CNY": ("人民币", "Chinese yuan"), "USD": ("美元", "US dollar")}
SEX: Final[Codes] = {
    "0": ("未知", "Unknown"),
    "1": ("男", "Male"),
    "2": ("女", "Female"),
    "9": ("未说明", "Not stated"),
}
INSURANCE_TYPE: Final[Codes] = {
    "310": ("职工基本医疗保险", "Employee basic medical insurance"),
    "320": ("公务员医疗补助", "Civil servant subsidy"),
    "340": ("离休人员医疗保障", "Retired cadre scheme"),
    "390": ("城乡居民基本医疗保险", "Resident basic medical insurance"),
    "510": ("生育保险", "Maternity insurance"),
    "self": ("自费", "Self-pay"),
    "medicare": ("美国联邦医疗保险", "US Medicare"),
    "other": ("其他", "Other"),
}
PAYMENT_METHOD: Final[Codes] = {
    "drg": ("按病组付费", "By group"),
    "per_diem": ("按床日付费", "By day"),
    "per_case": ("按单病种付费", "By single disease"),
    "per_item": ("按项目付费", "By item"),
    "other": ("其他", "Other"),
}
ADMISSION_WAY: Final[Codes] = {
    "1": ("急诊", "Emergency"),
    "2": ("门诊", "Outpatient clinic"),
    "3": ("其他医疗机构转入", "Transfer in"),
    "9": ("其他", "Other"),
}
TREATMENT_TYPE: Final[Codes] = {
    "1": ("西医", "Western medicine"),
    "2": ("中医", "Traditional Chinese medicine"),
    "3": ("中西医", "Both"),
}
INPATIENT_TYPE: Final[Codes] = {
    "1": ("住院", "Ordinary stay"),
    "2": ("日间手术", "Day surgery"),
}
DISCHARGE_WAY: Final[Codes] = {
    "1": ("医嘱离院", "On medical advice"),
    "2": ("医嘱转院", "Transfer to another hospital"),
    "3": ("医嘱转社区卫生服务机构", "Transfer to community care"),
    "4": ("非医嘱离院", "Against medical advice"),
    "5": ("死亡", "Died"),
    "9": ("其他", "Other"),
}
PRESENT_ON_ADMISSION: Final[Codes] = {
    "1": ("有", "Yes"),
    "2": ("临床未确定", "Clinically undetermined"),
    "3": ("情况不明", "Unknown"),
    "4": ("无", "No"),
}
DIAGNOSIS_SYSTEM: Final[Codes] = {
    "ICD-10-CN": ("ICD-10医保版", "ICD-10, Chinese insurance edition"),
    "ICD-10-CM": ("ICD-10-CM", "ICD-10-CM (US)"),
    "ICD-9-CM": ("ICD-9-CM", "ICD-9-CM (US, to 2015)"),
}
PROCEDURE_SYSTEM: Final[Codes] = {
    "ICD-9-CM-3-CN": ("ICD-9-CM-3医保版", "ICD-9-CM volume 3, Chinese insurance edition"),
    "ICD-10-PCS": ("ICD-10-PCS", "ICD-10-PCS (US)"),
    "ICD-9-CM-3": ("ICD-9-CM-3", "ICD-9-CM volume 3 (US, to 2015)"),
}
CHARGE_CATEGORY: Final[Codes] = {
    "01": ("床位费", "Bed"),
    "02": ("诊察费", "Consultation"),
    "03": ("检查费", "Examination"),
    "04": ("化验费", "Laboratory"),
    "05": ("治疗费", "Treatment"),
    "06": ("手术费", "Operation"),
    "07": ("护理费", "Nursing"),
    "08": ("卫生材料费", "Consumables"),
    "09": ("西药费", "Western drugs"),
    "10": ("中药饮片费", "Herbal pieces"),
    "11": ("中成药费", "Chinese patent drugs"),
    "12": ("一般诊疗费", "General treatment fee"),
    "13": ("挂号费", "Registration"),
    "14": ("其他费", "Other"),
}
INSURANCE_CLASS: Final[Codes] = {
    "01": ("甲类", "Class A: fully in scope"),
    "02": ("乙类", "Class B: part self-paid first"),
    "03": ("自费", "Out of scope"),
}
NEWBORN_ADMISSION_TYPE: Final[Codes] = {
    "1": ("正常新生儿", "Normal newborn"),
    "2": ("早产儿", "Preterm"),
    "3": ("有疾病新生儿", "Newborn with disease"),
    "4": ("非无菌分娩", "Non-sterile delivery"),
    "9": ("其他", "Other"),
}
ICU_WARD_TYPE: Final[Codes] = {
    "CCU": ("心脏监护病房", "Coronary care"),
    "NICU": ("新生儿监护病房", "Neonatal intensive care"),
    "EICU": ("急诊监护病房", "Emergency intensive care"),
    "SICU": ("外科监护病房", "Surgical intensive care"),
    "PICU": ("儿科监护病房", "Paediatric intensive care"),
    "RICU": ("呼吸监护病房", "Respiratory intensive care"),
    "ICU": ("综合监护病房", "General intensive care"),
    "other": ("其他", "Other"),
}
ORDER_TYPE: Final[Codes] = {
    "drug": ("药品", "Drug"),
    "exam": ("检查", "Examination"),
    "lab": ("检验", "Laboratory test"),
    "procedure": ("手术操作与治疗", "Procedure or treatment"),
    "consumable": ("耗材", "Consumable"),
    "nursing": ("护理", "Nursing"),
    "other": ("其他", "Other"),
}
ORDER_STATUS: Final[Codes] = {
    "draft": ("草稿", "Draft"),
    "active": ("执行中", "Active"),
    "on-hold": ("暂停", "On hold"),
    "completed": ("已完成", "Completed"),
    "revoked": ("已撤销", "Revoked"),
    "entered-in-error": ("录入错误", "Entered in error"),
}
PROVIDER_LEVEL: Final[Codes] = {
    "1": ("一级", "Level one"),
    "2": ("二级", "Level two"),
    "3": ("三级", "Level three"),
    "9": ("未定级", "Unrated"),
}
COVERAGE_STATUS: Final[Codes] = {
    "active": ("正常参保", "Active"),
    "suspended": ("暂停", "Suspended"),
    "ended": ("终止", "Ended"),
}
