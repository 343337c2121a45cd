"""What travels about patients in hospital: order events in, decisions and suggestions out.

An order event says what happened to one open stay: admitted, ordered, changed, stopped,
carried out, charged, discharged. It is an envelope (``ORDER_EVENTS``) with fragments of
the canonical claim, so that every field has one meaning in both. The words of a status
are FHIR's (``ServiceRequest.status``); docs/orders.md maps the messages of HL7 v2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from domain.claim import CHARGES, COVERAGES, DIAGNOSES, ICU_STAYS, ID, ORDERS, PROCEDURES, STAYS
from domain.results import Severity
from domain.schema import Field, Kind, Privacy, Table

T, C, INT, AT = Kind.TEXT, Kind.CODE, Kind.INTEGER, Kind.INSTANT

EVENT_KIND: Final[dict[str, tuple[str, str]]] = {
    "stay": ("入院与信息更新", "Admission, or new facts of the stay"),
    "orders": ("新开或修改医嘱", "New or changed orders, each in full"),
    "order-status": ("医嘱状态变更", "Orders held, resumed, stopped, revoked or carried out"),
    "charges": ("费用记账", "Charge lines posted"),
    "discharge": ("出院", "The patient left"),
    "reopen": ("撤销出院或撤销作废", "A discharge or a void is taken back"),
    "void": ("作废", "The stay was entered in error"),
}
"""Kinds of order events: code -> (Chinese, English)."""

# fmt: off
ORDER_EVENTS = Table(
    "order_events", "医嘱事件", "The envelope of one event of a patient in hospital.",
    key=("event_id",),
    fields=(
        Field("event_id", T, "事件ID", "Identifier of the event: the same event sent again has the same.",
              fhir="MessageHeader.id", required=True, max_length=64, pattern=ID),
        Field("kind", C, "事件类型", "What happened; it says which other members the event has.",
              fhir="MessageHeader.eventCoding", required=True, codes=EVENT_KIND),
        Field("event_time", AT, "事件时间", "Instant at which it happened in the hospital.",
              fhir="MessageHeader.meta.lastUpdated", required=True),
        Field("sequence", INT, "序号", "Rises with each event of the stay; gaps are allowed. What has the higher number counts.",
              required=True, minimum=0),
        Field("stay_id", T, "结算ID", "The stay, with the identifier that its claim will have.",
              cn="setl_id", fhir="Encounter.identifier", required=True, max_length=64, pattern=ID),
        Field("provider_id", T, "定点医药机构编号", "The hospital.",
              cn="fixmedins_code", fhir="Encounter.serviceProvider", required=True, max_length=64, pattern=ID),
        Field("patient_id", T, "人员编号", "The insured person; a pseudonym takes its place at intake.",
              cn="psn_no", fhir="Encounter.subject", required=True, max_length=128, privacy=Privacy.PSEUDONYM),
        Field("time_zone", C, "时区", "IANA time zone in which the dates are calendar dates.",
              required=True, max_length=40, pattern=STAYS["time_zone"].pattern),
    ),
)
"""The fields that every order event has."""

ORDER_DECISIONS = Table(
    "order_decisions", "在院判定",
    "What a check found on a patient in hospital: what was told, when, and from what.",
    key=("decision_id",),
    fields=(
        Field("decision_id", T, "判定ID", "Derived from stay, check, subject, what was found, and how often it came back.", required=True),
        Field("stay_id", T, "结算ID", "The stay.", required=True),
        Field("patient_id", T, "人员编号", "Pseudonym of the patient.", required=True),
        Field("provider_id", T, "定点医药机构编号", "The hospital.", required=True),
        Field("physician_id", T, "医师代码", "Who ordered; of a finding on the stay, who is responsible for it."),
        Field("department", T, "科室", "Department that ordered, else that of admission."),
        Field("rule_id", C, "规则编号", "The check.", required=True),
        Field("rule_sha256", T, "规则摘要", "Digest of the rule file.", required=True),
        Field("rules_sha256", T, "规则集摘要", "Digest of the rule set.", required=True),
        Field("pack_sha256", T, "付费包摘要", "Digest of the schemes and curves.", required=True),
        Field("state_sha256", T, "状态摘要", "Digest of the stay so far, as judged.", required=True),
        Field("unit", C, "判定对象", "order or stay.", required=True),
        Field("subject_id", T, "对象ID", "The order or stay judged.", required=True),
        Field("severity", C, "严重程度", "Severity of the check.", required=True,
              codes={str(s): (str(s), str(s)) for s in Severity}),
        Field("cause", C, "原因归类", "Hits of one cause on one subject are one problem.", required=True),
        Field("thresholds", T, "阈值", "Bound parameters as a JSON object: name -> {value, unit}.", required=True),
        Field("facts", T, "事实", "Facts that the predicate read as a JSON object: name -> value.", required=True),
        Field("finding_zh", T, "发现", "What was found, in Chinese.", required=True),
        Field("finding_en", T, "发现(英文)", "What was found, in English.", required=True),
        Field("occurrence", INT, "第几次", "1 for the first time, higher where the same was cleared and came back.", required=True, minimum=1),
        Field("told", Kind.FLAG, "是否提示", "Whether a suggestion went out; nothing is told of an order already carried out.", required=True),
        Field("event_id", T, "触发事件", "The last event of the stay when it was judged.", required=True),
        Field("judged_as_of", AT, "判定时点", "The latest event time of the stay when it was judged.", required=True),
        Field("cleared_by", T, "消除事件", "The event after which the check no longer hit."),
        Field("suggestion_id", T, "建议ID", "The suggestion that told it."),
    ),
)
"""One row for each finding on a patient in hospital."""
# fmt: on

INDICATOR: Final[dict[str, tuple[str, str]]] = {
    "info": ("提示", "Information"),
    "warning": ("警示", "Warning"),
}
"""How loud a suggestion is (CDS Hooks ``card.indicator``); never ``critical``: no check of payment stops care."""

STATUS_FIELDS: Final = ("order_id", "status", "stop_time", "executed_time")
"""The fields that an ``order-status`` event may set."""
DISCHARGE_FIELDS: Final = (
    "discharge_date",
    "discharge_time",
    "discharge_way",
    "discharge_department",
)
"""The fields that a ``discharge`` event may set."""
SETTLED_FIELDS: Final = (
    "length_of_stay_days", "billed_group_code", "total_amount_fen", "fund_payment_fen",
    "self_pay_in_scope_fen", "self_pay_out_of_scope_fen", "account_payment_fen",
    "cash_payment_fen", "deductible_fen", "settlement_start_date", "settlement_end_date",
    "filed_time", "invoice_number",
)  # fmt: skip
"""What only the claim says; the cost so far is added up from the charge lines."""
HEAD_FIELDS: Final = tuple(
    f.name
    for f in STAYS.fields
    if f.name not in ("stay_id", "claim_version", *DISCHARGE_FIELDS, *SETTLED_FIELDS)
    and f.name not in {e.name for e in ORDER_EVENTS.fields}
)
"""The fields of the ``stay`` member: the claim's head without what the envelope says already."""

MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "stay": ("stay", "diagnoses", "procedures", "icu_stays", "coverages"),
    "orders": ("orders",),
    "order-status": ("order_status",),
    "charges": ("charges",),
    "discharge": ("discharge",),
    "reopen": (),
    "void": (),
}
"""Kind of event -> its members; the first is required, the others may be left out."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an event: the claim table of its rows, which fields, which must be there."""

    table: Table
    fields: tuple[str, ...]
    required: tuple[str, ...]
    listed: bool

    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of the member."""
        one = {
            "type": "object",
            "description": self.table.meaning,
            "properties": {name: self.table[name].json_schema() for name in self.fields},
            "required": list(self.required),
            "additionalProperties": False,
        }
        return {"type": "array", "items": one} if self.listed else one


def _rows(table: Table) -> Member:
    own = tuple(f for f in table.fields if f.name != "stay_id")
    # The day of a line follows from its instant, as in a claim.
    required = tuple(f.name for f in own if f.required and f.name != "charge_date")
    return Member(table, tuple(f.name for f in own), required, listed=True)


MEMBER: Final[Mapping[str, Member]] = {
    "stay": Member(
        STAYS,
        HEAD_FIELDS,
        tuple(n for n in HEAD_FIELDS if STAYS[n].required and n != "admission_date"),
        listed=False,
    ),
    "diagnoses": _rows(DIAGNOSES),
    "procedures": _rows(PROCEDURES),
    "icu_stays": _rows(ICU_STAYS),
    "coverages": _rows(COVERAGES),
    "orders": _rows(ORDERS),
    "charges": _rows(CHARGES),
    "order_status": Member(ORDERS, STATUS_FIELDS, ("order_id", "status"), listed=True),
    "discharge": Member(STAYS, DISCHARGE_FIELDS, (), listed=False),
}
"""Every member by name."""


def event_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of an order event, version 1 of topic ``orders``."""
    envelope = {f.name: f.json_schema() for f in ORDER_EVENTS.fields}
    return {
        "type": "object",
        "title": ORDER_EVENTS.name,
        "description": ORDER_EVENTS.meaning,
        "properties": envelope | {name: m.json_schema() for name, m in MEMBER.items()},
        "required": [f.name for f in ORDER_EVENTS.fields],
        "additionalProperties": False,
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": kind}}},
                "then": {
                    "required": list(names[:1]),
                    "properties": {n: False for n in MEMBER if n not in names},
                },
            }
            for kind, names in MEMBERS.items()
        ],
    }


