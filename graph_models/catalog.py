"""Every feature's name, unit and reason code, in Chinese and English."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass

EXTRA = "extra:"
"""Prefix of a feature that comes from a provider table given beside the claims."""
CHECK = "check:"
"""Prefix of a feature that is the hit rate of one check."""
GNN = "gnn:score"
"""The graph network's probability, a feature of the head."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the provider table.

    ``reason`` groups features that tell a person the same thing: a list of reasons
    names each group once.
    """

    name: str
    zh: str
    en: str
    unit: str
    reason: str

    def record(self) -> dict[str, str]:
        """The feature as a plain mapping, for the manifest."""
        return asdict(self)


def _rows(reason: str, *rows: tuple[str, str, str, str]) -> list[Feature]:
    return [Feature(name, zh, en, unit, reason) for name, zh, en, unit in rows]


# fmt: off
CLAIM_FEATURES: tuple[Feature, ...] = (
    *_rows("VOL",
        ("claims", "结算单数", "Claims", "claim"),
        ("claims_inpatient", "住院结算单数", "Inpatient claims", "claim"),
        ("claims_outpatient", "门诊结算单数", "Outpatient claims", "claim"),
        ("claims_per_month", "有业务月份的月均结算单数", "Claims per month with any claim", "claim/month"),
        ("busiest_month_share", "最忙月份占比", "Share of claims in the busiest month", "share")),
    *_rows("PAT",
        ("patients", "患者数", "Patients", "patient"),
        ("claims_per_patient", "人均结算单数", "Claims per patient", "claim/patient"),
        ("repeat_patient_share", "重复就诊患者占比", "Share of patients with more than one claim", "share"),
        ("claims_of_top_patient", "单一患者最多结算单数", "Most claims of one patient", "claim")),
    *_rows("PHY",
        ("physicians", "医师数", "Physicians", "physician"),
        ("attending_physicians", "主诊医师数", "Attending physicians", "physician"),
        ("claims_per_attending", "每名主诊医师结算单数", "Claims per attending physician", "claim/physician"),
        ("operating_share", "有手术医师的结算单占比", "Share of claims that name an operating physician", "share"),
        ("other_physician_share", "有其他医师的结算单占比", "Share of claims that name another physician", "share")),
    *_rows("CON",
        ("top_attending_share", "首位主诊医师占比", "Share of claims of the busiest attending physician", "share"),
        ("attending_concentration", "主诊医师集中度", "Concentration of attending physicians (Herfindahl)", "index")),
    *_rows("PAY",
        ("payment_total", "基金支付总额", "Total paid by the fund", "currency"),
        ("payment_mean", "次均基金支付", "Mean payment a claim", "currency"),
        ("payment_median", "基金支付中位数", "Median payment a claim", "currency"),
        ("payment_p90", "基金支付第90百分位", "90th percentile of payments", "currency"),
        ("payment_spread", "基金支付变异系数", "Spread of payments (coefficient of variation)", "ratio"),
        ("payment_per_day", "住院日均基金支付", "Payment per inpatient day", "currency/day"),
        ("charges_mean", "次均总费用", "Mean total charges a claim", "currency")),
    *_rows("MAX",
        ("payment_max", "最高单次基金支付", "Highest single payment", "currency"),
        ("payment_over_group_share", "远高于同类诊断支付的占比",
         "Share of inpatient payments above twice the median of the same principal diagnosis", "share")),
    *_rows("DED", ("deductible_mean", "次均起付线", "Mean deductible a claim", "currency")),
    *_rows("SLF", ("patient_paid_share", "个人负担占比", "Share of charges paid by patients", "share")),
    *_rows("LOS",
        ("stay_days_mean", "平均住院日", "Mean length of stay", "day"),
        ("stay_days_median", "住院日中位数", "Median length of stay", "day"),
        ("stay_days_p90", "住院日第90百分位", "90th percentile of length of stay", "day"),
        ("stay_days_max", "最长住院日", "Longest stay", "day"),
        ("stay_days_total", "住院总床日", "Inpatient days in total", "day"),
        ("short_stay_share", "一日内住院占比", "Share of stays of at most one day", "share")),
    *_rows("COD",
        ("diagnoses_per_claim", "次均诊断数", "Diagnoses per claim", "code/claim"),
        ("procedures_per_claim", "次均手术操作数", "Procedures per claim", "code/claim")),
    *_rows("DIV",
        ("distinct_diagnoses", "不同诊断编码数", "Distinct diagnosis codes", "code"),
        ("distinct_principal", "不同主诊断数", "Distinct principal diagnoses", "code"),
        ("diagnosis_diversity", "诊断编码多样性", "Diversity of diagnosis codes (entropy)", "nat"),
        ("top_principal_share", "首位主诊断占比", "Share of the commonest principal diagnosis", "share"),
        ("rare_diagnosis_share", "罕见诊断编码占比", "Share of diagnosis codes seen at most five times in all claims", "share"),
        ("top_group_share", "首位病组占比", "Share of the commonest billed group", "share")),
    *_rows("DUP",
        ("repeated_vector_share", "诊断与手术组合重复占比", "Share of claims whose codes equal those of another claim", "share"),
        ("repeated_payment_share", "同诊断同金额重复占比",
         "Share of claims with the same principal diagnosis and payment as another claim of the provider", "share")),
    *_rows("REA",
        ("readmission_share", "30日内再住院占比", "Share of stays within 30 days of a prior discharge", "share"),
        ("return_share", "30日内返回本院占比", "Share of stays within 30 days of a discharge from the same provider", "share"),
        ("overlap_share", "住院时间重叠占比", "Share of stays that overlap another stay of the patient", "share")),
    *_rows("MIX",
        ("patient_age_mean", "患者平均年龄", "Mean age of patients", "year"),
        ("aged_share", "85岁及以上占比", "Share of claims of patients aged 85 or over", "share"),
        ("inpatient_share", "住院结算单占比", "Share of inpatient claims", "share")),
    *_rows("DEC", ("deceased_share", "已故患者占比", "Share of patients known to have died", "share")),
    *_rows("NET",
        ("shared_patient_share", "与其他机构共享患者占比", "Share of patients also seen at another provider", "share"),
        ("providers_per_patient", "患者人均机构数", "Providers per patient", "provider/patient"),
        ("partner_providers", "共享患者的机构数", "Providers that share a patient", "provider"),
        ("top_partner_share", "与单一机构共享患者最高占比", "Largest share of patients in common with one provider", "share"),
        ("shared_physician_share", "多点执业医师占比", "Share of physicians also active at another provider", "share")),
    *_rows("LIN",
        ("lines_per_claim", "次均费用明细数", "Charge lines per claim", "line/claim"),
        ("drug_share", "药品费占比", "Drugs as a share of charges", "share"),
        ("consumable_share", "耗材费占比", "Consumables as a share of charges", "share"),
        ("test_share", "检查检验费占比", "Examinations and tests as a share of charges", "share"),
        ("orders_per_claim", "次均医嘱数", "Orders per claim", "order/claim")),
    *_rows("CHK",
        ("hits_per_claim", "次均检查命中数", "Hits of checks per claim", "hit/claim"),
        ("hit_claim_share", "有命中的结算单占比", "Share of claims with a hit", "share")),
)
# fmt: on

GNN_FEATURE = Feature(GNN, "关系网络风险", "Risk seen by the graph network", "probability", "GNN")
"""What the graph network says, as the head and the reasons see it."""

_BY_NAME = {f.name: f for f in (*CLAIM_FEATURES, GNN_FEATURE)}

# Words of column names of provider tables, for readable names: token -> (zh, en).
_WORDS: dict[str, tuple[str, str]] = {
    "mean": ("平均", "mean"), "avg": ("平均", "mean"), "max": ("最高", "highest"), "min": ("最低", "lowest"),
    "median": ("中位", "median"), "total": ("合计", "total"), "sum": ("合计", "total"), "frac": ("占比", "share"),
    "share": ("占比", "share"), "uniq": ("不同", "distinct"), "unique": ("不同", "distinct"),
    "count": ("数", "count"), "counts": ("数", "count"), "numbers": ("数量", "number"), "num": ("数量", "number"),
    "insc": ("保险", "insurance"), "claim": ("结算单", "claim"), "claims": ("结算单", "claims"), "clms": ("结算单", "claims"),
    "amt": ("金额", "amount"), "reimbursed": ("报销", "reimbursed"), "reimbursement": ("报销", "reimbursement"),
    "deductible": ("起付线", "deductible"), "paid": ("已付", "paid"), "month": ("月", "months"),
    "part": ("部分", "part"), "cov": ("覆盖", "coverage"), "op": ("门诊", "outpatient"), "ip": ("住院", "inpatient"),
    "annual": ("年度", "annual"), "periods": ("时长", "period"), "hospital": ("住院", "hospital"), "days": ("天数", "days"),
    "diag": ("诊断", "diagnosis"), "proc": ("手术操作", "procedure"), "code": ("编码", "code"), "per": ("每", "per"),
    "high": ("高", "high"), "medium": ("中", "medium"), "low": ("低", "low"), "rare": ("罕见", "rare"),
    "freq": ("频", "frequency"), "chronic": ("慢性", "chronic"), "cond": ("病", "condition"),
    "alzheimer": ("阿尔茨海默病", "Alzheimer's disease"), "heartfailure": ("心力衰竭", "heart failure"),
    "kidney": ("肾脏", "kidney"), "disease": ("疾病", "disease"), "cancer": ("癌症", "cancer"),
    "obstr": ("阻塞性", "obstructive"), "pulmonary": ("肺病", "pulmonary"), "depression": ("抑郁", "depression"),
    "diabetes": ("糖尿病", "diabetes"), "ischemic": ("缺血性", "ischaemic"), "heart": ("心脏病", "heart"),
    "osteoporasis": ("骨质疏松", "osteoporosis"), "rheumatoidarthritis": ("类风湿关节炎", "rheumatoid arthritis"),
    "stroke": ("卒中", "stroke"), "renal": ("肾病", "renal"), "indicator": ("标志", "indicator"),
    "deceased": ("已故", "deceased"), "gender": ("性别", "sex"), "in": ("住院", "inpatient"), "out": ("门诊", "outpatient"),
    "bene": ("参保人", "beneficiary"), "patient": ("患者", "patient"), "patients": ("患者", "patients"),
    "phys": ("医师", "physician"), "physn": ("医师", "physician"), "at": ("主诊", "attending"),
    "ot": ("其他", "other"), "state": ("州", "state"), "county": ("县", "county"), "age": ("年龄", "age"),
    "other": ("其他", "other"), "operating": ("手术", "operating"),
}  # fmt: skip

# The first pattern that matches a provider table's column names its reason.
_REASONS: tuple[tuple[str, str], ...] = (
    (r"chronic|renal|disease", "CHR"),
    (r"deceas|death", "DEC"),
    (r"diag.*code|code.*diag", "COD"),
    (r"proc.*code|code.*proc", "PRC"),
    (r"annual", "ANN"),
    (r"deduct", "DED"),
    (r"max.*(reimburs|amt|amount|paid)", "MAX"),
    (r"reimburs|amt|amount|paid|payment|cost|charge", "PAY"),
    (r"days|period|stay", "LOS"),
    (r"phys|doctor", "PHY"),
    (r"bene|patient", "PAT"),
    (r"age|gender|sex|in_out", "MIX"),
    (r"state|county|region|city", "GEO"),
    (r"cov", "COV"),
    (r"claim|volume", "VOL"),
)


def describe(name: str) -> Feature:
    """The feature of that name; names of checks and extra columns are made readable here."""
    known = _BY_NAME.get(name)
    if known is not None:
        return known
    if name.startswith(CHECK):
        rule = name.removeprefix(CHECK)
        return Feature(
            name, f"检查{rule}命中率", f"Hit rate of check {rule}", "share", f"CHK-{rule}"
        )
    column = name.removeprefix(EXTRA)
    # "OPPhys" is an operating physician, "OPAnnual" an outpatient amount.
    split = column.replace("OPPhys", "OperatingPhys").replace("sper", "sPer")
    tokens = re.findall(
        r"V[0-9]+|[A-Z]{2}(?=Phys)|[A-Z]+(?![a-z])|[A-Z][a-z]*|[a-z]+|[0-9]+", split
    )
    words = [_WORDS.get(t.lower(), (t, t)) for t in tokens]
    reason = next((r for p, r in _REASONS if re.search(p, column, re.IGNORECASE)), f"X-{column}")
    unit = "share" if column.lower().endswith(("_frac", "_share")) else "as given"
    return Feature(
        name,
        "".join(zh for zh, _ in words) + "(附加表)",
        " ".join(en for _, en in words).capitalize() + " (extra table)",
        unit,
        reason,
    )
