"""One row a stay and day with charges: sums by kind of line, from which costs and days follow.

Lines are added up once, here; facts of cost, course, care and activity read the few rows.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rules.facts import charge_line
from rules.facts.charge_line import CATEGORY, ITEM_DAY, STANDS
from rules.facts.source import STAY, Source

CATEGORIES: Final = 16
"""More than the largest number of a charge category (14)."""
ACTIVE: Final = (3, 4, 5, 6, 9, 10, 11)
"""Categories that show something done for the patient: exams, lab, treatment, operation, drugs."""
KINDS: Final = {
    "drug": (9, 10, 11), "consumable": (8,), "exam": (3,), "lab": (4,),
    "treatment": (5,), "operation": (6,), "bed_and_nursing": (1, 7),
    "other": (2, 12, 13, 14),
}  # fmt: skip
"""Kind of cost -> national charge categories; each line is of exactly one kind."""
THERAPY: Final = (5, 6, 9, 10, 11)
"""Categories that treat: treatment, operation and drugs."""
CLASSES: Final = ("antibacterial", "blood_product", "intensive_bed")
"""Classes of items whose cost is a fact."""
_EXACT: Final = 2**53
"""Whole numbers below it are exact as floats."""


def days(source: Source) -> pl.DataFrame:
    """One row a stay and day with charges, sorted by both.

    ``:stay``, ``stay_id``, ``charge_date``; net sums in fen: ``all_fen``, ``<kind>_cost_fen``
    of KINDS, ``chinese_drug_cost_fen``, ``<class>_cost_fen`` of CLASSES, ``bed_fen`` (category
    01), ``care_fen`` (categories 03 to 11), of treatments and drugs by the table of settings
    ``ward_fen`` (operations too), ``parenteral_fen``, ``unknown_fen``, ``unknown_drug_fen``;
    sums of lines that stand: ``standing_fen``, ``light_fen`` (no operation or material),
    ``home_fen`` (drugs to take home); ``intensive_bed_days``; flags: ``treats``
    (a standing line treats) and ``active`` (one shows something done).
    """
    return source.once("charge days", _days)


def add_up(cells: NDArray[np.int64], amounts: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """The sum of the amounts of each cell (0 to size - 1), exactly."""
    if np.abs(amounts).sum(dtype=np.float64) < _EXACT:
        return np.bincount(cells, weights=amounts, minlength=size).astype(np.int64)
    found = np.zeros(size, dtype=np.int64)
    np.add.at(found, cells, amounts)
    return found


def _days(source: Source) -> pl.DataFrame:
    rows = charge_line.lines(source)
    since = charge_line.days(rows["charge_date"])
    span = int(since.max(initial=0)) + 1
    day = charge_line.numbered(rows[STAY].to_numpy().astype(np.int64) * span + since)
    size = int(day.max(initial=-1)) + 1
    first = np.zeros(size, dtype=np.int64)
    first[day[::-1]] = np.arange(rows.height)[::-1]
    amount, category = rows["amount_fen"].to_numpy(), rows[CATEGORY].to_numpy()
    stands = rows[STANDS].to_numpy()
    all_stand = bool(stands.all())

    def by_category(which: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        cells = day * CATEGORIES + category
        amounts = amount if which is None else np.where(which, amount, 0)
        return add_up(cells, amounts, size * CATEGORIES).reshape(size, CATEGORIES)

    def among(which: NDArray[np.bool_]) -> NDArray[np.int64]:
        return add_up(day[which], amount[which], size)

    def any_of(which: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.bincount(day[which], minlength=size) > 0

    net = by_category(None)
    standing = net if all_stand else by_category(stands)
    tariff, item_day = charge_line.tariff(source), rows[ITEM_DAY].to_numpy()

    def told(which: pl.Expr) -> NDArray[np.bool_]:
        flags = tariff.select(which.fill_null(value=False)).to_series().to_numpy()
        found: NDArray[np.bool_] = flags[item_day]
        return found

    def of(*categories: int) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = np.isin(np.arange(CATEGORIES), categories)[category]
        return found

    operated, drug = of(*KINDS["operation"]), of(*KINDS["drug"])
    unknown = told(pl.col("setting").is_null()) & (drug | of(*KINDS["treatment"]))
    home = rows["discharge_medication"].fill_null(value=False).to_numpy()
    intensive = rows.select(STAY, "charge_date", "quantity").filter(
        pl.Series(told(pl.col("class") == "intensive_bed"))
    )
    beds = intensive.group_by(STAY, "charge_date").agg(
        pl.col("quantity").sum().alias("intensive_bed_days")
    )
    light = [c for c in range(CATEGORIES) if c not in (*KINDS["operation"], *KINDS["consumable"])]
    sums = {
        "all_fen": net.sum(axis=1),
        **{f"{kind}_cost_fen": net[:, of_kind].sum(axis=1) for kind, of_kind in KINDS.items()},
        "chinese_drug_cost_fen": net[:, (10, 11)].sum(axis=1),
        **{f"{name}_cost_fen": among(told(pl.col("class") == name)) for name in CLASSES},
        "bed_fen": net[:, 1],
        "care_fen": net[:, 3:12].sum(axis=1),
        "ward_fen": among(
            operated | told(pl.col("setting").is_in(["ward", "parenteral", "vehicle"]))
        ),
        "parenteral_fen": among(told(pl.col("setting").is_in(["parenteral", "vehicle"]))),
        "unknown_fen": among(unknown),
        "unknown_drug_fen": among(unknown & drug),
        "standing_fen": standing.sum(axis=1),
        "light_fen": standing[:, light].sum(axis=1),
        "home_fen": among(home & stands),
        "treats": any_of(stands & of(*THERAPY)),
        "active": any_of(stands & (of(*ACTIVE) | told(pl.col("is_clinical")))),
    }
    heads = rows.select(STAY, "stay_id", "charge_date")[first]
    return (
        heads.with_columns(pl.Series(name, values) for name, values in sums.items())
        .join(beds, on=[STAY, "charge_date"], how="left", maintain_order="left")
        .with_columns(pl.col("intensive_bed_days").fill_null(0), pl.col(STAY).set_sorted())
    )
