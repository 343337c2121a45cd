"""Fitting: from settled stays to the cost curves of their cells."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl

from domain import SCHEMA_VERSION
from domain.tables import Tables
from drg.projection.costs import Floats, Ints, Paths, ProjectionError, add_up, frame
from drg.projection.curves import CELLS, DAYS, LEVELS, NODES, SHARES, Curves, name_cell

FEWEST: Final = 30
"""Cases under which a cell gives way to the next wider one: 10 % and 90 % of 30 are the third
case from either end, about the least on which an interval can rest."""
LONGEST: Final = 180
"""Days of stay for which curves are kept."""
# Width of the window of similar costs, in the usual rule spread x n^(-1/5); chosen by
# benchmarks/projection_backtest.py, as is the weight that a case outside the window keeps.
_WIDTH: Final = 1.2
_FLOOR: Final = 0.05
_RIDGE: Final = 1e-4
_LEAST: Final = 0.02
# Lines that miss the stated total by more than this are not the whole bill.
_TOLERANCE: Final = 0.01


def fit(
    settled: Tables, groups: pl.DataFrame, *, upto: date | None = None, fewest: int = FEWEST
) -> Curves:
    """Cost curves from settled inpatient stays with their charge lines.

    ``groups``: stay_id, group_code, adrg, mdc (null where a stay has none; it then
    counts in the wider cells only) and, if known, payment_standard_fen. With ``upto`` only stays discharged before that day
    count. Left out, and counted in the manifest: stays that are not discharged, that
    have no charge lines, whose total is not positive, and whose lines miss the stated
    total by more than 1 %. ProjectionError if fewer than ``fewest`` stays remain or if
    they are in more than one currency.
    """
    if fewest < 5:
        raise ProjectionError(
            f"a cell of {fewest} cases has no spread",
            where="fewest",
            cure="Ask for at least 5 cases a cell; 30 is what the method was measured with.",
        )
    cases, paths, left_out = _settle(settled, groups, upto)
    if cases.height < fewest:
        raise ProjectionError(
            f"there are {cases.height} settled stays with charge lines, at least {fewest} are needed",
            where="the settled stays",
            cure="Give more discharged inpatient stays with their charge lines; "
            f"left out were {left_out}.",
        )
    currencies = sorted(cases["currency"].unique())
    if len(currencies) > 1:
        raise ProjectionError(
            f"the settled stays are in {' and '.join(currencies)}",
            where="stays.currency",
            cure="Fit curves for one currency at a time.",
        )
    cells: list[dict[str, Any]] = []
    days: list[dict[str, Any]] = []
    for level, key, per_standard in LEVELS:
        for cell, rows in _cells(cases, level, key, per_standard=per_standard):
            if len(rows) < fewest:
                continue
            unit = cases["standard"].to_numpy()[rows] if per_standard else np.ones(len(rows))
            about_cell = {"cell": cell, "level": level, "per_standard": per_standard}
            cells.append(about_cell | _describe(rows, unit, cases, paths))
            name = {"cell": cell, "per_standard": per_standard}
            days.extend(name | day for day in _follow(rows, unit, paths, fewest))
    about = {
        "currency": currencies[0],
        "schema_version": SCHEMA_VERSION,
        "window": {
            "first_discharge": str(cases["discharge_date"].min()),
            "last_discharge": str(cases["discharge_date"].max()),
        },
        "cases": cases.height,
        "cells": len(cells),
        "left_out": left_out,
        "fewest": fewest,
    }
    return Curves.of(
        pl.DataFrame(cells, schema=CELLS), pl.DataFrame(days, schema=DAYS, strict=False), about
    )


def settle(stays: pl.DataFrame) -> pl.DataFrame:
    """The inpatient stays among ``stays`` that ended, with their ``nights`` and ``days``."""
    nights = (pl.col("discharge_date") - pl.col("admission_date")).dt.total_days()
    return (
        stays.filter(pl.col("claim_type") == "inpatient")
        .with_columns(nights=nights)
        .filter(pl.col("nights") >= 0)
        .with_columns(days=pl.col("nights") + 1)
    )


HEAD: Final = [
    "stay_id", "claim_type", "currency", "admission_date", "discharge_date", "total_amount_fen",
]  # fmt: skip
"""Columns of the stays that projecting reads."""
KEYS: Final = ("group_code", "adrg", "mdc")
"""What names the cells of a stay."""


def usable(cases: pl.DataFrame, paths: Paths) -> tuple[pl.Series, dict[str, int]]:
    """Which settled stays have a whole bill in their lines, and how many do not, by reason."""
    checked = cases.select(
        "total_amount_fen", total=pl.Series(paths.last), lines=pl.Series(paths.lines)
    ).with_columns(
        missed=(
            (pl.col("total") - pl.col("total_amount_fen")).abs()
            > _TOLERANCE * pl.col("total_amount_fen").abs()
        ).fill_null(False)
    )
    reason = (
        pl.when(pl.col("lines") == 0)
        .then(pl.lit("no_lines"))
        .when(pl.col("total") <= 0)
        .then(pl.lit("total_not_positive"))
        .when(pl.col("missed"))
        .then(pl.lit("lines_miss_the_total"))
    )
    reasons = checked.select(reason.alias("reason"))["reason"]
    counts = dict(sorted(reasons.drop_nulls().value_counts().iter_rows()))
    return reasons.is_null(), counts


def _settle(
    settled: Tables, groups: pl.DataFrame, upto: date | None
) -> tuple[pl.DataFrame, Paths, dict[str, int]]:
    """The usable cases in order of stay_id, their paths, and how many were left out why."""
    stays = frame(settled, "stays", HEAD)
    if upto is not None:
        stays = stays.filter(pl.col("discharge_date").is_null() | (pl.col("discharge_date") < upto))
    inpatient = int((stays["claim_type"] == "inpatient").sum())
    cases = settle(stays).sort("stay_id")
    left_out = {"not_discharged": inpatient - cases.height}
    standard = (
        pl.col("payment_standard_fen") if "payment_standard_fen" in groups.columns else pl.lit(None)
    ).cast(pl.Float64)
    known = groups.select("stay_id", *KEYS, standard=pl.when(standard > 0).then(standard))
    cases = cases.join(known, on="stay_id", how="left", maintain_order="left")
    paths = add_up(settled, cases, late=True)
    good, counts = usable(cases, paths)
    kept = cases.filter(good)
    # Adding up once more is cheaper to read than cutting the flat arrays, and as cheap to run
    # where nothing is left out.
    return kept, paths if good.all() else add_up(settled, kept, late=True), left_out | counts


def _cells(
    cases: pl.DataFrame, level: str, key: str | None, *, per_standard: bool
) -> Iterator[tuple[str, Ints]]:
    """Name and row numbers of each cell of a kind."""
    name = name_cell(level, key)
    rows = cases.with_row_index("row")
    if per_standard:
        rows = rows.drop_nulls("standard")
    found = rows.select("row", cell=name).drop_nulls("cell")
    for (cell,), part in found.group_by("cell", maintain_order=True):
        yield str(cell), part["row"].to_numpy().astype(np.int64)


def _describe(rows: Ints, unit: Floats, cases: pl.DataFrame, paths: Paths) -> dict[str, Any]:
    total = paths.last[rows]
    nights = cases["nights"].to_numpy()[rows]
    at = paths.start[rows] + paths.days[rows] - 1
    before = np.where(nights > 0, paths.cost[np.maximum(at - 1, 0)], 0)
    share = ((total - before) / total)[nights > 0]
    low, median, high = np.quantile(total / unit, [0.1, 0.5, 0.9])
    short, middle, long = np.quantile(nights, [0.1, 0.5, 0.9])
    return {
        "cases": len(rows),
        "total_p10": float(low),
        "total_median": float(median),
        "total_p90": float(high),
        "nights_p10": float(short),
        "nights_median": float(middle),
        "nights_p90": float(long),
        "discharge_share": float(np.clip(share, 0, 1).mean()) if len(share) else 0.0,
    }


def _follow(rows: Ints, unit: Floats, paths: Paths, fewest: int) -> Iterator[dict[str, Any]]:
    """The cell day by day, as long as enough of its cases were in hospital at the day's end."""
    start, days, total = paths.start[rows], paths.days[rows], paths.last[rows]
    for day in range(1, LONGEST + 1):
        inside = days > day  # the last of the days is that of discharge
        if inside.sum() < fewest:
            return
        start, days, total, unit = start[inside], days[inside], total[inside], unit[inside]
        cost = paths.cost[start + day - 1]
        today = cost - paths.cost[start + day - 2] if day > 1 else cost
        charged = cost > 0
        if charged.sum() < fewest:
            continue
        scale = np.log(unit[charged])
        remaining = (total[charged] - cost[charged]) / unit[charged]
        nodes, found, slope = quantiles(np.log(cost[charged]) - scale, remaining, scale)
        yield {
            "day": day,
            "cases": len(cost),
            "expected_cost": float(np.median(cost / unit)),
            "nights": float(np.median(days - 1)),
            "share": float(np.clip(today / total, 0, 1).mean()),
            "log_unit": [float(scale.min()), float(scale.mean()), float(scale.max())],
            "unit_slope": slope,
            "log_cost": nodes,
            "remaining": found.ravel(),
        }


