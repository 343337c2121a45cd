"""Projecting: where the cost of a stay that is still open is heading."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import polars as pl

from domain.tables import Tables
from drg.projection.costs import Floats, Ints, Paths, ProjectionError, add_up, frame
from drg.projection.curves import KEY, LEVELS, NODES, SHARES, Curves, name_cell
from drg.projection.estimate import HEAD, KEYS

LEVEL: Final = 0.8
"""Share of stays whose total should lie inside the interval."""
HIGHEST: Final = 0.98
"""The widest interval that the stored quantiles can tell."""

ABSENT: Final[dict[str, tuple[str, str]]] = {
    "not_inpatient": ("非住院", "Not an inpatient stay."),
    "not_admitted": ("截至该日尚未入院", "Not yet admitted on that day."),
    "discharged": ("截至该日已出院", "Discharged by that day."),
    "other_currency": ("币种与费用曲线不同", "In another currency than the cost curves."),
    "no_charges": ("截至该日没有费用明细", "No charge lines up to that day."),
}
"""Why a stay has no projection, in Chinese and English."""

PROJECTED: Final = pl.Schema(
    {
        "stay_id": pl.String(),
        "as_of": pl.Date(),
        "day_of_stay": pl.Int32(),
        "cost_to_date_fen": pl.Int64(),
        "expected_cost_to_date_fen": pl.Int64(),
        "cost_pace": pl.Float64(),
        "projected_total_fen": pl.Int64(),
        "projected_low_fen": pl.Int64(),
        "projected_high_fen": pl.Int64(),
        "payment_standard_fen": pl.Int64(),
        "projected_ratio": pl.Float64(),
        "standard_reached_on": pl.Date(),
        "probability_over_standard": pl.Float64(),
        "high_line_reached_on": pl.Date(),
        "probability_over_high_line": pl.Float64(),
        "projected_discharge": pl.Date(),
        "cell": pl.String(),
        "cell_cases": pl.Int64(),
        "cell_day": pl.Int32(),
        "absent": pl.String(),
    }
)
"""One row a stay; docs/projection.md explains each column.

