"""A payment in words: the formula with its numbers, for a compliance officer or an auditor."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from drg.payment_terms.answer import ABSENT, TRIGGERS

Row = Mapping[str, Any]
_LANGUAGES: Final = ("zh", "en")


def explain(row: Row, language: str = "zh") -> str:
    """Why a row of ``PAID`` pays what it pays, in Chinese (``zh``) or English (``en``).

    ValueError for another language.
    """
    if language not in _LANGUAGES:
        raise ValueError(f"language is {language!r}; use zh or en")
    zh = language == "zh"
    sentences = [
        _standard(row, zh),
        _case(row, zh),
        _excluded(row, zh),
        _total(row, zh),
        _reviews(row, zh),
        _sources(row, zh),
    ]
    return ("" if zh else " ").join(sentence for sentence in sentences if sentence)


def _standard(row: Row, zh: bool) -> str:
    if row["payment_standard_fen"] is None:
        if row["absent"] == "day_rate" and row["payment_case"] == "day_rate":
            return ""
        why = _absent(row["absent"], zh)
        return f"没有支付标准：{why}。" if zh else f"No payment standard: {why}"
    weight, rate = row["group_weight"], _yuan_exact(row["base_rate_fen"])
    coefficient = row["level_coefficient"]
    standard = yuan(row["payment_standard_fen"])
    if zh:
        factor = "" if coefficient is None else f" × 等级系数 {_plain(coefficient)}"
        return f"支付标准：权重 {weight} × 基础费率 {rate} 元{factor} = {standard} 元。"
    factor = "" if coefficient is None else f" × level coefficient {_plain(coefficient)}"
    return f"Standard: weight {weight} × base rate {rate} yuan{factor} = {standard} yuan."


def _case(row: Row, zh: bool) -> str:
    case = row["payment_case"]
    if case is None or case == "not_paid":
        # The reason stands there already where it is also why there is no standard.
        if row["payment_absent"] == row["absent"]:
            return ""
        why = _absent(row["payment_absent"], zh)
        return f"支付额未定：{why}。" if zh else f"No payment yet: {why}"
    paid = yuan(row["group_payment_fen"])
    capped = ("，已封顶" if zh else ", the highest amount allowed") if row["capped"] else ""
    if case == "day_rate":
        days = row["paid_days"]
        if zh:
            return f"按床日付费：{days} 天，合计 {paid} 元{capped}。"
        return f"Paid by the day: {days} days, {paid} yuan in all{capped}."
    if case == "standard":
        return _between(row, zh)
    high = case == "high_outlier"
    line = row["high_line_fen"] if high else row["low_line_fen"]
    formula = _outlier_formula(row, line, zh)
    cost = yuan(row["cost_fen"])
    if zh:
        side = "高于高倍率线" if high else "低于低倍率线"
        return f"费用 {cost} 元{side} {yuan(line)} 元，支付额：{formula} = {paid} 元{capped}。"
    side = "above the high line of" if high else "below the low line of"
    return f"The cost of {cost} yuan is {side} {yuan(line)} yuan: {formula} = {paid} yuan{capped}."


def _between(row: Row, zh: bool) -> str:
    low, high, cost = row["low_line_fen"], row["high_line_fen"], row["cost_fen"]
    paid = yuan(row["group_payment_fen"])
    if cost is None or (low is None and high is None):
        return f"按标准支付 {paid} 元。" if zh else f"Paid by the standard: {paid} yuan."
    cost = yuan(cost)
    parts = []
    if low is not None:
        parts.append(
            f"不低于低倍率线 {yuan(low)} 元"
            if zh
            else f"not below the low line of {yuan(low)} yuan"
        )
    if high is not None:
        parts.append(
            f"不高于高倍率线 {yuan(high)} 元"
            if zh
            else f"not above the high line of {yuan(high)} yuan"
        )
    if zh:
        return f"费用 {cost} 元{'、'.join(parts)}，按标准支付 {paid} 元。"
    return f"The cost of {cost} yuan is {' and '.join(parts)}, so {paid} yuan are paid."


def _outlier_formula(row: Row, line: int, zh: bool) -> str:
    factor, pays = _plain(row["outlier_factor"]), row["outlier_pays"]
    cost, standard = yuan(row["cost_fen"]), yuan(row["payment_standard_fen"])
    match pays:
        case "cost":
            return f"费用 {cost} × {factor}" if zh else f"cost {cost} × {factor}"
        case "excess":
            if zh:
                return f"标准 {standard} + {factor} ×（费用 {cost} − {yuan(line)}）"
            return f"standard {standard} + {factor} × (cost {cost} − {yuan(line)})"
        case _:
            return f"标准 {standard} × {factor}" if zh else f"standard {standard} × {factor}"


def _excluded(row: Row, zh: bool) -> str:
    amount, paid = row["excluded_fen"], row["excluded_payment_fen"]
    if not amount:
        return ""
    if zh:
        beside = "" if paid is None else f"，另行支付 {yuan(paid)} 元"
        return f"除外项目 {yuan(amount)} 元不计入比较费用{beside}。"
    beside = "" if paid is None else f", of which {yuan(paid)} yuan are paid beside the group"
    return f"Excluded items of {yuan(amount)} yuan do not count as cost{beside}."


def _total(row: Row, zh: bool) -> str:
    paid, balance = row["payment_fen"], row["balance_fen"]
    if paid is None:
        return ""
    if balance is None:
        return (
            f"支付合计 {yuan(paid)} 元，医疗费总额不明。"
            if zh
            else f"Paid in all {yuan(paid)} yuan; the total of the claim is not known."
        )
    total = yuan(paid - balance)
    if zh:
        kind = "结余" if balance >= 0 else "超支"
        return f"支付合计 {yuan(paid)} 元，医疗费总额 {total} 元，{kind} {yuan(abs(balance))} 元。"
    kind = "leaves" if balance >= 0 else "falls short by"
    return (
        f"Paid in all {yuan(paid)} yuan against a total of {total} yuan: {kind} "
        f"{yuan(abs(balance))} yuan."
    )


def _reviews(row: Row, zh: bool) -> str:
    codes = [code for code in (row["review_reasons"] or "").split("|") if code]
    if not codes:
        return ""
    names = ("、" if zh else ", ").join(TRIGGERS[code][0 if zh else 1] for code in codes)
    return f"可申请特例单议：{names}。" if zh else f"A review can be asked for: {names}."


def _sources(row: Row, zh: bool) -> str:
    sources = row["sources"]
    if not sources:
        return ""
    listed = ("；" if zh else "; ").join(sources.split("|"))
    return f"来源：{listed}。" if zh else f"Sources: {listed}."


def _absent(code: str, zh: bool) -> str:
    return ABSENT[code][0 if zh else 1]


def yuan(fen: int) -> str:
    """Fen as yuan with two places and thousands set apart: 1046856 is ``10,468.56``."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def _yuan_exact(fen: Decimal) -> str:
    """A rate in fen as yuan with the places it has, at least two."""
    text = f"{Decimal(fen).scaleb(-2):,.4f}"
    return text[:-2] if text.endswith("00") else text.removesuffix("0")


def _plain(number: Decimal) -> str:
    """A decimal without the zeros that its column adds."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
