"""A plan written by hand, and a desk that gives it: for tests of what is built on plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from domain.service import Told

Json = dict[str, Any]


def _both(zh: str, en: str) -> Json:
    return {"zh": zh, "en": en}


BASIS: Final[list[Json]] = [{"document": "Prescription Rules", "clause": "15", "unverified": True}]
PLAN: Final[Json] = {
    "stay_id": "S1",
    "provider_id": "H1",
    "patient_id": "p_0123456789abcdef",
    "physician_id": "D1",
    "department": "A03",
    "currency": "CNY",
    "admitted_on": "2025-03-03",
    "judged_as_of": "2025-03-05T02:00:00Z",
    "state_sha256": "12" * 32,
    "rules_sha256": "34" * 32,
    "pack_sha256": "56" * 32,
    "group": {
        "status": "grouped", "group": "BR25", "name": _both("脑缺血性疾患", "Cerebral ischaemia"),
        "weight": "0.7322", "standard_fen": 620906, "payment_fen": 620906,
    },
    "cost": {
        "running_fen": 375000, "standard_fen": 620906, "standard_percent": 60, "day_of_stay": 3,
        "expected_fen": 300000, "pace_percent": 125, "projected_fen": 700000, "low_fen": 610000,
        "high_fen": 820000, "level": 0.8, "probability_over_standard": 0.81,
        "standard_reached_on": "2025-03-08", "projected_discharge": "2025-03-10",
        "cell": "group:BR25", "absent": None,
    },
    "drivers": {
        "categories": [
            {"category": "09", "name": _both("西药费", "Western drugs"), "amount_fen": 200000, "share": 0.5333}
        ],
        "orders": [
            {"order_id": "O1", "item_code": "S-0901022", "item_name": "阿托伐他汀片20mg", "amount_fen": 200000, "share": 0.5333}
        ],
    },
    "findings": [
        {
            "finding_id": "9a" * 16, "rule_id": "ORD-010", "rule_sha256": "78" * 32,
            "name": _both("同一药品重复医嘱", "Same drug ordered twice at once"), "severity": "medium",
            "cause": "duplicate_order", "unit": "order", "subject_id": "O2", "when": "now",
            "finding": _both("医嘱重叠168小时", "The orders overlap by 168 hours"),
            "why": _both("可能重复给药。", "It may be given twice."),
            "action": _both("请医师核对是否重复。", "Ask the physician whether both are meant."),
            "basis": BASIS, "facts": {"overlap_hours_with_same_item": 168},
            "thresholds": {"overlap_hours": {"value": 24, "unit": "hour"}},
        }
    ],
    "suggestions": [
        {
            "suggestion_id": "9c" * 16, "kind": "withdraw_repeat", "rule_ids": ["ORD-010"],
            "finding_ids": ["9a" * 16], "order_id": "O2", "item_code": "S-0901022",
            "at": "2025-03-05T02:00:00Z", "text": _both("如为重复：撤销本医嘱O2。", "If it is a repeat: withdraw this order O2."),
            "condition": _both("确需并用的请保留并记录理由。", "If both are meant, keep both and note why."),
            "basis": BASIS,
            "before": {"verdicts": {"ORD-010": "hit"}, "projected_fen": 700000},
            "after": {"verdicts": {"ORD-010": "pass"}, "projected_fen": 699000},
            "actions": [
                {
                    "type": "revoke", "order_id": "O2",
                    "order": {
                        "order_id": "O2", "order_type": "drug", "long_term": True, "item_code": "S-0901022",
                        "start_time": "2025-03-05T02:00:00Z", "status": "revoked",
                    },
                }
            ],
        }
    ],
    "questions": [
        {
            "question_id": "9e" * 16, "kind": "discharge", "rule_id": None, "subject_id": None,
            "text": _both("随访安排是否已写明？", "Is the follow-up written down?"), "basis": [],
        }
    ],
}  # fmt: skip
"""A plan with one of each of its parts."""


class SamplePlans:
    """The sample plan under any id; with changes it is its own comparison."""

    def of_stay(
        self, stay_id: str, changes: Sequence[Mapping[str, Any]] = (), /
    ) -> dict[str, Any] | None:
        """The plan, or with changes the comparison."""
        plan = PLAN | {"stay_id": stay_id}
        if not changes:
            return plan
        return {
            "changes": [dict(c) for c in changes], "before": plan, "after": plan, "differences": [],
            "checks": {"cleared": [], "new": []}, "why": [], "to_document": [], "notes": [],
        }  # fmt: skip

    def of_events(self, _records: Sequence[bytes], /) -> Told:
        """The plan for any events."""
        return Told([dict(PLAN)], ())
