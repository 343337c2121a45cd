"""Costs of stays day by day: what has been charged up to the end of each day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from domain.errors import SentinelError
from domain.tables import Tables

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class ProjectionError(SentinelError):
    """Costs cannot be projected from what was given."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Cost to date of some stays, each from its day 1 (the day of admission) on.

    ``cost`` is flat, in fen: the days of stay i stand at ``start[i]`` to
    ``start[i] + days[i]``. ``lines`` counts the charge lines of each stay.
    """

    start: Ints
    days: Ints
    cost: Ints
    lines: Ints

    @property
    def stay(self) -> Ints:
        """The stay of each entry of ``cost``."""
        return np.repeat(np.arange(len(self.days)), self.days)

    @property
    def day(self) -> Ints:
        """The day of the stay of each entry of ``cost``."""
        return np.arange(len(self.cost), dtype=np.int64) - np.repeat(self.start, self.days) + 1

    @property
    def last(self) -> Ints:
        """Cost to date at the end of each stay's last day."""
        return np.asarray(self.cost[self.start + self.days - 1], dtype=np.int64)


def frame(tables: Tables, name: str, columns: list[str]) -> pl.DataFrame:
    """Columns of one table of the batch as a Polars frame."""
    made: Any = pl.from_arrow(getattr(tables, name).select(columns))
    return pl.DataFrame(made)


def add_up(tables: Tables, stays: pl.DataFrame, *, late: bool) -> Paths:
    """Cost to date of ``stays``: columns stay_id, admission_date, days (at least 1 each).

    Charges dated before the admission count on day 1. Those dated after the last of
    ``days`` count on that last day if ``late``, else not at all: the future of a stay
    that is still open. Lines that take others back count negative.
    """
    numbered = stays.select(
        "stay_id", "admission_date", pl.col("days").cast(pl.Int64)
    ).with_row_index("stay")
    day = (pl.col("charge_date") - pl.col("admission_date")).dt.total_days() + 1
    placed = (
        frame(tables, "charges", ["stay_id", "charge_date", "amount_fen"])
        .lazy()
        .join(numbered.lazy(), on="stay_id")
        .with_columns(day=day.clip(lower_bound=1))
    )
    if late:
        placed = placed.with_columns(day=pl.min_horizontal("day", "days"))
    else:
        placed = placed.filter(pl.col("day") <= pl.col("days"))
    summed = (
        placed.group_by("stay", "day")
        .agg(pl.col("amount_fen").sum(), pl.len().alias("lines"))
        .collect()
    )
    days = numbered["days"].to_numpy()
    start = np.cumsum(days) - days
    stay = summed["stay"].to_numpy().astype(np.int64)
    flat = np.zeros(int(days.sum()), dtype=np.int64)
    flat[start[stay] + summed["day"].to_numpy() - 1] = summed["amount_fen"].to_numpy()
    lines = np.zeros(len(days), dtype=np.int64)
    np.add.at(lines, stay, summed["lines"].to_numpy().astype(np.int64))
    # Sums run on from stay to stay; what stood before a stay's first day is taken off again.
    running = np.cumsum(flat)
    before = running[start] - flat[start] if len(days) else flat
    return Paths(start, days, running - np.repeat(before, days), lines)
