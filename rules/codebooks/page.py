"""docs/reference-tables.md: every reference table with its columns, made from the declarations.

``python -m rules.codebooks.page > docs/reference-tables.md``; a test keeps the page equal.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from rules.codebooks.form import COMMON, Column, Dating, Table
from rules.codebooks.layouts import LAYOUTS, Layout
from rules.codebooks.tables import TABLES

_HEAD = """\
# Reference tables

Made by `python -m rules.codebooks.page`; do not edit. [reference.md](reference.md) says how they are read and how a
site lays its own over them. Every table is a CSV file in UTF-8 with exactly these columns; a column in *italics* is
there for people, no fact reads it. Two rows of one key never hold on the same day."""

_LAYOUTS = """
## Layouts of files to import

Columns in **bold** must be there. Headings are compared without blanks, brackets and marks.
"""

_DATED = {
    Dating.LINE: "the day of the charge line or order, or the day of service: the fact compares",
    Dating.CLAIM: "the claim's day of service (discharge, else admission; of a hospital's month its last day)",
}


def page() -> str:
    """The whole page as Markdown."""
    parts = [_HEAD, *(described(table) for table in TABLES.values()), _LAYOUTS]
    parts += [layout_page(layout) + "\n" for layout in LAYOUTS.values()]
    return "\n".join(parts).rstrip() + "\n"


def described(table: Table) -> str:
    """One table as a section of Markdown."""
    return "\n".join(_lines(table))


def _lines(table: Table) -> Iterator[str]:
    yield f"\n## {table.name} {table.zh}\n"
    yield f"{table.en} A row that is not there: {table.missing}.\n"
    yield f"- Key: {', '.join(f'`{k}`' for k in table.key)}"
    yield f"- `valid_from` (inclusive) and `valid_to` (exclusive) are compared with {_DATED[table.dating]}."
    facts = readers(table)
    if facts:
        yield f"- Read by the facts {', '.join(f'`{f}`' for f in facts)}"
    yield "\n| column | kind | | what |\n|---|---|---|---|"
    for column in (*table.columns, *COMMON):
        yield _row(column)


def layout_page(layout: Layout) -> str:
    """One layout of an authority's file as a section of Markdown."""
    lines = [
        f"### {layout.name} {layout.zh}\n",
        f"Into {', '.join(f'`{t}`' for t in layout.tables)}. Layout **unverified** against the official document.\n",
        "| column | headings that are known | what |\n|---|---|---|",
        *[
            f"| {'**' + f.name + '**' if f.required else f.name} | {'、'.join(f.headings)} | {f.meaning} |"
            for f in layout.fields
        ],
        "",
        "Assumed: " + "; ".join(layout.assumed) + ".",
        "",
        "Not taken: " + "; ".join(layout.untaken) + ".",
    ]
    return "\n".join(lines)


def readers(table: Table) -> list[str]:
    """The facts whose declared source or meaning names the table, sorted."""
    from rules.facts.table import BUILDERS  # noqa: PLC0415 - facts read this package

    named = re.compile(rf"(?<![a-z_]){table.name}\.csv")
    return sorted(
        {f.name for b in BUILDERS for f in b.facts if named.search(f"{f.source} {f.meaning}")}
    )


def _row(column: Column) -> str:
    need = "" if column.required else "may be empty"
    name = f"*{column.name}*" if column.note else f"`{column.name}`"
    what = column.meaning
    if column.options and len(column.options) <= 40:
        what += f" ({', '.join(f'`{o}`' for o in column.options)})"
    return f"| {name} | {column.kind} | {need} | {what.strip()} |"


if __name__ == "__main__":
    sys.stdout.write(page())
