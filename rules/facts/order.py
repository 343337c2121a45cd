"""Facts of doctors' orders: the same drug twice, antibacterials at one time."""

from __future__ import annotations

from typing import Final

import polars as pl

from domain.claim import ORDERS
from rules.facts import reference
from rules.facts.fact import Fact, Kind, declare, from_fields
from rules.facts.source import Source

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


def of_stay(source: Source) -> pl.LazyFrame:
    """The facts ``OF_STAY``; a claim without orders is left out."""
    rows = reference.with_items(
        _timed(source).with_columns(day=pl.col("start_time").dt.date()), "day", source.reference
    )
    drugs = rows.filter((pl.col("order_type") == "drug") & pl.col("order_is_live"))
    anti = drugs.filter("is_antibacterial").select(
        "stay_id",
        "item_code",
        pl.coalesce("item_name", "item_code").alias("item_name"),
        "start_time",
        "end",
        "long_term",
    )
    # The number at one moment is largest at some start, so starts are the moments to look at.
    moments = anti.select("stay_id", pl.col("start_time").alias("moment")).unique()
    most = (
        moments.join(anti, on="stay_id", how="inner")
        .filter(
            (pl.col("start_time") <= pl.col("moment"))
            & (
                (pl.col("moment") < pl.col("end"))
                | (pl.col("start_time") == pl.col("moment"))
                | (pl.col("end").is_null() & pl.col("long_term"))
            )
        )
        .group_by("stay_id", "moment")
        .agg(
            pl.col("item_code").n_unique().alias("items"),
            pl.col("item_name").unique().sort().str.join("、").alias("antibacterial_names"),
        )
        .sort("stay_id", "items", "moment", descending=[False, True, False])
        .unique("stay_id", keep="first", maintain_order=True)
    )
    known = drugs.group_by("stay_id").agg(
        pl.col("is_antibacterial").is_not_null().all().alias("known")
    )
    return (
        source.table("orders")
        .lazy()
        .group_by("stay_id")
        .agg(pl.len().alias("order_count"))
        .join(most, on="stay_id", how="left")
        .join(known, on="stay_id", how="left")
        .select(
            "stay_id",
            "order_count",
            pl.col("items").fill_null(0).alias("antibacterials_at_once"),
            "antibacterial_names",
            pl.col("known").fill_null(value=True).alias("drug_items_all_classified"),
        )
    )


def lines(source: Source) -> pl.LazyFrame:
    """The facts ``LINES``, one row an order."""
    keys = ["stay_id", "order_type", "item_code", "route", "order_is_live"]
    applies = (pl.col("order_type") == "drug") & pl.col("order_is_live")
    # Among earlier orders the one that ends last overlaps longest, since all began before.
    earlier_end = pl.col("end").cum_max().shift(1).over(keys)
    earlier_open = pl.col("open").cum_max().shift(1).over(keys).fill_null(value=False)
    vague = pl.col("end").is_null() & ~pl.col("open")
    earlier_vague = vague.cum_max().shift(1).over(keys).fill_null(value=False)
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
    first = pl.int_range(pl.len()).over(keys) == 0
    return (
        _timed(source)
        .sort("stay_id", "start_time", "order_id")
        .with_columns(
            pl.when(~applies | first)
            .then(0)
            .when(earlier_vague | vague)
            .then(None)
            .otherwise(pl.max_horizontal(overlap, pl.lit(0)))
            .alias("overlap_hours_with_same_item"),
            (pl.col("end") - pl.col("start_time")).dt.total_hours().alias("order_hours"),
        )
        .rename(DIRECT | {"order_id": ":subject_id"})
        .select("stay_id", ":subject_id", *[f.name for f in LINES])
    )


def _timed(source: Source) -> pl.LazyFrame:
    """Orders with ``order_is_live`` and the instant at which each ends (``end``)."""
    head = (
        source.table("stays")
        .lazy()
        .select(
            "stay_id",
            pl.coalesce(
                "discharge_time",
                pl.col("discharge_date").cast(pl.Datetime("us", "UTC")) + pl.duration(days=1),
            ).alias("stay_end"),
        )
    )
    # A stop before the start is a slip of the clock, not an order of negative length.
    stop = pl.max_horizontal("stop_time", "start_time")
    end = (
        pl.when(pl.col("stop_time").is_not_null())
        .then(stop)
        .when(~pl.col("long_term"))
        .then("start_time")
        .when(pl.col("long_term"))
        .then(pl.max_horizontal("stay_end", "start_time"))
    )
    return (
        source.table("orders")
        .lazy()
        .join(head, on="stay_id", how="inner")
        .with_columns(
            open=pl.col("long_term").fill_null(value=False)
            & pl.col("stop_time").is_null()
            & pl.col("stay_end").is_null()
            # A completed order has ended; without a stop nobody can say when.
            & (pl.col("status") != "completed"),
            order_is_live=~pl.col("status").is_in(DEAD_STATUSES),
            end=pl.when(
                pl.col("stop_time").is_null() & pl.col("stay_end").is_null() & pl.col("long_term")
            )
            .then(None)
            .otherwise(end),
        )
    )
