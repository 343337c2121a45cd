"""Folders of reference tables for tests: what is not said takes a plain value."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from rules.codebooks import TABLES
from rules.codebooks.site import MANIFEST

ITEM = {
    "name_zh": "项目", "name_en": "item", "category": "09", "unit": "支", "unit_price_yuan": "1.00",
    "insurance_class": "01", "order_type": "drug",
}  # fmt: skip


def site(folder: Path, **tables: list[dict[str, Any]]) -> Path:
    """A site's folder that extends the tables given; ``<name>_only`` replaces one."""
    folder.mkdir(parents=True, exist_ok=True)
    modes = []
    for said, rows in tables.items():
        name = said.removesuffix("_only")
        modes.append(f'{name} = "{"replace" if said != name else "extend"}"')
        write(folder, name, rows)
    text = 'name_zh = "示例医院"\nname_en = "Example"\n\n[tables]\n' + "\n".join(modes) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    return folder


def write(folder: Path, name: str, rows: list[dict[str, Any]]) -> Path:
    """One table as CSV; dates and source may be left out."""
    table = TABLES[name]
    path = folder / table.file
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, table.header, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            plain = {"valid_from": "2000-01-01", "source": "test"}
            given = ITEM if name == "items" else {}
            writer.writerow(plain | given | row)
    return path
