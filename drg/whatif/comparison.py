"""Group, price and outlook of one claim, today and with changes, and why they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from domain.tables import Tables
from drg.library import Library
from drg.projection import Curves
from drg.settlement import settle
from drg.telling import tell
from drg.whatif.changes import CODING, apply

Text = dict[str, str]
Record = dict[str, Any]

FIELDS: Final[tuple[tuple[str, str, str], ...]] = (
    ("status", "分组状态", "grouping status"),
    ("mdc", "主要诊断大类", "category (MDC)"),
    ("adrg", "核心病组", "adjacent group (ADRG)"),
    ("group", "病组", "group (DRG)"),
    ("severity", "并发症程度", "severity"),
    ("price.group", "支付病组", "group that pays"),
    ("price.weight", "权重", "weight"),
    ("price.payment_standard_fen", "支付标准(分)", "payment standard (fen)"),
    ("price.case", "支付情形", "payment case"),
    ("price.payment_fen", "支付金额(分)", "payment (fen)"),
    ("cost_fen", "费用(分)", "cost (fen)"),
    ("price.balance_fen", "结余(分)", "balance (fen)"),
    ("projection.projected_total_fen", "预计总费用(分)", "projected total (fen)"),
    ("projection.standard_reached_on", "达到支付标准日期", "day on which the standard is reached"),
)

NO_ADVICE: Final[Text] = {
    "zh": "本结果只说明编码与支付的关系，不是编码建议。只有病历中有依据的诊断和操作才能编码；"
    "为提高支付而更改编码属于违规。",
    "en": "This shows how codes and payment hang together; it is no advice on coding. Only what "
    "the record documents may be coded; to change codes for a higher payment is a violation.",
}


def what_if(
    claim: Tables,
    changes: Sequence[Mapping[str, Any]],
    library: Library,
    *,
    curves: Curves | None = None,
) -> Record:
    """One claim as it is and with one set of changes, as plain data.

    ``before`` and ``after`` are records of ``tell`` with ``cost_fen`` and ``projection``;
    ``differences`` name what changes, ``why`` says what decided it, and ``to_document``
    the facts that the record would have to show. There is one answer to one set of
    changes: codings are not ranked by payment. ``ChangeError`` if a change cannot be made.
    """
    before = _side(claim, library, curves)
    after = _side(apply(claim, changes), library, curves)
    return {
        "stay_id": before["stay_id"],
        "changes": [dict(change) for change in changes],
        "before": before,
        "after": after,
        "differences": _differences(before, after),
        "why": _why(before, after),
        "to_document": [text for change in changes for text in _document(change, claim)],
        "notes": _notes(changes, before),
    }


def _side(claim: Tables, library: Library, curves: Curves | None) -> Record:
    settled = settle(claim, library, trace=True, curves=curves)
    (told,) = tell(settled, trace=True)
    stay = claim.stays.to_pylist()[0]
    charged = sum(claim.charges["amount_fen"].to_pylist()) if len(claim.charges) else None
    total = stay["total_amount_fen"]
    seen = settled.outlook
    return {
        **told,
        "cost_fen": charged if total is None else total,
        "projection": seen.to_dicts()[0] if seen.height else None,
    }


def _get(record: Record, path: str) -> Any:
    value: Any = record
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _differences(before: Record, after: Record) -> list[Record]:
    return [
        {"field": path, "name": {"zh": zh, "en": en}, "before": was, "after": will}
        for path, zh, en in FIELDS
        if (was := _get(before, path)) != (will := _get(after, path))
    ]


def _why(before: Record, after: Record) -> list[Text]:
    """What decided the difference: conditions that took the claim, diagnoses that count or not."""
    told: list[Text] = []
    was = {(s["owner"], s["code"], s["outcome"]) for s in before["steps"]}
    for step in after["steps"]:
        if (step["owner"], step["code"], step["outcome"]) in was or not step["why"]:
            continue
        outcome_zh, outcome_en = _OUTCOMES[step["outcome"]]
        told.append(
            {
                "zh": f"{step['code']} {outcome_zh}：{step['why']['zh']}",
                "en": f"{step['code']} {outcome_en}: {step['why']['en']}",
            }
        )
    counted = {d["code"]: d for d in before["diagnoses"]}
    for diagnosis in after["diagnoses"]:
        earlier = counted.pop(diagnosis["code"], None)
        if earlier is not None and _standing(earlier) == _standing(diagnosis):
            continue
        if diagnosis["level"] is not None:
            told.append(_stand(diagnosis))
    told += [
        {
            "zh": f"{gone['code']} 不再作为{gone['level'].upper()}计入",
            "en": f"{gone['code']} no longer counts as {gone['level'].upper()}",
        }
        for gone in counted.values()
        if gone["counted"]
    ]
    if after["formula"] != before["formula"] and after["formula"]:
        told.append(after["formula"])
    return told


_OUTCOMES: Final = {
    "entered": ("进入", "is entered"),
    "left": ("进入后未入组", "is left without a group"),
    "taken": ("入组", "takes the stay"),
}


def _standing(diagnosis: Record) -> tuple[Any, ...]:
    return diagnosis["level"], diagnosis["counted"], diagnosis["excluded_by"]


def _stand(diagnosis: Record) -> Text:
    code, level = diagnosis["code"], diagnosis["level"].upper()
    if diagnosis["counted"]:
        return {"zh": f"{code} 作为{level}计入", "en": f"{code} counts as {level}"}
    table = diagnosis["excluded_by"]
    return {
        "zh": f"{code} 为{level}，但被主要诊断排除（排除表{table}）",
        "en": f"{code} is {level}, but the principal diagnosis excludes it (table {table})",
    }


def _document(change: Mapping[str, Any], claim: Tables) -> list[Text]:
    """The fact behind a change of coding; nothing for other changes."""
    kind = change["kind"]
    if kind not in CODING:
        return []
    action, what = kind.split("_")
    zh_what, en_what = ("诊断", "diagnosis") if what == "diagnosis" else ("手术操作", "procedure")
    code = change.get("code")
    if action in ("add", "replace"):
        grounds_zh = (
            "由医师作出，有检查、检验或治疗记录支持"
            if what == "diagnosis"
            else "确已实施，有手术或操作记录及收费对应"
        )
        grounds_en = (
            "made by a physician and supported by tests, findings or treatment in the record"
            if what == "diagnosis"
            else "carried out, with its operation record and charges"
        )
        return [
            {
                "zh": f"{zh_what} {code} 须{grounds_zh}，否则不得编码。",
                "en": f"The {en_what} {code} must have been {grounds_en}; else it must not be coded.",
            }
        ]
    if action == "remove":
        return [
            {
                "zh": f"删除{zh_what}须因病历不支持该编码；确有依据的编码不得删除。",
                "en": f"A {en_what} is taken out only because the record does not support it; "
                "what is documented stays.",
            }
        ]
    return [
        {
            "zh": "顺序须符合病历：主要诊断是本次住院消耗资源最多、危害最大的疾病，"
            "主要手术与主要诊断相对应。"
            if what == "diagnosis"
            else "主要手术须与主要诊断相对应，由手术记录支持。",
            "en": "The order must follow the record: the principal diagnosis is the condition "
            "that took most of the stay's resources and did most harm."
            if what == "diagnosis"
            else "The main procedure must answer the principal diagnosis, as the operation "
            "record shows.",
        }
    ]


def _notes(changes: Sequence[Mapping[str, Any]], before: Record) -> list[Text]:
    kinds = {change["kind"] for change in changes}
    notes = []
    if kinds & CODING:
        notes.append(NO_ADVICE)
    if before["price"]["source"] == "billed":
        notes.append(
            {
                "zh": "分组器不能判断，价格按申报病组计算。",
                "en": "The grouper cannot answer; the price is that of the billed group.",
            }
        )
    if "set_discharge_date" in kinds:
        notes.append(
            {
                "zh": "出院日期提前时不计其后的费用；推后时不预计新增费用。",
                "en": "With an earlier discharge later charges are left out; with a later one no "
                "new charges are assumed.",
            }
        )
    return notes
