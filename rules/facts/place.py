"""Putting rows at their places: how facts that know their row come together without a join."""

from __future__ import annotations

import numpy as np
import polars as pl

from rules.facts.source import ROW


def placed(found: pl.DataFrame, at: pl.Series, height: int) -> pl.DataFrame:
    """A frame of ``height`` rows: each row of ``found`` at its place ``at``, elsewhere nulls.

    A row without a place is left out.
    """
    if not found.height:
        return pl.DataFrame(
            [pl.Series(s.name, [None] * height, s.dtype) for s in found.get_columns()]
        )
    place = (at.fill_null(height) if at.null_count() else at).to_numpy()
    if found.height == height and bool((place == np.arange(height)).all()):
        return found
    row = np.full(height + 1, found.height, dtype=np.uint32)
    row[place] = np.arange(found.height, dtype=np.uint32)
    rows = pl.DataFrame({ROW: row[:height]}).select(pl.when(pl.col(ROW) < found.height).then(ROW))
    return found.select(pl.all().gather(rows[ROW]))


def known_at(at: pl.Series, height: int) -> pl.Series:
    """Which of ``height`` rows are among the places."""
    known = np.zeros(height, dtype=bool)
    known[at.to_numpy()] = True
    return pl.Series(known)
