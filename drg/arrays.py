"""Arrays of numbers and positions, and the few operations on them that numpy has no name for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Ids = NDArray[np.intp]
"""Positions in a list of names; -1 is none."""
Numbers = NDArray[np.float64]
"""Numbers with NaN for unknown: every comparison with it is false, as the tests want it."""


def spread(starts: Ids, counts: Ids) -> tuple[Ids, Ids]:
    """The entries of the segments one after the other, and for each the number of its segment."""
    owner = np.repeat(np.arange(len(counts)), counts)
    before = np.cumsum(counts) - counts
    return np.arange(len(owner)) + np.repeat(starts - before, counts), owner


def mark(owner: Ids, length: int) -> Bools:
    """True at every position that ``owner`` names."""
    out = np.zeros(length, dtype=np.bool_)
    out[owner] = True
    return out


def names(listed: Sequence[str | None]) -> pl.Series:
    """A list of names for ``pick``: a last null stands for -1."""
    return pl.Series([*listed, None], dtype=pl.String)


def pick(listed: pl.Series, index: Ids) -> pl.Series:
    """The names at the positions; null for -1. ``listed`` comes from ``names``."""
    return listed.gather(np.where(index < 0, len(listed) - 1, index))


def integers(array: pa.Array, *, missing: int) -> Ids:
    """An Arrow column of whole numbers; empty cells become ``missing``."""
    return np.asarray(array.fill_null(missing).to_numpy(zero_copy_only=False), dtype=np.intp)


def numbers(array: pa.Array) -> Numbers:
    """An Arrow column of whole numbers or days; empty cells become NaN."""
    if pa.types.is_date32(array.type):
        array = array.cast(pa.int32())
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.float64)
