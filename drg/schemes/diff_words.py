"""Says in lines for a person what changed between two packs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from drg.schemes.scheme import Scheme
from drg.schemes.words import Language

if TYPE_CHECKING:
    from drg.schemes.diff import SchemeDiff

_TITLES: Final = {
    "manifest": ("方案说明", "Manifest"),
    "rows": ("编码、名称与参数", "Codes, names and figures"),
    "lists": ("列表", "Lists"),
    "conditions": ("入组条件", "Conditions"),
    "severities": ("MCC/CC 级别", "MCC and CC levels"),
    "exclusions": ("MCC/CC 排除", "Exclusions"),
}
_CHANGES: Final = {"added": "+", "removed": "-", "changed": "~"}


def summarize(changes: SchemeDiff, language: Language, limit: int) -> Iterator[str]:
    """The lines of ``SchemeDiff.summary``: a title and at most ``limit`` changes a table."""
    english = language == "en"
    old, new = changes.old, changes.new
    yield f"{_name(old)} -> {_name(new)}"
    if changes.same:
        yield "No difference." if english else "没有差别。"
    for name, frame in changes.sections():
        if name == "rows":
            # One line a row of the pack, with all of its columns that differ.
            lines = frame.group_by(
                ["sheet", "change", "key", "effective_from"], maintain_order=True
            ).agg("column", "old", "new")
            parts = [
                (f"{_TITLES[name][english]}: {sheet}.csv", lines.filter(pl.col("sheet") == sheet))
                for sheet in lines["sheet"].unique(maintain_order=True)
            ]
        else:
            parts = [(_TITLES[name][english], frame)] if frame.height else []
        for title, part in parts:
            yield f"{title} ({part.height:,})"
            for row in part.head(limit).iter_rows(named=True):
                yield f"  {_tell(name, row, english)}"
            if part.height > limit:
                more = part.height - limit
                yield f"  ... {more:,} more" if english else f"  …… 另有 {more:,} 条"


def _name(scheme: Scheme) -> str:
    return f"{scheme.manifest.code} {scheme.manifest.version} ({scheme.sha256[:12]})"


def _tell(section: str, row: dict[str, Any], english: bool) -> str:
    nothing = "-"
    match section:
        case "manifest":
            return f"{row['key']}: {row['old'] or nothing} -> {row['new'] or nothing}"
        case "rows":
            day = f" {row['effective_from']}" if row["effective_from"] else ""
            head = f"{_CHANGES[row['change']]} {row['key']}{day}"
            columns = zip(row["column"], row["old"], row["new"], strict=True)
            said = "; ".join(
                f"{column} {old or nothing} -> {new or nothing}"
                for column, old, new in columns
                if column
            )
            return f"{head}: {said}" if said else head
        case "lists":
            return f"{_CHANGES[row['change']]} {row['list']}:{_counted(row)}"
        case "conditions":
            way = "en" if english else "zh"
            sides = (row[f"old_{way}"] or nothing, row[f"new_{way}"] or nothing)
            return f"{row['owner']} {row['code']}: {sides[0]} -> {sides[1]}"
        case "severities":
            sides = (row["old"] or nothing, row["new"] or nothing)
            return f"{row['code']} {row['name_zh']}: {sides[0]} -> {sides[1]}"
        case _:
            tables = f"{row['old_table'] or nothing} -> {row['new_table'] or nothing}"
            counted = f"{row['complications']:,} MCC/CC"
            return f"{tables} ({counted}):{_counted(row)}"


def _counted(row: dict[str, Any]) -> str:
    """Codes that came and went, the first few by name."""
    said = ""
    for sign, name in (("+", "added"), ("-", "removed")):
        if row[f"count_{name}"]:
            listed = row[name].split("|")
            more = " ..." if len(listed) > 5 else ""
            said += f" {sign}{row[f'count_{name}']:,} ({', '.join(listed[:5])}{more})"
    return said
