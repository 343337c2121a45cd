"""What a plan of a patient in hospital says: cost, checks, ways to comply, questions.

A plan is plain data (as JSON knows it), money in the hundredth of the currency, texts in
Chinese and English. It proposes changes of orders and asks questions; it has no member that
could hold a diagnosis or a procedure to add. ``plan_schema`` is its JSON Schema,
docs/plans.md its manual.
"""

from __future__ import annotations

from typing import Any, Final

from domain.claim import ORDERS
from domain.results import Severity

SUGGESTION_KIND: Final[dict[str, tuple[str, str]]] = {
    "stop_earlier": ("停用较早的重复医嘱", "Stop the earlier of two orders of one drug or class"),
    "withdraw_repeat": (
        "撤销重复的新医嘱",
        "Withdraw the later of two orders of one drug or class",
    ),
    "close_expired": ("关闭已到停止时间的医嘱", "Close an order that is past its own stop"),
    "order_evidence": (
        "补开所需检查、筛查或会诊",
        "Order the test, screening or consultation that is asked for",
    ),
    "alternative": ("同适应证的可选药品", "A drug of the same indication instead"),
    "wait_interval": ("待间隔期满后执行", "Carry it out when the interval is over"),
    "correct_slip": ("更正误录的医嘱", "Take back an order entered by mistake"),
}
"""The changes that a plan may suggest; there is none that adds a diagnosis or a procedure."""

QUESTION_KIND: Final[dict[str, tuple[str, str]]] = {
    "documentation": ("病历与清单资料", "What the record or the list lacks"),
    "evidence": ("用药依据", "Grounds of a restricted drug"),
    "special_case": ("特例单议", "Filing for a special-case review"),
    "discharge": ("出院准备", "Readiness for discharge"),
}
"""What a plan asks: each is answered from the record, never by a code."""

WHEN: Final[dict[str, tuple[str, str]]] = {
    "now": ("现在", "Now"),
    "discharge": ("出院时", "At discharge"),
}
"""When a check fires."""

ACTION_TYPE: Final[dict[str, tuple[str, str]]] = {
    "stop": ("停止", "Stop"),
    "revoke": ("撤销", "Revoke"),
    "create": ("新开（草稿）", "New order, as a draft"),
    "change": ("修改", "Change"),
}
"""What an action does to an order."""

UNITS: Final = ("stay", "order", "charge", "diagnosis", "procedure")
"""What a finding of a plan may be on."""

EXPIRED: Final = "order_past_stop"
"""The plan's own verdict on an order that is past its stop and still runs; no rule stands behind it."""

_TEXT: Final = {"type": "string", "minLength": 1}
_MAYBE: Final = {"type": ["string", "null"]}
_FEN: Final = {"type": "integer"}
_MAYBE_FEN: Final = {"type": ["integer", "null"]}
_INSTANT: Final = {"type": "string", "format": "date-time"}
_MAYBE_DAY: Final = {"type": ["string", "null"], "format": "date"}
_SHARE: Final = {"type": ["number", "null"], "minimum": 0, "maximum": 1}


