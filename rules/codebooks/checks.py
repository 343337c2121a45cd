"""Everything that is wrong with a folder of reference tables, with file and line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from rules.codebooks.edition import SHIPPED
from rules.codebooks.force import loaded_anew, present
from rules.codebooks.reading import FILE, LINE, Fault
from rules.codebooks.site import ManifestError, is_site, read_manifest
from rules.codebooks.tables import TABLES


def check(folder: Path) -> list[Fault]:
    """Faults and warnings of our tables, of a site's folder, or of a folder that stands alone.

    Of a site the tables are checked as they are laid over ours, and item codes that the
    tariff in force lacks are warned of.
    """
    try:
        if folder != SHIPPED:
            read_manifest(folder)
    except ManifestError as error:
        return [_at(error)]
    found: set[Fault] = set()
    for name in present(folder):
        found.update(loaded_anew(name, folder).faults)
    if is_site(folder) and not found:
        found.update(_off_tariff(folder))
    return sorted(found)


def _off_tariff(folder: Path) -> Iterator[Fault]:
    """Rows of the site whose item code the tariff in force lacks: mostly a slip of the pen."""
    tariff = loaded_anew("items", folder).frame["item_code"]
    for name in read_manifest(folder).tables:
        table = TABLES[name]
        if name == "items" or "item_code" not in table.header:
            continue
        rows = loaded_anew(name, folder).frame.filter(
            (pl.col(FILE) == str(folder / table.file))
            & ~pl.col("item_code").is_in(tariff.implode())
        )
        for file, line, code in rows.select(FILE, LINE, "item_code").rows():
            yield Fault(
                file, line, f"item {code} is not in the tariff (items.csv)",
                "Correct the code, or add the item to your items.csv.", warning=True,
            )  # fmt: skip


def _at(error: ManifestError) -> Fault:
    place = re.match(r"(.*):(\d+)\Z", error.where)
    path, line = (place[1], int(place[2])) if place else (error.where, 1)
    return Fault(path, line, error.what, error.cure)