def quantiles(x: Floats, remaining: Floats, scale: Floats) -> tuple[Floats, Floats, float]:
    """Quantiles of what remains given ``x`` at its nodes, and how they move with ``scale``.

    Shapes (nodes,) and (nodes, shares); the quantiles hold at the mean of ``scale``. A
    plane takes out what the log of ``remaining`` owes to ``x`` and ``scale`` everywhere;
    the cases near a node, weighted by their distance, give the spread around it there. So
    a cell whose cases are of two kinds (operated or not yet) keeps both. Cases to which
    nothing was added, or from which charges were taken back, stay what they are.
    """
    count = len(x)
    grows = remaining > 0
    logs = np.log(remaining[grows])
    # A few last cents must not tilt the plane.
    logs = np.maximum(logs, np.median(logs) + np.log(_LEAST)) if len(logs) else logs
    nodes = np.quantile(x, NODES)
    inputs = np.column_stack([x, scale])
    middle = inputs[grows].mean(axis=0) if len(logs) else inputs.mean(axis=0)
    centred = inputs[grows] - middle
    # The small ridge leaves out a column that does not vary, such as one standard for all.
    plane = centred.T @ centred + _RIDGE * count * np.eye(2)
    slope = np.linalg.solve(plane, centred.T @ (logs - logs.mean() if len(logs) else logs))
    rest = logs - centred @ slope
    centre = float(np.median(rest)) if len(rest) else 0.0
    # The plane was laid through the same cases: three of them are spent on it.
    rest = (rest - centre) * np.sqrt(count / (count - 3))
    # Those that grow stand above those that do not, in the order of their rest.
    order = np.concatenate(
        [
            np.flatnonzero(~grows)[np.argsort(remaining[~grows], kind="stable")],
            np.flatnonzero(grows)[np.argsort(rest, kind="stable")],
        ]
    )
    width = max(_WIDTH * float(x.std()) * count**-0.2, 1e-9)
    weight = np.exp(-0.5 * ((nodes[:, None] - x[order]) / width) ** 2) + _FLOOR
    whole = weight.sum(axis=1, keepdims=True)
    # With equal weights the i-th of n cases stands at i/(n+1), also for the effective n here.
    effective = whole**2 / (weight**2).sum(axis=1, keepdims=True)
    at = (np.cumsum(weight, axis=1) - weight / 2) / whole
    at = 0.5 + (at - 0.5) * effective / (effective + 1)
    fixed, free = np.sort(remaining[~grows]), np.sort(rest)
    shift = scale.mean() - middle[1]
    found = np.stack(
        [
            np.interp(
                SHARES,
                at[i],
                np.concatenate(
                    [
                        fixed,
                        np.exp(centre + slope @ (node - middle[0], shift) + free),
                    ]
                ),
            )
            for i, node in enumerate(nodes)
        ]
    )
    return nodes, found, float(slope[1])
