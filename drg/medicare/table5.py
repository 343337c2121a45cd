"""Reads CMS Table 5 (weights and lengths of stay of the MS-DRGs) into a pack.

``python -m drg.medicare.table5 TABLE5.csv PACK --source TEXT`` replaces the groups of the
pack's period by those of the table and leaves its other tables as they are.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

import polars as pl

from domain.errors import SentinelError
from drg import schemes
from drg.medicare.tools import MedicareError
from drg.schemes.scheme import Manifest

COLUMNS: Final = (
    "ms_drg",
    "post_acute_transfer",
    "special_pay",
    "mdc",
    "type",
    "title",
    "weight_before_cap",
    "weight",
    "gmlos_days",
    "amlos_days",
)
"""The header of the file: Table 5 as CSV under plain names.

``weight`` is the one that is paid, after the cap of ten percent on its fall.
"""

TYPES: Final = {"SURG": "surgical", "MED": "medical"}
FLAGS: Final = {"Yes": "true", "No": "false"}

BURNS: Final = ("927", "928", "929", "933", "934", "935")
TRANSFER_EXEMPT: Final = ("789",)
"""The groups that CMS's pricer treats apart (its program PPCAL215 of fiscal year 2021, read
2026-11): burns have their own marginal cost factor; 789, newborns who died or were moved
on, is never cut as a transfer."""


def read(path: Path, manifest: Manifest, source: str) -> pl.DataFrame:
    """The table as the sheet ``ms_groups``, in force as long as the scheme.

    A weight or length of ``.`` or nothing is empty: such a group (998, 999) is not paid.
    MedicareError names the row of a table that has another form.
    """
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise MedicareError(
            f"the table cannot be read: {error}", where=str(path), cure="Give Table 5 as CSV."
        ) from error
    if tuple(frame.columns) != COLUMNS:
        raise MedicareError(
            f"the header is {frame.columns}",
            where=f"{path}:1",
            cure=f"Name the columns {', '.join(COLUMNS)}.",
        )
    _refuse(path, frame, "ms_drg", r"^\d{3}$", "three digits")
    _refuse(path, frame, "post_acute_transfer", r"^(Yes|No)$", "Yes or No")
    _refuse(path, frame, "special_pay", r"^(Yes|No)$", "Yes or No")
    for name in ("weight", "gmlos_days", "amlos_days"):
        _refuse(path, frame.fill_null("."), name, r"^(\d+(\.\d+)?|\.)$", "a number")
    group = pl.col("ms_drg")
    return frame.select(
        group,
        "mdc",
        pl.col("type").replace_strict(TYPES, default=None, return_dtype=pl.String()),
        pl.col("title").alias("title_en"),
        *(pl.col(n).replace(".", None) for n in ("weight", "gmlos_days", "amlos_days")),
        *(pl.col(n).replace_strict(FLAGS) for n in ("post_acute_transfer", "special_pay")),
        _flag(group.is_in(TRANSFER_EXEMPT)).alias("transfer_exempt"),
        _flag(group.is_in(BURNS)).alias("burn"),
        pl.lit(manifest.effective_from.isoformat()).alias("effective_from"),
        pl.lit(manifest.effective_to and manifest.effective_to.isoformat()).alias("effective_to"),
        pl.lit(source).alias("source"),
    )


def replace(table5: Path, pack: Path, source: str) -> int:
    """Put the table into a pack that exists; returns the number of groups."""
    scheme = schemes.load(pack)
    groups = read(table5, scheme.manifest, source)
    schemes.write(pack, scheme.manifest, {**scheme.tables, "ms_groups": groups})
    return groups.height


def main(arguments: list[str] | None = None) -> int:
    """The command; see the module."""
    parser = argparse.ArgumentParser(description=replace.__doc__)
    parser.add_argument("table5", type=Path, help="Table 5 as CSV")
    parser.add_argument("pack", type=Path, help="folder of the pack")
    parser.add_argument("--source", required=True, help="where the figures come from")
    given = parser.parse_args(arguments)
    try:
        count = replace(given.table5, given.pack, given.source)
    except SentinelError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{count} groups in {given.pack}\n")
    return 0


def _flag(condition: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(pl.lit("true")).otherwise(pl.lit("false"))


def _refuse(path: Path, frame: pl.DataFrame, name: str, pattern: str, wanted: str) -> None:
    wrong = frame.with_row_index("row", 2).filter(
        ~pl.col(name).str.contains(pattern).fill_null(value=False)
    )
    if wrong.height:
        row, value = wrong.row(0, named=True)["row"], wrong[name][0]
        raise MedicareError(
            f"{name} is {value!r}, not {wanted}",
            where=f"{path}:{row}",
            cure="Correct the cell; Table 5 of CMS has it.",
        )


if __name__ == "__main__":
    raise SystemExit(main())
