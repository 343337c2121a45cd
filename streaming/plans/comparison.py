"""A plan beside the same with changes: what differs, and what the record would have to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import drg
from streaming.pipeline import Engine
from streaming.plans.changed import OWN
from streaming.plans.claim_tables import tables_of

Json = dict[str, Any]

FIELDS: Final[tuple[tuple[str, str, str], ...]] = (
    ("group.status", "分组状态", "grouping status"),
    ("group.group", "病组", "group (DRG)"),
    ("group.weight", "权重", "weight"),
    ("group.standard_fen", "支付标准(分)", "payment standard (fen)"),
    ("group.payment_fen", "按推定出院的支付金额(分)", "payment as if discharged (fen)"),
    ("cost.running_fen", "已发生费用(分)", "cost so far (fen)"),
    ("cost.pace_percent", "费用进度(%)", "cost pace (%)"),
    ("cost.projected_fen", "预计总费用(分)", "projected total (fen)"),
    (
        "cost.probability_over_standard",
        "超支付标准概率",
        "probability of ending above the standard",
    ),
    ("cost.standard_reached_on", "达到支付标准日期", "day on which the standard is reached"),
    ("cost.projected_discharge", "预计出院日", "projected day of discharge"),
)
_ORDERS: Final = {
    "zh": "新增或停止的医嘱按已记账金额或目录价估算至预计出院日，只平移预计总费用及其区间，不改变超支概率；停与不停由医师按病情决定。",
    "en": "Orders added or stopped move the projected total and its interval by their posted or tariff price up to the projected "
    "discharge, and leave the probability as it is. Whether to stop or to go on is the physician's decision by the illness.",
}


def compare(
    claim: Json,
    changes: Sequence[Mapping[str, Any]],
    before: Json,
    after: Json,
    engine: Engine,
) -> Json:
    """Both plans with their differences (``domain.plans.comparison_schema``)."""
    of_claims = [c for c in changes if c["kind"] not in OWN]
    documented: list[Any] = []
    notes: list[Any] = []
    why: list[Any] = []
    if of_claims:
        told = drg.what_if(tables_of([claim]), of_claims, engine.library)
        documented, notes, why = told["to_document"], told["notes"], told["why"]
    if any(c["kind"] in OWN for c in changes):
        notes = [*notes, _ORDERS]
    return {
        "changes": [dict(change) for change in changes],
        "before": before,
        "after": after,
        "differences": [
            {"field": path, "name": {"zh": zh, "en": en}, "before": was, "after": will}
            for path, zh, en in FIELDS
            if (was := _get(before, path)) != (will := _get(after, path))
        ],
        "checks": {"cleared": _missing(before, after), "new": _missing(after, before)},
        "why": why,
        "to_document": documented,
        "notes": notes,
    }


def _missing(here: Json, there: Json) -> list[Json]:
    """The findings here that are not there."""
    known = {(f["rule_id"], f["subject_id"]) for f in there["findings"]}
    found = {}
    for finding in here["findings"]:
        key = finding["rule_id"], finding["subject_id"]
        if key not in known and key not in found:
            found[key] = {name: finding[name] for name in ("rule_id", "subject_id", "name", "when")}
    return list(found.values())


def _get(record: Json, path: str) -> Any:
    value: Any = record
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
