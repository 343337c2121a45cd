"""Collects what is wrong with a pack, so that a person sees all of it at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from drg.schemes.scheme import SchemeError

LIMIT = 20
"""Problems of one kind in one file that are told one by one; the rest is counted."""

ROW = "_row"
"""Column with the line of the file (the header is line 1); never part of a scheme."""

Row = Mapping[str, Any]


class Problems:
    """What is wrong with one folder, in the order in which it was found.

    ``warnings`` collects, in the same way, what is allowed but looks like a slip.
    """

    def __init__(self, folder: Path, limit: int = LIMIT, *, warns: bool = True) -> None:
        self._folder = folder
        self._limit = limit
        self.warnings: Problems | None = Problems(folder, limit, warns=False) if warns else None
        self._found: list[SchemeError] = []
        self._counts: Counter[tuple[str, str]] = Counter()
        self._cures: dict[tuple[str, str], str] = {}

    def __len__(self) -> int:
        return sum(self._counts.values())

    def add(self, kind: str, file: str, row: int | None, what: str, cure: str) -> None:
        """Note one problem; ``kind`` groups those that are told together."""
        self._counts[kind, file] += 1
        self._cures.setdefault((kind, file), cure)
        if self._counts[kind, file] <= self._limit:
            self._found.append(SchemeError(what, where=self._where(file, row), cure=cure))

    def add_rows(
        self, kind: str, file: str, rows: pl.DataFrame, what: Callable[[Row], str], cure: str
    ) -> None:
        """Note one problem for each row of a frame that has the column ``ROW``."""
        if rows.is_empty():
            return
        for row in rows.sort(ROW).head(self._limit).iter_rows(named=True):
            self.add(kind, file, row[ROW], what(row), cure)
        self._counts[kind, file] += max(0, rows.height - self._limit)

    def warn(self, kind: str, file: str, row: int | None, what: str, cure: str) -> None:
        """Note something that is allowed but looks like a slip."""
        if self.warnings is not None:
            self.warnings.add(kind, file, row, what, cure)

    def errors(self) -> list[SchemeError]:
        """Return the problems one by one, then how many more there are of each kind."""
        more = [
            SchemeError(
                f"{count - self._limit:,} more problems of this kind ({kind})",
                where=self._where(file, None),
                cure=self._cures[kind, file],
            )
            for (kind, file), count in self._counts.items()
            if count > self._limit
        ]
        return [*self._found, *more]

    def _where(self, file: str, row: int | None) -> str:
        path = self._folder / file if file else self._folder
        return str(path) if row is None else f"{path}:{row}"
