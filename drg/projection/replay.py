"""Backtest: settled stays projected on each of their days, beside what they came to."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from domain.tables import Tables
from drg.projection.costs import ProjectionError, add_up, frame
from drg.projection.curves import Curves
from drg.projection.estimate import FEWEST, HEAD, fit, settle, usable
from drg.projection.outlook import LEVEL, PROJECTED, assess

REPLAYED = pl.Schema({**PROJECTED, "total_fen": pl.Int64(), "nights": pl.Int64()})
"""A projection with what the stay came to: its total and its nights."""

BACKTEST = pl.Schema(
    {
        "day_of_stay": pl.Int32(),
        "stays": pl.Int64(),
        "median_error": pl.Float64(),
        "bias": pl.Float64(),
        "coverage": pl.Float64(),
        "already_over": pl.Int64(),
        "to_exceed": pl.Int64(),
        "flagged": pl.Int64(),
        "found": pl.Float64(),
        "precision": pl.Float64(),
        "found_so_far": pl.Float64(),
    }
)
"""One row a day of stay, and a last one (``day_of_stay`` null) for all days together.

``median_error`` is the median of abs(projected / final - 1), ``bias`` the sum of the
projected totals over that of the final ones, less 1, ``coverage`` the share of final
totals inside the interval. ``already_over`` stays had passed their standard by then;
of the others ``to_exceed`` did so later, and ``flagged`` had a probability of a half or
more. ``found`` is the share of ``to_exceed`` that was flagged, ``precision`` the share
of ``flagged`` that exceeded. ``found_so_far`` is the share of all stays that exceeded
their standard which had been flagged, before they passed it, by that day.
"""


def replay(
    settled: Tables,
    curves: Curves,
    priced: pl.DataFrame,
    *,
    since: date | None = None,
    level: float = LEVEL,
) -> pl.DataFrame:
    """Project each settled stay on every day it was in hospital, as known on that day.

    Only stays discharged from ``since`` on, with a whole bill in their lines (see
    ``fit``). One ``REPLAYED`` row a stay and day, days without charges so far left out.
    """
    cases = settle(frame(settled, "stays", HEAD)).filter(pl.col("currency") == curves.currency)
    if since is not None:
        cases = cases.filter(pl.col("discharge_date") >= since)
    paths = add_up(settled, cases, late=True)
    good, _ = usable(cases, paths)
    cases = cases.filter(good).sort("stay_id")
    paths = add_up(settled, cases, late=True)
    # A day counts when the stay was still in hospital at its end.
    seen = paths.day < paths.days[paths.stay]
    stay, day = paths.stay[seen], paths.day[seen]
    first = frame(settled, "charges", ["stay_id", "charge_date"]).group_by("stay_id").min()
    head = cases.join(first, on="stay_id", how="left", maintain_order="left")
    observed = head.select(
        "stay_id", "admission_date", "nights", total_fen=pl.Series(paths.last, dtype=pl.Int64)
    )[stay].with_columns(
        day=pl.Series(day, dtype=pl.Int64), cost=pl.Series(paths.cost[seen], dtype=pl.Int64)
    )
    begun = (head["charge_date"] - head["admission_date"]).dt.total_days().to_numpy()[stay] < day
    observed = observed.with_columns(lines=pl.Series(begun).cast(pl.Int64))
    made = assess(observed, stay, paths, curves, priced, level=level)
    return (
        made.with_columns(observed["total_fen"], observed["nights"])
        .filter(pl.col("absent").is_null())
        .select(list(REPLAYED))
    )


def backtest(
    settled: Tables,
    groups: pl.DataFrame,
    *,
    split_date: date,
    level: float = LEVEL,
    fewest: int = FEWEST,
) -> pl.DataFrame:
    """Fit on stays discharged before the split, project all later ones on each of their days.

    ``groups``: stay_id, group_code, adrg, mdc and, for what concerns the standard,
    payment_standard_fen. Returns ``BACKTEST`` rows. ProjectionError if either side of
    the split has too few stays.
    """
    curves = fit(settled, groups, upto=split_date, fewest=fewest)
    made = replay(settled, curves, groups, since=split_date, level=level)
    if made.is_empty():
        raise ProjectionError(
            "no stay with charge lines was discharged on or after the split",
            where=f"split date {split_date}",
            cure="Split on an earlier day, or give later stays.",
        )
    return measure(made)


def measure(made: pl.DataFrame) -> pl.DataFrame:
    """What ``replay`` made, as ``BACKTEST`` rows."""
    ratio = pl.col("projected_total_fen") / pl.col("total_fen")
    standard = pl.col("payment_standard_fen")
    judged = made.with_columns(
        error=(ratio - 1).abs(),
        inside=pl.col("total_fen").is_between("projected_low_fen", "projected_high_fen"),
        over=pl.col("cost_to_date_fen") > standard,
        exceeds=pl.col("total_fen") > standard,
        flag=pl.col("probability_over_standard") >= 0.5,
    ).with_columns(
        open_exceeds=~pl.col("over") & pl.col("exceeds"), open_flag=~pl.col("over") & pl.col("flag")
    )
    both = (pl.col("open_exceeds") & pl.col("open_flag")).sum()
    figures = {
        "stays": pl.len(),
        "median_error": pl.col("error").median(),
        "bias": pl.col("projected_total_fen").sum() / pl.col("total_fen").sum() - 1,
        "coverage": pl.col("inside").mean(),
        "already_over": pl.col("over").sum(),
        "to_exceed": pl.col("open_exceeds").sum(),
        "flagged": pl.col("open_flag").sum(),
        "found": both / pl.col("open_exceeds").sum(),
        "precision": both / pl.col("open_flag").sum(),
    }
    by_day = judged.group_by("day_of_stay").agg(**figures).sort("day_of_stay")
    everything = judged.select(**figures).with_columns(day_of_stay=pl.lit(None, dtype=pl.Int32))
    flagged = (
        judged.filter("exceeds")
        .group_by("stay_id")
        .agg(first=pl.col("day_of_stay").filter(pl.col("open_flag")).min())
    )
    first = np.sort(flagged["first"].drop_nulls().to_numpy())
    many = flagged.height

    def so_far(rows: pl.DataFrame, days: pl.Series) -> pl.DataFrame:
        reached = np.searchsorted(first, days.to_numpy(), side="right")
        share = pl.Series(reached / many) if many else pl.Series([None] * rows.height)
        return rows.with_columns(found_so_far=share.cast(pl.Float64))

    whole = so_far(everything, pl.Series([int(made["day_of_stay"].max() or 0)]))  # type: ignore[arg-type]
    return pl.concat(
        [
            part.select(list(BACKTEST))
            .cast(BACKTEST)
            .with_columns(
                # 0 of 0 is not a share.
                pl.col("found", "precision").fill_nan(None)
            )
            for part in (so_far(by_day, by_day["day_of_stay"]), whole)
        ]
    )
