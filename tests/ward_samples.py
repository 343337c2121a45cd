"""Plans of patients in hospital written by hand, for tests of the pages that show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from domain.errors import SentinelError
from domain.service import Told, Ward
from store import Store

Json = dict[str, Any]


def both(zh: str, en: str) -> dict[str, str]:
    return {"zh": zh, "en": en}


class SampleWard:
    """``domain.service.Ward`` of which every open stay has just come in."""

    def __init__(self, opened: Store) -> None:
        self._store = opened

    def glance(self, versions: Mapping[str, int], /) -> dict[str, Json]:
        """Nothing is known of any."""
        return {}

    def record(self, stay_id: str, /) -> Json | None:
        """A patient of one day without charges."""
        if self._store.open_stays.find(stay_id) is None:
            return None
        return {
            "stay_id": stay_id, "admission_date": date(2025, 3, 31), "as_of": date(2025, 3, 31),
            "day_of_stay": 1, "sex": "1", "age_years": 60, "group": "ES33", "group_name": None,
            "diagnosis": {"ordinal": 1, "code": "I10", "name": None}, "currency": "CNY",
            "running_fen": 0, "standard_fen": 500_000, "expected_fen": None, "projected_fen": None,
            "low_fen": None, "high_fen": None, "probability_over_standard": None,
            "standard_reached_on": None, "projected_discharge": None,
            "absent": both("截至该日没有费用明细", "No charge lines up to that day."),
            "diagnoses": [{"ordinal": 1, "code": "I10", "name": None}], "procedures": [],
            "orders": [], "days": [{"day": 1, "cost_fen": 0}], "peers": [],
        }  # fmt: skip


class SamplePlans:
    """``domain.service.Plans`` with one finding, one suggestion and one question a stay."""

    def __init__(self, opened: Store, ward: Ward) -> None:
        self._store, self._ward = opened, ward

    def of_stay(self, stay_id: str, changes: Sequence[Mapping[str, Any]] = (), /) -> Json | None:
        record, row = self._ward.record(stay_id), self._store.open_stays.find(stay_id)
        if record is None or row is None:
            return None
        before = plan_of(record, row)
        if not changes:
            return before
        if any(change.get("code") == "IMPOSSIBLE" for change in changes):
            raise SentinelError("no such code", where="changes[0]", cure="Give another code.")
        after = {**before, "findings": before["findings"][1:], "suggestions": []}
        after["cost"] = {**before["cost"], "running_fen": before["cost"]["running_fen"] - 100}
        return {
            "changes": [dict(change) for change in changes],
            "before": before,
            "after": after,
            "differences": [],
            "checks": {"cleared": [], "new": []},
            "to_document": [both("须有病历依据。", "The record must show it.")],
            "notes": [both("不是编码建议。", "This is no advice on coding.")],
        }

    def of_events(self, records: Sequence[bytes], /) -> Told:
        raise NotImplementedError


def plan_of(record: Json, row: Json) -> Json:
    """The plan of a stay as the store and the ward desk know it."""
    stay_id = record["stay_id"]
    finding = {
        "finding_id": f"f-{stay_id}", "rule_id": "ORD-020", "rule_sha256": "1e" * 32,
        "name": both("重复用药", "Duplicate drug"), "severity": "medium", "cause": "duplicate_drug",
        "unit": "order", "subject_id": "O1", "when": "now",
        "finding": both("两条同类药物医嘱同时执行", "Two orders of one class run side by side"),
        "why": both("重复用药增加风险。", "A double order adds risk and cost."),
        "action": both("核对医嘱。", "Look at both orders."),
        "basis": [{"document": "处方管理办法", "clause": "第三十五条", "unverified": True}],
        "facts": {}, "thresholds": {},
    }  # fmt: skip
    later = {
        **finding, "finding_id": f"d-{stay_id}", "rule_id": "SLQ-010", "subject_id": stay_id,
        "cause": "list", "severity": "low", "when": "discharge",
        "finding": both("缺少离院方式", "The way of discharge is missing"),
    }  # fmt: skip
    suggestion = {
        "suggestion_id": f"s-{stay_id}", "kind": "withdraw_repeat", "rule_ids": ["ORD-020"],
        "finding_ids": [finding["finding_id"]], "order_id": "O1", "item_code": "S-0901007", "at": None,
        "text": both("停用较早的一条", "Stop the earlier one"),
        "condition": both("如两者均需使用，请保留并注明理由", "If both are meant, keep both and note why"),
        "basis": [], "before": {"verdicts": {"ORD-020": "hit"}, "projected_fen": 200_000},
        "after": {"verdicts": {"ORD-020": "pass"}, "projected_fen": 190_000},
        "actions": [{"type": "stop", "order_id": "O1", "order": {}}],
    }  # fmt: skip
    running, standard = record["running_fen"], record["standard_fen"]
    return {
        "stay_id": stay_id, "provider_id": row["provider_id"], "patient_id": row["patient_id"],
        "physician_id": row["physician_id"], "department": row["department"],
        "currency": row["currency"], "admitted_on": str(record["admission_date"]),
        "judged_as_of": row["last_event_time"].isoformat(), "state_sha256": "2e" * 32,
        "rules_sha256": "3e" * 32, "pack_sha256": "4e" * 32,
        "group": {"status": "grouped", "group": record["group"], "name": record["group_name"],
                  "weight": "1.0", "standard_fen": standard, "payment_fen": standard},
        "cost": {
            "running_fen": running, "standard_fen": standard, "standard_percent": None,
            "day_of_stay": record["day_of_stay"], "expected_fen": record["expected_fen"],
            "pace_percent": None, "projected_fen": record["projected_fen"],
            "low_fen": record["low_fen"], "high_fen": record["high_fen"], "level": 0.8,
            "probability_over_standard": record["probability_over_standard"],
            "standard_reached_on": None,
            "projected_discharge": record["projected_discharge"] and str(record["projected_discharge"]),
            "cell": None, "absent": record["absent"],
        },
        "drivers": {
            "categories": [{"category": "09", "name": both("西药费", "Western drugs"),
                            "amount_fen": running, "share": 1.0}] if running else [],
            "orders": [{"order_id": "O1", "item_code": "S-0901007", "item_name": "注射用美罗培南0.5g",
                        "amount_fen": running, "share": 1.0}] if running else [],
        },
        "findings": [finding, later],
        "suggestions": [suggestion],
        "questions": [{"question_id": "q1", "kind": "documentation", "rule_id": None, "subject_id": None,
                       "text": both("病理报告已出吗？", "Is the pathology report there?"), "basis": []}],
    }  # fmt: skip
