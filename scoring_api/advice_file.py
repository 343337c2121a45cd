"""The weekly report as one table: lines of hospitals, departments, checks and candidates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from domain.cards import HELD, OVERRIDE_REASONS
from scoring_api.exports import Column, Row

_LEVELS: Final[Mapping[str, tuple[str, str]]] = {
    "total": ("合计", "Total"),
    "hospitals": ("机构", "Hospital"),
    "departments": ("科室", "Department"),
    "checks": ("检查", "Check"),
    "candidates": ("建议静默", "Might be quiet"),
}
COLUMNS: Final = (
    Column("周", "Week", "week"),
    Column("层级", "Level", "level"),
    Column("机构", "Hospital", "provider_id"),
    Column("科室", "Department", "department"),
    Column("规则", "Check", "rule_id"),
    Column("名称", "Name", "name"),
    Column("有提示的医师数", "Physicians with a card", "physicians", "integer"),
    Column("已提示", "Shown", "shown", "integer"),
    Column("已答复", "Answered", "answered", "integer"),
    Column("采纳", "Accepted", "accepted", "integer"),
    Column("不采纳", "Overridden", "overridden", "integer"),
    Column("稍后再看", "Later", "later", "integer"),
    Column("不采纳占比", "Share overridden", "overridden_share", "share"),
    Column("95%区间下限", "95 % from", "low", "share"),
    Column("95%区间上限", "95 % to", "high", "share"),
    Column("归因于检查或数据", "Check or data at fault", "at_fault", "integer"),
    Column("不采纳理由", "Override reasons", "reasons_text"),
    *(Column(f"未提示：{zh}", f"Not shown: {en}", f"held_{code}", "integer") for code, (zh, en) in HELD.items()),
)  # fmt: skip
"""What the file holds; no line is a physician."""


def lines(report: Mapping[str, Any], lang: str) -> Iterator[Row]:
    """The lines of a report as ``domain.advice.report`` makes it, in a language."""
    yield _line(report, "total", report["total"], lang)
    for level in ("hospitals", "departments", "checks", "candidates"):
        for row in report[level]:
            yield _line(report, level, row, lang)


def _line(report: Mapping[str, Any], level: str, row: Mapping[str, Any], lang: str) -> Row:
    place = 0 if lang == "zh" else 1
    low, high = row["overridden_interval"] or (None, None)
    name, reasons = row.get("name"), row["reasons"]
    unsaid = ("未说明", "not given")
    return {
        **row,
        "week": report["week"],
        "level": _LEVELS[level][place],
        "name": None if name is None else name[lang],
        "low": low,
        "high": high,
        "reasons_text": "; ".join(
            f"{OVERRIDE_REASONS.get(code, unsaid)[place]} {number}" for code, number in reasons.items()
        ),
        **{f"held_{code}": number for code, number in row["held"].items()},
    }  # fmt: skip
