"""Words for people: why a US stay has no group, and what the code editor found."""

from __future__ import annotations

from typing import Final

REASONS: Final[dict[str, tuple[str, str]]] = {
    "invalid_pdx": (
        "主要诊断编码在该版本中无效",
        "The principal diagnosis is not a valid code of this version.",
    ),
    "invalid_principal_diagnosis": (
        "主要诊断编码无效",
        "The principal diagnosis is not valid.",
    ),
    "dx_cannot_be_pdx": (
        "该诊断不能作主要诊断",
        "This diagnosis cannot be a principal diagnosis.",
    ),
    "invalid_discharge_diagnosis": (
        "主要诊断与性别等信息不符，不能作出院诊断（998组）",
        "The principal diagnosis is invalid as a discharge diagnosis (group 998).",
    ),
    "invalid_age": ("年龄无效", "The age is not valid."),
    "invalid_sex": ("性别无效", "The sex is not valid."),
    "invalid_discharge_status": ("离院方式无效", "The discharge status is not valid."),
    "ungroupable": ("分组器无法入组", "The grouper found no group."),
    "hac_missing_one_poa": (
        "院内获得性疾病编码缺少入院病情标识",
        "A hospital-acquired condition lacks its present-on-admission indicator.",
    ),
    "hac_status_invalid_mult_hacs_poa_not_y_w": (
        "多个院内获得性疾病编码的入院病情不是“有”或“临床未确定”",
        "Several hospital-acquired conditions are not marked present on admission (Y or W).",
    ),
    "hac_status_invalid_poa_n_or_u": (
        "院内获得性疾病编码的入院病情为“无”或“情况不明”",
        "A hospital-acquired condition is marked not present on admission, or unknown (N or U).",
    ),
    "hac_status_invalid_poa_invalid_or_1": (
        "院内获得性疾病编码的入院病情标识无效",
        "A hospital-acquired condition has an invalid present-on-admission indicator.",
    ),
    "other_diagnosis_system": (
        "诊断不是ICD-10-CM编码，本分组器不适用",
        "The diagnoses are not ICD-10-CM, which is all that this grouper reads.",
    ),
    "other_procedure_system": (
        "手术操作不是ICD-10-PCS编码，本分组器不适用",
        "The procedures are not ICD-10-PCS, which is all that this grouper reads.",
    ),
    "no_grouper_version": (
        "出院日期没有对应的分组器版本",
        "The grouper has no version for the day of discharge.",
    ),
}
"""Reasons that only this engine gives; the grouper's return codes are among them, in lower case."""