def plan_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a plan."""
    both = _object({"zh": _TEXT, "en": _TEXT})
    maybe_both = _or_null(both)
    basis = {
        "type": "array",
        "items": _object({"document": _TEXT, "clause": _TEXT, "unverified": {"type": "boolean"}}),
    }
    state = _object(
        {
            "verdicts": {
                "type": "object",
                "additionalProperties": {"enum": ["hit", "pass"]},
                "description": "Check -> what it says; order_past_stop is the plan's own.",
            },
            "projected_fen": _MAYBE_FEN,
        }
    )
    action = _object(
        {
            "type": {"enum": list(ACTION_TYPE)},
            "order_id": _TEXT,
            "order": {
                "type": "object",
                "description": "The order as it is to be: the fields of an order of a claim.",
                "properties": {
                    f.name: f.json_schema() for f in ORDERS.fields if f.name != "stay_id"
                },
                "required": ["order_id", "order_type", "item_code", "start_time", "status"],
                "additionalProperties": False,
            },
        }
    )
    return _object(
        {
            "stay_id": _TEXT,
            "provider_id": _TEXT,
            "patient_id": _TEXT,
            "physician_id": _MAYBE,
            "department": _MAYBE,
            "currency": _TEXT,
            "admitted_on": {"type": "string", "format": "date"},
            "judged_as_of": _INSTANT,
            "state_sha256": _TEXT,
            "rules_sha256": _TEXT,
            "pack_sha256": _TEXT,
            "group": _or_null(
                _object(
                    {
                        "status": _TEXT,
                        "group": _MAYBE,
                        "name": maybe_both,
                        "weight": _MAYBE,
                        "standard_fen": _MAYBE_FEN,
                        "payment_fen": _MAYBE_FEN,
                    }
                )
            ),
            "cost": _object(
                {
                    "running_fen": _FEN,
                    "standard_fen": _MAYBE_FEN,
                    "standard_percent": {"type": ["integer", "null"]},
                    "day_of_stay": {"type": ["integer", "null"]},
                    "expected_fen": _MAYBE_FEN,
                    "pace_percent": {"type": ["integer", "null"]},
                    "projected_fen": _MAYBE_FEN,
                    "low_fen": _MAYBE_FEN,
                    "high_fen": _MAYBE_FEN,
                    "level": _SHARE,
                    "probability_over_standard": _SHARE,
                    "standard_reached_on": _MAYBE_DAY,
                    "projected_discharge": _MAYBE_DAY,
                    "cell": _MAYBE,
                    "absent": maybe_both,
                }
            ),
            "drivers": _object(
                {
                    "categories": _rows(
                        {"category": _TEXT, "name": both, "amount_fen": _FEN, "share": _SHARE}
                    ),
                    "orders": _rows(
                        {
                            "order_id": _MAYBE,
                            "item_code": _TEXT,
                            "item_name": _MAYBE,
                            "amount_fen": _FEN,
                            "share": _SHARE,
                        }
                    ),
                }
            ),
            "findings": _rows(
                {
                    "finding_id": _TEXT,
                    "rule_id": _TEXT,
                    "rule_sha256": _TEXT,
                    "name": both,
                    "severity": {"enum": [str(s) for s in Severity]},
                    "cause": _TEXT,
                    "unit": {"enum": list(UNITS)},
                    "subject_id": _TEXT,
                    "when": {"enum": list(WHEN)},
                    "finding": both,
                    "why": both,
                    "action": both,
                    "basis": basis,
                    "facts": {"type": "object"},
                    "thresholds": {"type": "object"},
                }
            ),
            "suggestions": _rows(
                {
                    "suggestion_id": _TEXT,
                    "kind": {"enum": list(SUGGESTION_KIND)},
                    "rule_ids": {
                        "type": "array",
                        "items": _TEXT,
                        "description": "The checks that it clears; none for close_expired.",
                    },
                    "finding_ids": {"type": "array", "items": _TEXT},
                    "order_id": _MAYBE,
                    "item_code": _MAYBE,
                    "at": {"type": ["string", "null"], "format": "date-time"},
                    "text": both,
                    "condition": both,
                    "basis": basis,
                    "before": state,
                    "after": state,
                    "actions": {"type": "array", "items": action, "minItems": 1},
                }
            ),
            "questions": _rows(
                {
                    "question_id": _TEXT,
                    "kind": {"enum": list(QUESTION_KIND)},
                    "rule_id": _MAYBE,
                    "subject_id": _MAYBE,
                    "text": both,
                    "basis": basis,
                }
            ),
        }
    ) | {"title": "plan", "description": "A patient in hospital: cost, checks, ways to comply."}


def comparison_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a plan beside what it would be with changes."""
    both = _object({"zh": _TEXT, "en": _TEXT})
    check = {"rule_id": _TEXT, "subject_id": _TEXT, "name": both, "when": {"enum": list(WHEN)}}
    return _object(
        {
            "changes": {"type": "array", "items": {"type": "object"}},
            "before": plan_schema(),
            "after": plan_schema(),
            "differences": _rows({"field": _TEXT, "name": both, "before": {}, "after": {}}),
            "checks": _object({"cleared": _rows(check), "new": _rows(check)}),
            "why": {"type": "array", "items": both},
            "to_document": {"type": "array", "items": both},
            "notes": {"type": "array", "items": both},
        }
    ) | {"title": "plan_comparison", "description": "A plan, and the same with changes."}


def _rows(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": _object(properties)}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