def suggestion_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a plan suggestion, version 1 of topic ``plan-suggestions``."""
    text = {"type": "string", "minLength": 1}
    both = _object({"zh": text, "en": text})
    short = {"type": "string", "minLength": 1, "maxLength": SUMMARY_LENGTH}
    maybe = {"type": ["string", "null"]}
    evidence = _object(
        {
            "decision_id": text,
            "rule_id": text,
            "rule_sha256": text,
            "severity": {"enum": [str(s) for s in Severity]},
            "finding": both,
            "facts": {"type": "object"},
            "thresholds": {"type": "object"},
        }
    )
    change = _object(
        {
            "kind": {"enum": list(CHANGE_KIND)},
            "order_id": maybe,
            "item_code": maybe,
            "at": {"type": ["string", "null"], "format": "date-time"},
            "text": both,
            "condition": both,
            "before": {"const": "hit"},
            "after": {"const": "pass"},
        }
    )
    return _object(
        {
            "suggestion_id": text,
            "stay_id": text,
            "patient_id": text,
            "provider_id": text,
            "physician_id": maybe,
            "department": maybe,
            "subject": {"enum": ["order", "stay"]},
            "subject_id": text,
            "cause": text,
            "indicator": {"enum": list(INDICATOR)},
            "summary": _object({"zh": short, "en": short}),
            "detail": both,
            "action": both,
            "evidence": {"type": "array", "items": evidence, "minItems": 1},
            "changes": {"type": "array", "items": change},
            "drivers": {"type": "array", "items": _object({
                "category": text, "name": both, "amount_fen": {"type": "integer"},
            })},
            "rules_sha256": text,
            "pack_sha256": text,
            "state_sha256": text,
            "event_id": text,
            "judged_as_of": {"type": "string", "format": "date-time"},
        }
    ) | {"title": "plan_suggestion", "description": "What a physician may do about a finding."}  # fmt: skip


SUMMARY_LENGTH: Final = 139
"""Characters of a summary at most: CDS Hooks asks for fewer than 140."""

CHANGE_KIND: Final[dict[str, tuple[str, str]]] = {
    "stop_earlier": ("停用较早的重复医嘱", "Stop the earlier of two orders of one drug or class"),
    "withdraw_repeat": (
        "撤销重复的新医嘱",
        "Withdraw the later of two orders of one drug or class",
    ),
    "order_evidence": (
        "补开所需检查、筛查或会诊",
        "Order the test, screening or consultation that is asked for",
    ),
    "wait_interval": ("待间隔期满后执行", "Carry it out when the interval is over"),
    "correct_slip": ("更正误录的医嘱", "Take back an order entered by mistake"),
}
"""The changes that a suggestion may propose; there is none that adds a diagnosis or a procedure."""


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