EDITS: Final[dict[str, tuple[str, str]]] = {
    "INVALID_CODE": ("编码无效或不在有效期内", "A code is not valid on the day of discharge"),
    "SEX_CONFLICT": ("编码与性别不符", "A code does not fit the patient's sex"),
    "AGE_CONFLICT": ("编码与年龄不符", "A code does not fit the patient's age"),
    "QUESTIONABLE_ADMISSION": (
        "主要诊断通常不需要住院",
        "The principal diagnosis alone seldom justifies an admission",
    ),
    "MANIFESTATION_AS_PDX": (
        "以疾病表现编码作主要诊断",
        "The principal diagnosis is a manifestation of another disease",
    ),
    "NONSPECIFIC_PDX": ("主要诊断不够具体", "The principal diagnosis is not specific"),
    "E_CODE_AS_PDX": (
        "以损伤外因编码作主要诊断",
        "The principal diagnosis is an external cause",
    ),
    "UNACCEPTABLE_PDX": (
        "该编码不可作主要诊断",
        "The code is not acceptable as a principal diagnosis",
    ),
    "DUPLICATE_OF_PDX": (
        "其他诊断与主要诊断重复",
        "A secondary diagnosis repeats the principal diagnosis",
    ),
    "MEDICARE_IS_SECONDARY_PAYER": (
        "可能应由其他付款方先付",
        "Another payer may have to pay before Medicare",
    ),
    "REQUIRES_SDX": (
        "主要诊断需要另有其他诊断",
        "The principal diagnosis needs a secondary diagnosis",
    ),
    "NONSPECIFIC_OR": ("手术操作不够具体", "An operation is not specific"),
    "OPEN_BIOPSY": ("开放性活检，需核对方式", "An open biopsy: check the approach"),
    "NON_COVERED": ("手术操作不在保障范围", "A procedure is not covered"),
    "BILATERAL": (
        "双侧手术，需核对是否同日完成",
        "Procedures on both sides: check that both were done in this stay",
    ),
    "LIMITED_COVERAGE_LVRS": (
        "肺减容术，限定条件支付",
        "Lung volume reduction is covered only under conditions",
    ),
    "LIMITED_COVERAGE": ("限定条件支付的手术操作", "A procedure is covered only under conditions"),
    "LIMITED_COVERAGE_LUNG_TRANSPLANT": (
        "肺移植，限定条件支付",
        "A lung transplant is covered only under conditions",
    ),
    "QUESTIONABLE_OBSTETRIC_ADMISSION": (
        "分娩手术缺少相应的分娩结局诊断",
        "A delivery without a diagnosis of its outcome",
    ),
    "LIMITED_COVERAGE_COMBINATION_HEART_LUNG": (
        "心肺联合移植，限定条件支付",
        "A heart and lung transplant is covered only under conditions",
    ),
    "LIMITED_COVERAGE_HEART_TRANSPLANT": (
        "心脏移植，限定条件支付",
        "A heart transplant is covered only under conditions",
    ),
    "LIMITED_COVERAGE_HEART_IMPLANT": (
        "心脏辅助装置，限定条件支付",
        "A heart assist device is covered only under conditions",
    ),
    "LIMITED_COVERAGE_INTESTINE": (
        "小肠移植，限定条件支付",
        "An intestinal transplant is covered only under conditions",
    ),
    "LIMITED_COVERAGE_LIVER": (
        "肝移植，限定条件支付",
        "A liver transplant is covered only under conditions",
    ),
    "INVALID_ADMIT_DX": ("入院诊断编码无效", "The admission diagnosis is not a valid code"),
    "INVALID_AGE": ("年龄无效", "The age is not valid"),
    "INVALID_SEX": ("性别无效", "The sex is not valid"),
    "INVALID_DISCHARGE_STATUS": (
        "离院方式无效或缺失",
        "The discharge status is missing or not valid",
    ),
    "LIMITED_COVERAGE_KIDNEY": (
        "肾移植，限定条件支付",
        "A kidney transplant is covered only under conditions",
    ),
    "LIMITED_COVERAGE_PANCREAS": (
        "胰腺移植，限定条件支付",
        "A pancreas transplant is covered only under conditions",
    ),
    "TYPE_OF_AGE_CONFLICT": ("年龄不符的类别", "The kind of age conflict"),
    "INVALID_POA": (
        "入院病情标识无效",
        "A present-on-admission indicator is not valid",
    ),
    "LIMITED_COVERAGE_ARTIFICIAL_HEART": (
        "人工心脏，限定条件支付",
        "An artificial heart is covered only under conditions",
    ),
    "WRONG_PROCEDURE_PERFORMED": (
        "诊断表明做错了手术",
        "A diagnosis says that a wrong procedure was performed",
    ),
    "INCONSISTENT_WITH_LENGTH_OF_STAY": (
        "手术操作与住院天数不符",
        "A procedure does not fit the length of stay",
    ),
    "UNSPECIFIED": ("诊断未指明部位或侧别", "A diagnosis leaves the side or site unspecified"),
}
"""The edits of the Medicare Code Editor in our own words, by the name that the editor gives them."""

EXCLUDED_BY: Final[dict[str, tuple[str, str]]] = {
    "principal_diagnosis": ("被主要诊断排除", "The principal diagnosis excludes it."),
    "death": ("患者死亡时不计", "It does not count when the patient died."),
    "drg_logic": ("该组的规则不计此并发症", "The rules of the group leave it out."),
}
"""Why a secondary diagnosis did not count; ``hac_07`` is hospital-acquired condition 7."""
