"""Cost curves of settled stays: what they hold, and how they lie on disk."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from drg.projection.costs import ProjectionError

FORMAT: Final = 1
"""Raised when a file of another version can no longer be read as one of this version."""
MANIFEST: Final = "manifest.json"
FILES: Final = ("cells.parquet", "days.parquet")

LEVELS: Final = (
    ("group", "group_code", True),
    ("group", "group_code", False),
    ("adrg", "adrg", True),
    ("mdc", "mdc", True),
    ("all", None, True),
    ("adrg", "adrg", False),
    ("mdc", "mdc", False),
    ("all", None, False),
)
"""Kinds of cells in the order in which they are tried: level, the column that names the
cell, and whether costs are taken as shares of each stay's payment standard. Hospitals of
other levels, and in wide cells cheap and dear groups, differ in cost about as their
standards do, which puts them on one scale. The others serve stays without a standard."""

_TAIL: Final = (0, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
SHARES: Final = np.array([*_TAIL, 0.5, *(1 - share for share in reversed(_TAIL))])
"""The probabilities of the quantiles that are stored."""
NODES: Final = np.array([0, 0.1, 0.25, 0.5, 0.75, 0.9, 1])
"""Where in the distribution of the cost to date the quantiles are stored."""

KEY: Final = ("cell", "per_standard")
"""What names the curve of a cell: the cell, and whether costs are shares of the standard."""

CELLS: Final = pl.Schema(
    {
        "cell": pl.String(),
        "level": pl.String(),
        "per_standard": pl.Boolean(),
        "cases": pl.Int64(),
        "total_p10": pl.Float64(),
        "total_median": pl.Float64(),
        "total_p90": pl.Float64(),
        "nights_p10": pl.Float64(),
        "nights_median": pl.Float64(),
        "nights_p90": pl.Float64(),
        "discharge_share": pl.Float64(),
    }
)
"""One row a cell: its cases, their totals (in fen, or as shares of the standard where
``per_standard``) and nights; ``discharge_share`` is the mean share of the total that is
charged on the day of discharge."""

DAYS: Final = pl.Schema(
    {
        "cell": pl.String(),
        "per_standard": pl.Boolean(),
        "day": pl.Int32(),
        "cases": pl.Int64(),
        "expected_cost": pl.Float64(),
        "nights": pl.Float64(),
        "share": pl.Float64(),
        "log_unit": pl.Array(pl.Float64(), 3),
        "unit_slope": pl.Float64(),
        "log_cost": pl.Array(pl.Float64(), len(NODES)),
        "remaining": pl.Array(pl.Float64(), len(NODES) * len(SHARES)),
    }
)
"""One row a cell and day of stay, of the cases that were still in hospital at the end of that day.

``expected_cost`` and ``nights`` are medians of the cost to date (in the cell's unit) and
of the whole length of stay; ``share`` is the mean share of the total charged on that day. At the
costs to date exp(``log_cost``), ``remaining`` holds the quantiles (``SHARES``) of what was
charged after that day, node by node, in the cell's unit. What is above 0 of it moves by
the factor exp(``unit_slope``) for each unit that the log of the standard lies above its
mean; ``log_unit`` is the least, mean and greatest of that log, 0 where costs are in fen.
"""


@dataclass(frozen=True)
class Curves:
    """Cost curves of settled stays; the same claims give the same bytes.

    ``cells`` and ``days`` have the schemas above; no row rests on fewer cases than
    ``manifest["fewest"]``, and none names a stay or a person.
    """

    files: Mapping[str, bytes]

    @classmethod
    def of(cls, cells: pl.DataFrame, days: pl.DataFrame, about: Mapping[str, Any]) -> Curves:
        """Curves from their tables and from what the manifest should say of them."""
        files = {
            "cells.parquet": _spell(cells.cast(CELLS).select(list(CELLS)).sort(KEY)),
            "days.parquet": _spell(days.cast(DAYS).select(list(DAYS)).sort(*KEY, "day")),
        }
        manifest = {
            "format": FORMAT,
            **about,
            "files": {name: hashlib.sha256(files[name]).hexdigest() for name in FILES},
        }
        text = json.dumps(manifest, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
        return cls({**files, MANIFEST: text.encode()})

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What the curves are: window, counts, currency; docs/projection.md explains each entry."""
        return json.loads(self.files[MANIFEST])  # type: ignore[no-any-return]

    @property
    def sha256(self) -> str:
        """Digest of the curves: of the manifest, which holds every other file's digest."""
        return hashlib.sha256(self.files[MANIFEST]).hexdigest()

    @property
    def currency(self) -> str:
        """The currency of all amounts."""
        return str(self.manifest["currency"])

    @cached_property
    def cells(self) -> pl.DataFrame:
        """One row a cell."""
        return pl.read_parquet(io.BytesIO(self.files["cells.parquet"]))

    @cached_property
    def days(self) -> pl.DataFrame:
        """One row a cell and day of stay."""
        return pl.read_parquet(io.BytesIO(self.files["days.parquet"]))

    def save(self, folder: Path) -> None:
        """Write the curves into a folder; older ones there are replaced, other files stay.

        The manifest is written last, so a folder that was cut off does not load.
        """
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        for name in (*FILES, MANIFEST):
            (folder / name).write_bytes(self.files[name])

    @classmethod
    def load(cls, folder: Path) -> Curves:
        """Read curves; ProjectionError for a missing or changed file or another format."""
        try:
            made = cls({name: (folder / name).read_bytes() for name in (MANIFEST, *FILES)})
        except OSError as error:
            raise ProjectionError(
                f"a file of the cost curves cannot be read: {error.strerror or error}",
                where=str(error.filename or folder),
                cure="Name a folder that `sentinel project fit --out` wrote, or fit again.",
            ) from error
        try:
            found, digests = made.manifest["format"], dict(made.manifest["files"])
        except (ValueError, KeyError, TypeError) as error:
            raise ProjectionError(
                "the manifest is not one of cost curves",
                where=str(folder / MANIFEST),
                cure="Copy the curves again from where they were fitted, or fit again.",
            ) from error
        if found != FORMAT:
            raise ProjectionError(
                f"the cost curves have format {found}, this version reads {FORMAT}",
                where=str(folder / MANIFEST),
                cure="Fit again with this version.",
            )
        for name in FILES:
            if hashlib.sha256(made.files[name]).hexdigest() != digests.get(name):
                raise ProjectionError(
                    f"{name} is not the file that the manifest names",
                    where=str(folder / name),
                    cure="Copy the curves again from where they were fitted, or fit again.",
                )
        return made


def name_cell(level: str, key: str | None) -> pl.Expr:
    """The name of a cell: ``group:ES25``, ``mdc:E``, ``all``; null where the column ``key`` is."""
    return pl.lit(level) if key is None else pl.format(f"{level}:{{}}", pl.col(key))


def _spell(table: pl.DataFrame) -> bytes:
    written = io.BytesIO()
    table.write_parquet(written, compression="zstd", statistics=False)
    return written.getvalue()
