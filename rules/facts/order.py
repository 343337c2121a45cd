"""Facts of doctors' orders: the same drug twice, antibacterials at one time."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from domain.claim import ORDERS
from rules.facts import codebook, reference
from rules.facts.fact import Fact, Kind, declare, from_fields
from rules.facts.source import ROW, STAY, Source

FLAG, INTEGER, DECIMAL = Kind.FLAG, Kind.INTEGER, Kind.DECIMAL
DEAD_STATUSES: Final = ("draft", "revoked", "entered-in-error")
"""Statuses of orders that never took effect."""
RUNNING_HOURS: Final = 168
"""Two orders that both run without a stop are taken to overlap by a week: nobody has ended either."""

# fmt: off
OF_STAY: Final = declare("stay", "orders, reference/items.csv", (
    ("order_count", INTEGER, "医嘱条数", "number of orders", "Orders.", "the claim has no orders"),
    ("antibacterials_at_once", INTEGER, "同时使用抗菌药物种数", "antibacterials at one time",
     "Largest number of different antibacterials ordered at one moment, as far as the tariff knows them.",
     "the claim has no orders"),
    ("antibacterial_names", Kind.TEXT, "同时使用的抗菌药物", "antibacterials of that time",
     "Their names, joined by 、, at the first moment with the largest number.", "none was ordered"),
    ("drug_items_all_classified", FLAG, "药品均可识别", "all drugs are in the tariff",
     "The tariff knows every drug ordered.", "the claim has no orders"),
))
OWN: Final = declare("order", "orders", (
    ("order_is_live", FLAG, "医嘱有效", "order took effect",
     "The order is neither a draft nor revoked nor entered in error.", None),
    ("order_hours", INTEGER, "医嘱时长", "hours of the order",
     "Whole hours from start to stop; 0 for a single order; a standing order without stop ends with the stay.",
     "the end is not known"),
    ("overlap_hours_with_same_item", INTEGER, "与同药重叠时长", "hours of overlap with the same item",
     "Longest overlap with an earlier order (by start, then id) of the same drug by the same route; 0 if none. Of a "
     "patient in hospital two orders that both run without a stop count as a week.",
     "the end of one of them is not known: it does not say whether it is a standing order, or it ended without a stop"),
), measures={"order_hours": "hour", "overlap_hours_with_same_item": "hour"})
DIRECT: Final = {
    "order_type": "order_type", "long_term": "long_term", "item_code": "item_code",
    "item_name": "item_name", "dose": "dose", "dose_unit": "dose_unit",
    "frequency": "frequency", "route": "route", "quantity": "order_quantity",
    "quantity_unit": "order_quantity_unit", "start_time": "order_start_time",
    "stop_time": "order_stop_time", "status": "order_status",
    "ordering_physician_id": "ordering_physician_id", "ordering_department": "ordering_department",
    "executed_time": "executed_time",
}
LINES: Final[tuple[Fact, ...]] = (*from_fields(ORDERS, "order", DIRECT), *OWN)
# fmt: on


def standing(source: Source) -> pl.DataFrame:
    """Orders with what facts need of their stay, with ``:stay`` and ``:row``, and when they hold.

    ``order_is_live``: it took effect. ``order_stands``: so did it, or it is a draft of a
    patient in hospital. ``open``: it runs and nobody has ended it. ``end``: the instant at
    which it ends, null where that is not known.
    """
    return source.once("standing orders", _standing)


def _standing(source: Source) -> pl.DataFrame:
    rows = source.keyed("orders")
    heads = source.table("stays").select(_OF_STAY)[rows[STAY]]
    return rows.hstack(heads.get_columns()).with_columns(_HOLDS)


_OF_STAY: Final = [
    *(pl.col(c) for c in ("time_zone", "admission_time", "discharge_date", "provider_level")),
    pl.coalesce(
        "discharge_time",
        pl.col("discharge_date").cast(pl.Datetime("us", "UTC")) + pl.duration(days=1),
    ).alias("stay_end"),
]
_live: Final = ~pl.col("status").is_in(DEAD_STATUSES)
_endless: Final = pl.col("stop_time").is_null() & pl.col("stay_end").is_null()
_HOLDS: Final = [
    (
        pl.col("long_term").fill_null(value=False)
        & _endless
        # A completed order has ended; without a stop nobody can say when.
        & (pl.col("status") != "completed")
    ).alias("open"),
    _live.alias("order_is_live"),
    (_live | ((pl.col("status") == "draft") & pl.col("discharge_date").is_null())).alias(
        "order_stands"
    ),
    pl.when(_endless & pl.col("long_term"))
    .then(None)
    # A stop before the start is a slip of the clock, not an order of negative length.
    .when(pl.col("stop_time").is_not_null())
    .then(pl.max_horizontal("stop_time", "start_time"))
    .when(~pl.col("long_term"))
    .then("start_time")
    .when(pl.col("long_term"))
    .then(pl.max_horizontal("stay_end", "start_time"))
    .alias("end"),
]
_LIVE_DRUG: Final = (pl.col("order_type") == "drug") & pl.col("order_is_live")


def of_items(orders: pl.DataFrame, name: str, source: Source) -> pl.DataFrame:
    """The orders whose item a reference table names, beside its rows; most orders name none."""
    table = codebook.read(name, source.reference)
    known = orders["item_code"].is_in(codebook.named(name, "item_code", source.reference))
    return orders.filter(known).join(table, on="item_code", how="inner")


def of_stay(source: Source) -> pl.DataFrame:
    """The facts ``OF_STAY``; a claim without orders is left out."""
    rows = standing(source)
    flags = reference.items(source.reference).select(
        "item_code", "valid_from", "valid_to", "is_antibacterial"
    )
    drugs = source.collect(
        reference.join_dated(
            rows.lazy()
            .filter(_LIVE_DRUG)
            .select(
                STAY, "item_code", "item_name", "start_time", "end", "long_term",
                pl.col("start_time").dt.date().alias("day"),
            ),
            "day", flags, "is_antibacterial",
        )
    )  # fmt: skip
    counts = rows.group_by(STAY, maintain_order=True).agg(pl.len().alias("order_count"))
    unclassed = drugs.filter(pl.col("is_antibacterial").is_null())[STAY].unique()
    return (
        counts.with_columns((~counts[STAY].is_in(unclassed.implode())).alias("known"))
        .join(_at_once(drugs.filter("is_antibacterial")), on=STAY, how="left")
        .select(
            STAY,
            "order_count",
            pl.col("items").fill_null(0).alias("antibacterials_at_once"),
            "antibacterial_names",
            pl.col("known").alias("drug_items_all_classified"),
        )
    )


def _at_once(orders: pl.DataFrame) -> pl.DataFrame:
    """``items`` and ``antibacterial_names`` of the moment with most antibacterials of each stay."""
    anti = orders.with_columns(pl.coalesce("item_name", "item_code").alias("item_name"))
    # The number at one moment is largest at some start, so starts are the moments to look at.
    moments = anti.select(STAY, pl.col("start_time").alias("moment")).unique()
    return (
        moments.join(anti, on=STAY, how="inner")
        .filter(
            (pl.col("start_time") <= pl.col("moment"))
            & (
                (pl.col("moment") < pl.col("end"))
                | (pl.col("start_time") == pl.col("moment"))
                | (pl.col("end").is_null() & pl.col("long_term"))
            )
        )
        .group_by(STAY, "moment")
        .agg(
            pl.col("item_code").n_unique().alias("items"),
            pl.col("item_name").unique().sort().str.join("、").alias("antibacterial_names"),
        )
        .sort(STAY, "items", "moment", descending=[False, True, False])
        .unique(STAY, keep="first", maintain_order=True)
    )


_SAME: Final = (STAY, "item_code", "route")


def _overlap_hours() -> list[list[pl.Expr]]:
    """``overlap_hours_with_same_item`` of live drug orders in order of time, step by step."""
    # Among earlier orders the one that ends last overlaps longest, since all began before.
    earlier_end = pl.col("end").cum_max().shift(1).over(_SAME)
    earlier_open = pl.col("open").cum_max().shift(1).over(_SAME).fill_null(value=False)
    vague = pl.col("end").is_null() & ~pl.col("open")
    earlier_vague = vague.cum_max().shift(1).over(_SAME).fill_null(value=False)
    until = pl.when("open").then(earlier_end).otherwise(pl.min_horizontal("end", earlier_end))
    overlap = (
        pl.when(earlier_open & pl.col("open"))
        .then(RUNNING_HOURS)
        .otherwise(
            (
                pl.when(earlier_open).then("end").otherwise(until) - pl.col("start_time")
            ).dt.total_hours()
        )
    )
    return [
        [(pl.int_range(pl.len()).over(_SAME) == 0).alias("first")],
        [
            pl.when("first")
            .then(0)
            .when(earlier_vague | vague)
            .then(None)
            .otherwise(pl.max_horizontal(overlap, pl.lit(0)))
            .cast(pl.Int64)
            .alias("overlap_hours_with_same_item")
        ],
    ]


_OVERLAP: Final = _overlap_hours()
_HOURS: Final = (pl.col("end") - pl.col("start_time")).dt.total_hours().alias("order_hours")
_LINE: Final = [
    pl.col("order_id").alias(":subject_id"),
    *(pl.col(field).alias(fact) for field, fact in DIRECT.items()),
    pl.col("order_is_live"),
    _HOURS,
]


def lines(source: Source) -> pl.DataFrame:
    """The facts ``LINES``, one row an order."""
    rows = standing(source)
    overlaps = np.zeros(rows.height, dtype=np.int64)
    unknown = np.zeros(rows.height, dtype=np.bool_)
    drugs = rows.filter(_LIVE_DRUG)
    # Most drugs are ordered once; only those that stand twice can overlap.
    drugs = drugs.filter(drugs.select(_SAME).is_duplicated())
    if drugs.height:
        drugs = drugs.sort(STAY, "start_time", "order_id")
        for step in _OVERLAP:
            drugs = drugs.with_columns(step)
        found = drugs["overlap_hours_with_same_item"]
        at = drugs[ROW].to_numpy()
        overlaps[at] = found.fill_null(0).to_numpy()
        unknown[at] = found.is_null().to_numpy()
    hours = pl.Series("overlap_hours_with_same_item", overlaps)
    return rows.select(STAY, ROW, *_LINE).with_columns(
        hours.set(pl.Series(unknown), None) if unknown.any() else hours
    )
