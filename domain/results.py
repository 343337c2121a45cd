"""What an assessment yields: verdicts, hits, scores, reasons, decisions, alerts.

Everything is a table with a fixed schema, so that a file, a database transaction and
an HTTP answer hold the same thing. Identifiers are hashes of what they identify:
writing the same batch twice writes the same rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from enum import IntEnum, StrEnum

import pyarrow as pa

from domain.schema import Field, Kind, Table


class Verdict(IntEnum):
    """How one check judged one stay, as stored in an int8 column."""

    PASS = 0
    HIT = 1
    UNKNOWN = 2
    """The predicate was NULL: data that it needs is missing."""
    OUT_OF_FORCE = 3
    """The check has no version in force on the date of service."""

    @property
    def letter(self) -> str:
        """One letter, used in ``decisions.verdicts``: P, H, U or O."""
        return "PHUO"[self]


class Severity(StrEnum):
    """How bad a hit is, in rising order of ``rank``."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info up to 4 for critical."""
        return list(Severity).index(self)


def identifier(*parts: str) -> str:
    """A stable identifier: the first 32 hex digits of the SHA-256 of the parts."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


T, C, INT, M, N = Kind.TEXT, Kind.CODE, Kind.INTEGER, Kind.MONEY, Kind.NUMBER
_SEVERITIES = {str(s): (str(s), str(s)) for s in Severity}
_DECISION = Field("decision_id", T, "决定ID", "The decision.", required=True)
_SCORE = Field("score_id", T, "评分ID", "The score.", required=True)

# fmt: off
DECISIONS = Table(
    "decisions", "决定", "The judgement of one version of one claim by one set of checks and one model.",
    key=("decision_id",),
    fields=(
        _DECISION,
        Field("stay_id", T, "结算ID", "The claim judged.", required=True),
        Field("claim_version", INT, "版本号", "Its version.", required=True),
        Field("patient_id", T, "人员编号", "Pseudonym of the patient.", required=True),
        Field("provider_id", T, "定点医药机构编号", "The hospital.", required=True),
        Field("attending_physician_id", T, "主诊医师代码", "The physician responsible."),
        Field("department", T, "科室", "Department at discharge, else at admission."),
        Field("claim_type", C, "医疗类别", "Inpatient or outpatient.", required=True),
        Field("region_code", C, "医保区划", "Place of care."),
        Field("currency", C, "币种", "Currency of the amounts.", required=True),
        Field("admission_date", Kind.DATE, "入院日期", "Admission.", required=True),
        Field("discharge_date", Kind.DATE, "出院日期", "Discharge."),
        Field("total_amount_fen", M, "医疗费总额", "Total charges."),
        Field("fund_payment_fen", M, "基金支付", "Paid by the fund."),
        Field("verdicts", T, "判定", "One letter a check (P, H, U, O) in the order of the rule set's ids.", required=True),
        Field("hit_count", INT, "命中数", "Checks that hit.", required=True),
        Field("unknown_count", INT, "无法判定数", "Checks that could not judge.", required=True),
        Field("severity", C, "严重程度", "The worst severity among the hits.", codes=_SEVERITIES),
        Field("exposure_fen", M, "涉及金额", "Money at risk; hits of one cause count once (the largest).", required=True),
        Field("score_id", T, "评分ID", "The fraud score, if there is one."),
        Field("score", N, "欺诈概率", "Calibrated probability, 0 to 1.", minimum=0, maximum=1),
        Field("score_absent", T, "无评分原因", "Why there is no score."),
        Field("input_sha256", T, "输入摘要", "Digest of the claim as accepted.", required=True),
        Field("rules_sha256", T, "规则集摘要", "Digest of the rule set.", required=True),
        Field("pack_sha256", T, "付费包摘要", "Digest of the payment pack."),
        Field("model_sha256", T, "模型摘要", "Digest of the model, if one scored."),
    ),
)
HITS = Table(
    "hits", "命中", "One check that found something on one subject of one stay.",
    key=("decision_id", "rule_id", "subject_id"),
    fields=(
        _DECISION,
        Field("stay_id", T, "结算ID", "The claim.", required=True),
        Field("rule_id", C, "规则编号", "The check, such as ADM-003.", required=True),
        Field("rule_sha256", T, "规则摘要", "Digest of the rule file.", required=True),
        Field("unit", C, "判定对象", "What the check judges: stay, diagnosis, procedure, charge, order, ...", required=True),
        Field("subject_id", T, "对象ID", "The stay, line, order or code judged.", required=True),
        Field("severity", C, "严重程度", "Severity of the check.", required=True, codes=_SEVERITIES),
        Field("cause", C, "原因归类", "Hits of one cause on one stay are one problem.", required=True),
        Field("exposure_fen", M, "涉及金额", "Money at risk if the hit is true; empty if unknown."),
        Field("thresholds", T, "阈值", "Bound parameters as a JSON object: name -> {value, unit}.", required=True),
        Field("facts", T, "事实", "Facts that the predicate read as a JSON object: name -> value.", required=True),
        Field("finding_zh", T, "发现", "What was found, in Chinese.", required=True),
        Field("finding_en", T, "发现(英文)", "What was found, in English.", required=True),
    ),
)
SCORES = Table(
    "scores", "评分", "A model's fraud probability for one subject with what it is made of.",
    key=("score_id",),
    fields=(
        _SCORE,
        Field("level", C, "层级", "provider (later: claim, physician, ring).", required=True),
        Field("subject_id", T, "对象ID", "The provider.", required=True),
        Field("upto", Kind.DATE, "截至日期", "Only claims before this day were used.", required=True),
        Field("model_sha256", T, "模型摘要", "Digest of the model.", required=True),
        Field("score", N, "欺诈概率", "Calibrated probability.", required=True, minimum=0, maximum=1),
        Field("base_value", N, "基准值", "Expected score before any feature is known.", required=True),
        Field("contributions", T, "特征贡献",
              "JSON array of {feature, name_zh, name_en, unit, value, shap}; base_value plus all shap is score within 1e-6.",
              required=True),
    ),
)
REASONS = Table(
    "reasons", "原因", "At most four reasons for a score, strongest first.",
    key=("score_id", "rank"),
    fields=(
        _SCORE,
        Field("rank", INT, "次序", "1 to 4.", required=True, minimum=1, maximum=4),
        Field("code", C, "原因代码", "Stable reason code.", required=True),
        Field("name_zh", T, "原因", "Reason in Chinese.", required=True),
        Field("name_en", T, "原因(英文)", "Reason in English.", required=True),
        Field("value", N, "数值", "The subject's value."),
        Field("unit", T, "单位", "Unit of the value."),
        Field("peer_median", N, "同类中位数", "Median among peers."),
        Field("peer_percentile", N, "同类百分位", "Share of peers at or below the value, 0 to 100."),
        Field("shap", N, "贡献", "Contribution to the score.", required=True),
    ),
)
ALERTS = Table(
    "alerts", "告警", "A decision that a person should look at.",
    key=("alert_id",),
    fields=(
        Field("alert_id", T, "告警ID", "Derived from the decision.", required=True),
        _DECISION,
        Field("stay_id", T, "结算ID", "The claim.", required=True),
        Field("provider_id", T, "定点医药机构编号", "The hospital.", required=True),
        Field("severity", C, "严重程度", "The worst severity among the hits; info if only the score spoke.",
              required=True, codes=_SEVERITIES),
        Field("priority", N, "优先级", "Order of work, higher first; docs/alerts.md says how it is made.", required=True),
        Field("exposure_fen", M, "涉及金额", "Money at risk.", required=True),
        Field("currency", C, "币种", "Currency of the exposure.", required=True),
        Field("score", N, "欺诈概率", "Fraud score, if any.", minimum=0, maximum=1),
        Field("rule_ids", T, "命中规则", "Checks that hit, joined by a space, worst first.", required=True),
        Field("admission_date", Kind.DATE, "入院日期", "Admission.", required=True),
        Field("title_zh", T, "标题", "First line in Chinese.", required=True),
        Field("title_en", T, "标题(英文)", "First line in English.", required=True),
    ),
)
FINDINGS = Table(
    "findings", "聚合发现", "What a check of many stays found: on a hospital's month or a physician's day.",
    key=("finding_id",),
    fields=(
        Field("finding_id", T, "发现ID", "Derived from check, unit and subject: judged again, the row is replaced.", required=True),
        Field("unit", C, "判定对象", "provider_month or physician_day.", required=True),
        Field("subject_id", T, "对象ID", "Hospital or physician, a bar, and the month or day.", required=True),
        Field("provider_id", T, "定点医药机构编号", "The hospital; of a physician's day that with most of what was done.", required=True),
        Field("physician_id", T, "医师代码", "The physician of a physician's day."),
        Field("period_start", Kind.DATE, "开始日期", "First day.", required=True),
        Field("period_end", Kind.DATE, "结束日期", "Last day.", required=True),
        Field("upto", Kind.DATE, "截至日期", "Only claims that ended before this day were used.", required=True),
        Field("region_code", C, "医保区划", "Place of care."),
        Field("currency", C, "币种", "Currency of the amounts.", required=True),
        Field("stay_count", INT, "涉及结算数", "Claims behind the period.", required=True),
        Field("rule_id", C, "规则编号", "The check, such as GRP-023.", required=True),
        Field("rule_sha256", T, "规则摘要", "Digest of the rule file.", required=True),
        Field("rules_sha256", T, "规则集摘要", "Digest of the rule set.", required=True),
        Field("severity", C, "严重程度", "Severity of the check.", required=True, codes=_SEVERITIES),
        Field("cause", C, "原因归类", "Findings of one cause are one problem.", required=True),
        Field("exposure_fen", M, "涉及金额", "Money at risk if the finding is true; empty if unknown."),
        Field("thresholds", T, "阈值", "Bound parameters as a JSON object: name -> {value, unit}.", required=True),
        Field("facts", T, "事实", "Facts that the predicate read as a JSON object: name -> value.", required=True),
        Field("finding_zh", T, "发现", "What was found, in Chinese.", required=True),
        Field("finding_en", T, "发现(英文)", "What was found, in English.", required=True),
        Field("title_zh", T, "标题", "Name of the check in Chinese.", required=True),
        Field("title_en", T, "标题(英文)", "Name of the check in English.", required=True),
    ),
)
MEASURES = Table(
    "measures", "病例指标", "What one inpatient stay measured when it was decided: what the indicators are counted from.",
    key=("decision_id",),
    fields=(
        _DECISION,
        Field("stay_id", T, "结算ID", "The claim.", required=True),
        Field("provider_id", T, "定点医药机构编号", "The hospital.", required=True),
        Field("department", T, "科室", "Department at discharge, else at admission."),
        Field("attending_physician_id", T, "主诊医师代码", "The physician responsible."),
        Field("currency", C, "币种", "Currency of the amounts.", required=True),
        Field("admission_date", Kind.DATE, "入院日期", "Admission.", required=True),
        Field("discharge_date", Kind.DATE, "出院日期", "Discharge; empty while in hospital, and then no indicator counts the stay."),
        Field("scheme_code", C, "分组方案", "The scheme that grouped it."),
        Field("group_status", C, "分组状态", "grouped, ambiguous, ungroupable, invalid, unknown_code or not_grouped.", required=True,
              codes={"grouped": ("已入组", "grouped"), "ambiguous": ("歧义", "ambiguous"), "ungroupable": ("无法入组", "ungroupable"),
                     "invalid": ("数据不全", "invalid"), "unknown_code": ("编码未知", "unknown code"),
                     "not_grouped": ("未分组", "not grouped")}),
        Field("group_code", C, "病组", "The group that pays: the grouper's, or where it cannot answer the billed one."),
        Field("grouped", Kind.FLAG, "是否入组", "The stay has a group that pays, neither ambiguous (QY) nor ungroupable (0000).", required=True),
        Field("weight_e4", INT, "病组权重(万分之一)", "Weight of the group in ten-thousandths."),
        Field("payment_case", C, "支付情形", "standard, high_outlier, low_outlier, day_rate or not_paid; empty without a price."),
        Field("payment_standard_fen", M, "支付标准", "Payment standard of the group."),
        Field("payment_fen", M, "病组应付金额", "What the group pays for the stay by the region's terms."),
        Field("balance_fen", M, "结余", "That payment less the total of the claim."),
        Field("total_amount_fen", M, "医疗费总额", "Total charges."),
        Field("stay_days", INT, "住院天数", "Discharge minus admission, at least one.", unit="day"),
        Field("drug_fen", M, "药品费用", "Western drugs, herbal pieces and patent drugs; empty without charge lines."),
        Field("consumable_fen", M, "医用耗材费用", "Materials and implants; empty without charge lines."),
        Field("over_standard", Kind.FLAG, "超支付标准", "The total is above the payment standard; empty if one of the two is not known."),
        Field("readmitted", Kind.FLAG, "15日内再入院",
              "The stay began within 15 days after the patient's stay before it at the same hospital, with neither transfer nor plan stated; "
              "empty if that stay's discharge is not known."),
        Field("died", Kind.FLAG, "死亡", "The patient died in hospital; empty if the way of discharge is not stated."),
    ),
)
_SHADOW = Field("shadow_id", T, "影子判定ID", "Derived from decision, shadow checks and what they found.", required=True)
SHADOW_DECISIONS = Table(
    "shadow_decisions", "影子判定", "What the checks on trial (status shadow) said of a claim, beside its decision; it raises no alert.",
    key=("shadow_id",),
    fields=(
        _SHADOW,
        _DECISION,
        Field("stay_id", T, "结算ID", "The claim.", required=True),
        Field("rules_sha256", T, "规则集摘要", "Digest of the shadow checks.", required=True),
        Field("verdicts", T, "判定", "One letter a check (P, H, U, O) in the order of the shadow checks' ids.", required=True),
        Field("hit_count", INT, "命中数", "Shadow checks that hit.", required=True),
        Field("unknown_count", INT, "无法判定数", "Shadow checks that could not judge.", required=True),
        Field("exposure_fen", M, "涉及金额", "Money at risk by these hits alone; it adds to no decision's.", required=True),
    ),
)
SHADOW_HITS = Table(
    "shadow_hits", "影子命中", "One check on trial that found something on one subject of one stay.",
    key=("shadow_id", "rule_id", "subject_id"),
    fields=(_SHADOW, *HITS.fields[1:]),
)
SHADOW_FINDINGS = Table(
    "shadow_findings", "影子聚合发现", "What a check of many stays on trial found; no finding to act on.",
    key=FINDINGS.key,
    fields=FINDINGS.fields,
)
SHADOW_SCORES = Table(
    "shadow_scores", "影子评分", "What a model on trial (the challenger) scored, beside the champion's scores; it decides nothing.",
    key=SCORES.key,
    fields=SCORES.fields,
)
# fmt: on

RESULT_TABLES = (
    DECISIONS, HITS, SCORES, REASONS, ALERTS, FINDINGS, SHADOW_DECISIONS, SHADOW_HITS, SHADOW_FINDINGS,
    SHADOW_SCORES, MEASURES,
)  # fmt: skip
"""All tables of a result."""


@dataclass(frozen=True, slots=True)
class Results:
    """The outcome of one batch, each table with its ``domain`` schema."""

    decisions: pa.Table
    hits: pa.Table
    scores: pa.Table
    reasons: pa.Table
    alerts: pa.Table
    findings: pa.Table = field(default_factory=FINDINGS.arrow.empty_table)
    """Of the whole input, not of a stay; empty where only single claims were judged."""
    shadow_decisions: pa.Table = field(default_factory=SHADOW_DECISIONS.arrow.empty_table)
    """What checks on trial said; empty where none is."""
    shadow_hits: pa.Table = field(default_factory=SHADOW_HITS.arrow.empty_table)
    shadow_findings: pa.Table = field(default_factory=SHADOW_FINDINGS.arrow.empty_table)
    shadow_scores: pa.Table = field(default_factory=SHADOW_SCORES.arrow.empty_table)
    """What a challenger scored; empty where none is."""
    measures: pa.Table = field(default_factory=MEASURES.arrow.empty_table)
    """Of inpatient stays; empty where nobody measured."""

    def items(self) -> Iterator[tuple[str, pa.Table]]:
        """Name and table, in an order in which they can be inserted."""
        for f in fields(self):
            yield f.name, getattr(self, f.name)
