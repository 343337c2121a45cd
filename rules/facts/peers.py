"""Facts of comparison with peers: where a stay lies among earlier stays of its group.

Peers are inpatient stays of the same billed group, hospital level and currency that
ended before the day on which this one ended, at most a year earlier. So the answer
follows from the history alone and sees nothing of the future.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from rules.facts.cost_tables import FEW
from rules.facts.fact import Fact, Kind, declare
from rules.facts.lookback import YEAR_DAYS
from rules.facts.source import Source

ALIKE: Final = ("billed_group_code", "provider_level", "currency")
"""What peers share."""

_FEW: Final = f"fewer than {FEW} peers are known, or group, level or own value is not stated"

# fmt: off
PEERS: Final[tuple[Fact, ...]] = declare("stay", "stays of the same group", (
    ("cost_percentile_in_group", Kind.NUMBER, "同组费用百分位", "percentile of the cost in the group",
     "Share of the peers (stays of the same billed group and hospital level that ended in the 365 days before this one ended) "
     "whose total is lower, half of the equal ones added.", _FEW),
    ("stay_percentile_in_group", Kind.NUMBER, "同组住院日百分位", "percentile of the days of stay in the group",
     "The same for the days of stay.", _FEW),
    ("peers_in_group", Kind.INTEGER, "同组既往病例数", "peers in the group", "Number of those peers whose total and days are known.",
     "group, level or discharge is not stated"),
), measures={"peers_in_group": "stay"}, as_of="stays that ended before the day on which it ended")
# fmt: on

Floats = npt.NDArray[np.float64]


def peers(source: Source) -> pl.LazyFrame:
    """The facts ``PEERS`` of the batch's inpatient stays that have ended."""
    return source.once("peers", lambda source: place(measured(source))).lazy()


def measured(source: Source) -> pl.DataFrame:
    """What ``place`` reads, for each ended inpatient stay of batch and history."""
    mine = source.table("stays").select("stay_id").with_columns(in_batch=pl.lit(value=True))
    return (
        source.all_rows("stays")
        .filter(
            (pl.col("claim_type") == "inpatient")
            & pl.col("discharge_date").is_not_null()
            & pl.all_horizontal(pl.col(c).is_not_null() for c in ALIKE)
        )
        .select(
            "stay_id",
            *ALIKE,
            day=pl.col("discharge_date").to_physical().cast(pl.Int64),
            cost=pl.col("total_amount_fen").cast(pl.Float64),
            days=(pl.col("discharge_date") - pl.col("admission_date"))
            .dt.total_days()
            .cast(pl.Float64),
        )
        .join(mine, on="stay_id", how="left", maintain_order="left")
    )


def place(stays: pl.DataFrame) -> pl.DataFrame:
    """The facts ``PEERS`` of the stays that are ``in_batch``; all of one ``ALIKE`` must be there."""
    stays = stays.sort(*ALIKE, "day", "stay_id")
    groups = [_place(group) for group in stays.partition_by(*ALIKE, maintain_order=True)]
    nothing = pl.DataFrame(
        schema={
            "stay_id": pl.String(),
            "cost_percentile_in_group": pl.Float64(),
            "stay_percentile_in_group": pl.Float64(),
            "peers_in_group": pl.Int64(),
        }
    )
    return pl.concat([nothing, *groups])


def _place(group: pl.DataFrame) -> pl.DataFrame:
    """The facts of one group's stays in the batch; the group is sorted by day."""
    known = group.filter(pl.col("cost").is_not_null() & pl.col("days").is_not_null())
    asked = group.filter(pl.col("in_batch").fill_null(value=False))
    when, at = known["day"].to_numpy(), asked["day"].to_numpy()
    first = np.searchsorted(when, at - YEAR_DAYS, side="left")
    last = np.searchsorted(when, at, side="left")
    count = last - first
    return asked.select(
        "stay_id",
        cost_percentile_in_group=_rank(known["cost"], asked["cost"], first, last),
        stay_percentile_in_group=_rank(known["days"], asked["days"], first, last),
        peers_in_group=pl.Series(count, dtype=pl.Int64),
    )


def _rank(
    peers: pl.Series, own: pl.Series, first: npt.NDArray[np.int64], last: npt.NDArray[np.int64]
) -> pl.Series:
    """Share of ``peers[first:last]`` below each own value, half of the equal ones added."""
    values, asked = peers.to_numpy(), own.to_numpy()
    shares = np.full(len(asked), np.nan)
    # Stays that ended on one day have the same peers: one sort a day, not one a stay.
    for begin, end in sorted({(int(a), int(b)) for a, b in zip(first, last, strict=True)}):
        if end - begin < FEW:
            continue
        window = np.sort(values[begin:end])
        here = (first == begin) & (last == end)
        below = np.searchsorted(window, asked[here], side="left")
        upto = np.searchsorted(window, asked[here], side="right")
        shares[here] = (below + upto) / (2 * (end - begin))
    shares[np.isnan(asked)] = np.nan
    return pl.Series(shares, dtype=pl.Float64).fill_nan(None)
