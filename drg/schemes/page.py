"""docs/scheme-tables.md: every table of a pack with its columns, made from the layout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Final

from drg.schemes.layout import MANIFEST, OPERATING, SHEETS, TESTS, Cell, Column, Sheet
from drg.schemes.scheme import Manifest

_HEAD: Final = f"""# Tables of a scheme pack 方案包的表

<!-- Written by `sentinel scheme tables` from drg/schemes/layout.py. Do not edit: change the layout and run it. -->

A pack is a folder with `{MANIFEST}` and one CSV file a table. [schemes.md](schemes.md) says how to write one.
方案包是一个文件夹，含 `{MANIFEST}` 和每表一个 CSV 文件；写法见 [schemes.md](schemes.md)。

- **Kinds 类型**: `text`; `code` without blanks, commas and `|`; `rank` a whole number from 1; `flag` `true` or `false`;
  `date` `YYYY-MM-DD`; `decimal` an exact number from 0 with a dot, at most the places named.
- An empty cell is unknown or "for all", as the column says, never zero. 空单元格表示未知或“不限”，绝不当作 0。
- Lines are told apart by their key; no key stands there twice. 每行以主键区分，主键不得重复。

## {MANIFEST}

| key | kind | needed | meaning |
|---|---|---|---|
"""

_MANIFEST: Final = {
    "code": "Name of the scheme in small letters, digits, `-` and `_`.",
    "name_zh": "Chinese name.",
    "name_en": "English name.",
    "engine": "Engine that groups: `chs` (CHS-DRG and its city versions) or `ms` (MS-DRG).",
    "version": "Edition, as the publisher counts.",
    "effective_from": "First day of discharge that it groups.",
    "effective_to": "Last day; left out while it runs on.",
    "region_codes": "Divisions in which it groups, or their first digits; left out or empty: anywhere.",
    "subset": "Whether the pack knows only part of its scheme: what it does not know is no fault of the claim.",
    "retry_other_procedures": "Whether a stay in no category is tried again with each other procedure as its main one.",
    "source": "Where the pack comes from.",
    "licence": "Licence of the pack.",
}


def render() -> str:
    """The page as Markdown."""
    return "\n".join(_lines()).rstrip() + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD.rstrip()
    for field in fields(Manifest):
        kind = str(field.type).split(" |")[0].split("[")[0]
        kind = {"str": "text", "bool": "flag", "tuple": "list of texts"}.get(kind, kind)
        needed = "yes" if field.default is MISSING else ""
        yield _row(f"`{field.name}`", kind, needed, _MANIFEST[field.name])
    for engine, title in (("chs", "CHS-DRG"), ("ms", "MS-DRG")):
        yield f"\n## Tables of the engine `{engine}` ({title})"
        for sheet in SHEETS:
            if engine in sheet.engines:
                yield from _sheet(sheet, engine)
    yield "\n## Tests of conditions.csv\n"
    yield "| test | op | value |"
    yield "|---|---|---|"
    for test, ops in TESTS.items():
        yield _row(f"`{test}`", ", ".join(f"`{op}`" for op in ops), _value(test))
    yield (
        "\n`not_in` is the negation of `in`: it holds where there is no such code at all. A number or "
        "code that is not known fails every other test; a birth weight of 0 is not known. The tests "
        "that begin with `other_` look at all codes but the first. The list "
        f"`{OPERATING}` is built in: all procedures whose `operating` is true."
    )


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _sheet(sheet: Sheet, engine: str) -> Iterator[str]:
    need = "Needed." if engine in sheet.needed else "Optional."
    key = ", ".join(f"`{name}`" for name in sheet.key)
    yield f"\n### {sheet.file}\n"
    yield f"{sheet.meaning} {need} Key: {key}.\n"
    yield "| column | kind | needed | meaning | stands in |"
    yield "|---|---|---|---|---|"
    targets = {column: f"`{other}.{target}`" for column, other, target in sheet.references}
    for column in sheet.columns:
        needed = "yes" if column.required else ""
        target = targets.get(column.name, "")
        yield _row(f"`{column.name}`", _kind(column), needed, column.meaning, target)


def _kind(column: Column) -> str:
    match column.cell:
        case Cell.DECIMAL:
            return f"decimal, {column.places} places, below {column.below:,}"
        case Cell.CHOICE if column.choices != tuple(TESTS):
            return " or ".join(f"`{choice}`" for choice in column.choices)
        case Cell.CHOICE:
            return "[a test](#tests-of-conditionscsv)"
        case _:
            return column.cell.value


def _value(test: str) -> str:
    match test:
        case "complication":
            return "`mcc`, `cc` or `mcc_or_cc`, counted unless the principal diagnosis excludes it"
        case "sex" | "discharge_way":
            return "codes of [the field](fields.md) joined by `|`"
        case "department":
            return "departments joined by `|`"
        case "body_sites":
            return "how many sites of `sites.csv` the diagnoses name"
        case _ if test.endswith(("diagnosis", "procedure")):
            return "a list; several joined by `|` mean any of them"
        case _:
            return "a number"