``day_of_stay`` is 1 on the day of admission. ``expected_cost_to_date_fen`` is the median
of the cell on that day and ``cost_pace`` the cost to date over it.
``projected_total_fen`` is the median of what such stays came to. ``cell`` and
``cell_cases`` say which settled stays the projection rests on: those of that cell still
in hospital at the end of ``cell_day``, which is an earlier day only where the stay is
longer than nearly all of them.
"""


def project(
    open_stays: Tables,
    as_of: date | pl.DataFrame,
    curves: Curves,
    priced: pl.DataFrame,
    *,
    level: float = LEVEL,
) -> pl.DataFrame:
    """Project every stay as seen at the end of the day ``as_of``: one ``PROJECTED`` row each.

    A frame (stay_id, as_of) gives each stay a day of its own; stays not in it are left
    out.

    ``priced``: stay_id, group_code, adrg, mdc, payment_standard_fen and, if known,
    high_line_fen; whatever is null there is null in the answer, and a stay without a
    group is projected from a wider cell. Charges dated later are not read, nor is a
    discharge after that day, so settled stays can be projected as they were. ``level``
    is the share of stays whose total should lie between low and high.
    ProjectionError unless it is above 0 and at most 0.98.
    """
    stays = frame(open_stays, "stays", HEAD)
    if isinstance(as_of, date):
        stays = stays.with_columns(as_of=pl.lit(as_of))
    else:
        asked = as_of.select("stay_id", "as_of")
        stays = stays.join(asked, on="stay_id", maintain_order="left")
    stays = stays.with_columns(day=(pl.col("as_of") - pl.col("admission_date")).dt.total_days() + 1)
    absent = (
        pl.when(pl.col("claim_type") != "inpatient")
        .then(pl.lit("not_inpatient"))
        .when(pl.col("day") < 1)
        .then(pl.lit("not_admitted"))
        .when(pl.col("discharge_date") <= pl.col("as_of"))
        .then(pl.lit("discharged"))
        .when(pl.col("currency") != curves.currency)
        .then(pl.lit("other_currency"))
    )
    stays = stays.with_columns(absent=absent)
    seen = stays.filter(pl.col("absent").is_null()).with_columns(days=pl.col("day"))
    paths = add_up(open_stays, seen, late=False)
    at = np.arange(len(paths.days))
    observed = seen.select("stay_id", "admission_date", "day").with_columns(
        cost=pl.Series(paths.last, dtype=pl.Int64), lines=pl.Series(paths.lines, dtype=pl.Int64)
    )
    answer = assess(observed, at, paths, curves, priced, level=level).drop("absent", "as_of")
    return (
        stays.select("stay_id", "as_of", pl.col("absent").alias("why"))
        .join(answer, on="stay_id", how="left", maintain_order="left")
        .with_columns(
            absent=pl.coalesce(
                "why", pl.when(pl.col("cost_to_date_fen").is_null()).then(pl.lit("no_charges"))
            ),
        )
        .select(list(PROJECTED))
        .cast(PROJECTED)
    )


def assess(
    observed: pl.DataFrame,
    stay: Ints,
    paths: Paths,
    curves: Curves,
    priced: pl.DataFrame,
    *,
    level: float,
) -> pl.DataFrame:
    """Project observations of stays: the heart of ``project`` and of the backtest.

    ``observed``: stay_id, admission_date, day, cost (to date), lines (so far); ``stay``
    is the stay of each in ``paths``, which is read up to ``day`` only. Returns
    ``PROJECTED`` rows in the same order.
    """
    if not 0 < level <= HIGHEST:
        raise ProjectionError(
            f"an interval of {level} cannot be told from the curves",
            where="level",
            cure=f"Ask for a share above 0 and at most {HIGHEST}.",
        )
    wanted = ["stay_id", *KEYS, "payment_standard_fen", "high_line_fen"]
    lacking = {"payment_standard_fen": pl.Int64, "high_line_fen": pl.Int64}
    known = priced.with_columns(
        pl.lit(None, dtype=kind).alias(name)
        for name, kind in lacking.items()
        if name not in priced.columns
    ).select(wanted)
    rows = observed.join(known, on="stay_id", how="left", maintain_order="left")
    day = rows["day"].to_numpy()
    cost = np.where(rows["lines"].to_numpy() > 0, rows["cost"].to_numpy(), 0)
    charged = rows["lines"].to_numpy() > 0

    place = _find(rows, curves)
    used = curves.days[place]
    cell_day = used["day"].to_numpy()
    unit = np.where(used["per_standard"].to_numpy(), rows["payment_standard_fen"].to_numpy(), 1.0)
    totals = _spread(cost / unit, unit, used) * unit[:, None]
    low, median, high = (_share(totals, p) for p in ((1 - level) / 2, 0.5, (1 + level) / 2))
    nights = np.rint(used["nights"].to_numpy() - cell_day + day).astype(np.int64)
    cases = used["cases"].to_numpy()

    made: dict[str, pl.Series] = {}
    for name, limit_name in (("standard", "payment_standard_fen"), ("high_line", "high_line_fen")):
        given = rows[limit_name].cast(pl.Float64).to_numpy()
        limit = np.where(given > 0, given, np.nan)
        over = _over(totals, limit, cost, cases)
        reached = _reach(
            limit,
            cost,
            median,
            day=day,
            nights=nights,
            cells=used.select(KEY),
            curves=curves,
            stay=stay,
            paths=paths,
        )
        made[f"probability_over_{name}"] = _blank(over, np.isnan(limit) | ~charged)
        made[f"{name}_reached_on"] = _blank(reached.astype(np.float64), (reached < 1) | ~charged)
    whole = {
        "cost_to_date_fen": cost,
        "projected_total_fen": median,
        "projected_low_fen": low,
        "projected_high_fen": high,
    }
    same_day = pl.col("cell_day") == pl.col("day")

    def on(days: str) -> pl.Expr:
        """The date of a day of the stay."""
        return pl.col("admission_date") + pl.duration(days=pl.col(days).cast(pl.Int64) - 1)

    return (
        rows.with_columns(
            **{n: _blank(v.astype(np.float64), ~charged).cast(pl.Int64) for n, v in whole.items()},
            **made,
            cell=used["cell"],
            cell_cases=used["cases"],
            cell_day=used["day"],
            expected=pl.Series(np.rint(used["expected_cost"].to_numpy() * unit)).cast(pl.Int64),
            leaves=pl.Series(nights + 1),
        )
        .with_columns(
            as_of=on("day"),
            day_of_stay="day",
            expected_cost_to_date_fen=pl.when(same_day).then("expected"),
            projected_discharge=on("leaves"),
            standard_reached_on=on("standard_reached_on"),
            high_line_reached_on=on("high_line_reached_on"),
            absent=pl.when(~pl.Series(charged)).then(pl.lit("no_charges")),
        )
        .with_columns(
            cost_pace=pl.when(pl.col("expected_cost_to_date_fen") > 0).then(
                pl.col("cost_to_date_fen") / pl.col("expected_cost_to_date_fen")
            ),
            projected_ratio=pl.when(pl.col("payment_standard_fen") > 0).then(
                pl.col("projected_total_fen") / pl.col("payment_standard_fen")
            ),
        )
        .select(list(PROJECTED))
        .cast(PROJECTED)
    )


def _find(rows: pl.DataFrame, curves: Curves) -> Ints:
    """The row of ``curves.days`` for each observation: the narrowest cell known on that day.

    Longer than any cell: the last day of all stays together.
    """
    index = curves.days.select(*KEY, pl.col("day").cast(pl.Int64)).with_row_index("place")
    priced = rows["payment_standard_fen"] > 0
    places = []
    for level, key, per_standard in LEVELS:
        name = name_cell(level, key)
        named = rows.select(
            pl.col("day").cast(pl.Int64),
            cell=pl.when(priced).then(name) if per_standard else name,
            per_standard=pl.lit(per_standard),
        )
        found = named.join(index, on=[*KEY, "day"], how="left", maintain_order="left")
        places.append(found["place"])
    # A stay longer than all of a cell's, or earlier than any was charged: the nearest day.
    for per_standard in (True, False):
        whole = index.filter((pl.col("cell") == "all") & (pl.col("per_standard") == per_standard))
        if whole.height:
            nearest = np.searchsorted(whole["day"].to_numpy(), rows["day"].to_numpy(), "right")
            chosen = whole["place"].gather(np.clip(nearest - 1, 0, None))
            usable = priced if per_standard else pl.lit(True)
            places.append(pl.select(pl.when(usable).then(chosen)).to_series())
    return pl.select(pl.coalesce(*places)).to_series().to_numpy().astype(np.int64)


def _spread(cost: Floats, unit: Floats, used: pl.DataFrame) -> Floats:
    """Quantiles of the final total of each observation, (observations, shares), in its unit."""
    nodes = used["log_cost"].to_numpy()
    stored = used["remaining"].to_numpy().reshape(-1, len(NODES), len(SHARES))
    lowest = np.exp(nodes[:, 0])
    # Dearer than any case seen: what remains grows with the cost. Cheaper: what remains is
    # that of the cheapest case, since charges that came in late are no sign of a cheap stay.
    log_cost = np.log(np.maximum(cost, lowest))
    inside = np.clip(log_cost, nodes[:, 0], nodes[:, -1])
    right = np.clip((nodes <= inside[:, None]).sum(axis=1), 1, len(NODES) - 1)
    row = np.arange(len(cost))
    width = nodes[row, right] - nodes[row, right - 1]
    step = np.where(width > 0, (inside - nodes[row, right - 1]) / np.where(width > 0, width, 1), 0)
    rest = stored[row, right - 1] * (1 - step[:, None]) + stored[row, right] * step[:, None]
    # Beyond the dearest case what remains grows with the cost.
    least, mean, most = used["log_unit"].to_numpy().T
    moved = used["unit_slope"].to_numpy() * (np.clip(np.log(unit), least, most) - mean)
    factor = np.exp(moved + log_cost - inside)[:, None]
    return np.asarray(cost[:, None] + np.where(rest > 0, rest * factor, rest), dtype=np.float64)


def _share(totals: Floats, share: float) -> Floats:
    """The quantile at ``share`` of each row, between the stored ones in proportion."""
    right = int(np.clip(np.searchsorted(SHARES, share), 1, len(SHARES) - 1))
    step = (share - SHARES[right - 1]) / (SHARES[right] - SHARES[right - 1])
    found = totals[:, right - 1] * (1 - step) + totals[:, right] * step
    return np.asarray(np.rint(found), dtype=np.float64)


def _over(totals: Floats, limit: Floats, cost: Floats, cases: Ints) -> Floats:
    """Probability that the total exceeds the limit.

    While the cost is below the limit it is never told as 0 or 1: one case more than
    those seen could be the first of its kind.
    """
    below = (totals <= limit[:, None]).sum(axis=1)
    right = np.clip(below, 1, len(SHARES) - 1)
    row = np.arange(len(limit))
    left_total, right_total = totals[row, right - 1], totals[row, right]
    width = right_total - left_total
    step = np.where(width > 0, (limit - left_total) / np.where(width > 0, width, 1), 0)
    share = SHARES[right - 1] + np.clip(step, 0, 1) * (SHARES[right] - SHARES[right - 1])
    share = np.where(below == 0, 0.0, np.where(below == len(SHARES), 1.0, share))
    doubt = 1 / (cases + 2)
    return np.where(cost > limit, 1 - share, np.clip(1 - share, doubt, 1 - doubt))


def _reach(
    limit: Floats,
    cost: Ints,
    projected: Floats,
    *,
    day: Ints,
    nights: Ints,
    cells: pl.DataFrame,
    curves: Curves,
    stay: Ints,
    paths: Paths,
) -> Ints:
    """Day of the stay on which the limit is passed; 0 for never.

    In the past it is the first day on which the charges so far were above it. In the
    future the remaining cost is spread over the days to come as the cell's stays spread
    theirs.
    """
    found = np.zeros(len(limit), dtype=np.int64)
    for at in np.flatnonzero(cost > limit):
        begin = paths.start[stay[at]]
        path = paths.cost[begin : begin + day[at]]
        found[at] = int(np.argmax(path > limit[at])) + 1
    ahead = np.flatnonzero((cost <= limit) & (projected > limit))
    if not len(ahead):
        return found
    shares = curves.days.select(*KEY, "day", "share").partition_by(KEY, as_dict=True)
    leaving = {
        row[:-1]: row[-1] for row in curves.cells.select(*KEY, "discharge_share").iter_rows()
    }
    parts = cells[ahead].with_columns(at=pl.Series(ahead)).partition_by(KEY, as_dict=True)
    for name, part in parts.items():
        some = part["at"].to_numpy()
        table = shares[name]
        until = int(max(nights[some].max(), table["day"][-1]))
        # Days beyond the curve go on as its last day.
        daily = np.full(until + 1, float(table["share"][-1]))
        daily[: int(table["day"][-1]) + 1] = 0
        daily[table["day"].to_numpy()] = table["share"].to_numpy()
        spent = np.cumsum(daily)
        rest = spent[nights[some]] - spent[day[some]] + leaving[name]
        needed = (limit[some] - cost[some]) / (projected[some] - cost[some])
        on = np.searchsorted(spent, spent[day[some]] + needed * rest, side="right")
        found[some] = np.clip(on, day[some] + 1, nights[some] + 1)
    return found


def _blank(values: Floats, where: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> pl.Series:
    """The values with nulls at ``where``."""
    made = pl.Series(np.where(where, 0, values))
    return pl.select(pl.when(~pl.Series(where)).then(made)).to_series()
