"""Facts of an ordered drug: who may get it, where, how much, how long, and from when.

All of them can be computed from the order, the head of the stay and its other orders, so
that an order can be judged before it is carried out. A drug that ``drugs.csv`` does not
list, or lists without the limit, is not limited: the limit is null, and a check asks
``IS NOT NULL`` first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import polars as pl

from rules.facts import codebook
from rules.facts.fact import Fact, Kind, declare
from rules.facts.order import RUNNING_HOURS, of_items, standing
from rules.facts.source import ROW, STAY, Source

FLAG, INTEGER, DECIMAL, TEXT = Kind.FLAG, Kind.INTEGER, Kind.DECIMAL, Kind.TEXT
_UNLISTED: Final = "the drug is not listed"
_UNLIMITED: Final = "the drug is not listed with such a limit"
GRADES: Final = {
    "non-restricted": ("非限制使用级", "Not restricted"),
    "restricted": ("限制使用级", "Restricted"),
    "special": ("特殊使用级", "Special"),
}
_MASS: Final = {"g": 1000, "mg": 1, "ug": "0.001", "μg": "0.001", "mcg": "0.001", "kg": 1_000_000}

# fmt: off
_LIMITS: Final = declare("order", "orders, stays, reference/drugs.csv", (
    ("order_stands", FLAG, "医嘱待执行或有效", "order stands",
     "The order is neither revoked nor entered in error, and no draft that was never given: a draft counts only "
     "while the patient is in hospital, since it may yet be carried out.", None),
    ("drug_sex", TEXT, "限定性别", "sex that the drug is limited to", "1 male, 2 female.", _UNLIMITED),
    ("drug_min_age_years", INTEGER, "最低年龄", "youngest age for the drug", "Whole years.", _UNLIMITED),
    ("drug_max_age_years", INTEGER, "最高年龄", "oldest age for the drug", "Whole years.", _UNLIMITED),
    ("drug_setting", TEXT, "限定就医方式", "setting that the drug is limited to", "inpatient or outpatient.", _UNLIMITED),
    ("drug_min_level", INTEGER, "最低医院等级", "lowest hospital level for the drug", "1 to 3.", _UNLIMITED),
    ("hospital_level", INTEGER, "医院等级数", "hospital level as a number", "1 to 3.",
     "the claim does not state the level, or the hospital has none"),
    ("antibacterial_grade", TEXT, "抗菌药物分级", "grade of the antibacterial",
     "Grade of use by the hospital's list.", "the drug is not listed as an antibacterial"),
), measures={"drug_min_age_years": "year", "drug_max_age_years": "year"})
LIMITS: Final = tuple(
    replace(f, codes=GRADES) if f.name == "antibacterial_grade" else f for f in _LIMITS
)
TIMING: Final = declare("order", "orders, stays, reference/drugs.csv", (
    ("drug_course_days", INTEGER, "限支付疗程", "days of the payable course", "Days that the fund pays for in a stay.", _UNLIMITED),
    ("drug_days_ordered", INTEGER, "已开立天数", "days of the drug ordered so far",
     "Calendar days (local time) of the stay that standing orders of the drug cover up to the end of this order; an "
     "order that still runs reaches to the latest start of any order, in hospital also to the latest charge.",
     "the drug has no course limit"),
    ("drug_start_window_hours", INTEGER, "限起始时限", "hours after onset within which the drug must start",
     "Hours after the onset of the disease.", _UNLIMITED),
    ("hours_from_admission", INTEGER, "入院至开始小时数", "hours from admission to the order",
     "Whole hours from admission to the start of the order.",
     "the time of admission is not stated, or the drug is not listed"),
    ("first_order_of_item", FLAG, "该药首条医嘱", "first order of the item",
     "No standing order of the item in the stay starts earlier.", _UNLISTED),
    ("order_hours_so_far", INTEGER, "医嘱已执行时长", "hours of the order so far",
     "Whole hours from start to stop; a running order reaches to the latest start of any order, in hospital also to "
     "the latest charge; 0 for a single order.",
     _UNLISTED),
), measures={
    "drug_course_days": "day", "drug_days_ordered": "day", "drug_start_window_hours": "hour",
    "hours_from_admission": "hour", "order_hours_so_far": "hour",
})
DOSE: Final = declare("order", "orders, reference/drugs.csv, reference/frequencies.csv", (
    ("drug_max_daily_dose", DECIMAL, "每日最大剂量", "maximum daily dose", "For adults, in ``dose_limit_unit``.", _UNLIMITED),
    ("dose_limit_unit", TEXT, "剂量单位", "unit of the maximum", "Unit of the maximum daily dose.", _UNLIMITED),
    ("ordered_daily_dose", DECIMAL, "医嘱日剂量", "daily dose ordered",
     "Dose times the times a day of the frequency, in ``dose_limit_unit``.",
     "dose, unit or frequency is not stated or not known, or the drug has no maximum"),
))
SAME_CLASS: Final = declare("order", "orders, reference/drugs.csv", (
    ("drug_class", TEXT, "药物类别", "class of the drug", "Class in which two drugs are not given together.",
     "the drug is not listed with a class"),
    ("same_class_overlap_hours", INTEGER, "与同类药重叠时长", "hours of overlap with another drug of the class",
     "Longest overlap with an earlier standing order (by start, then id) of another drug of the class; two orders "
     "that both run without a stop count as a week; 0 if there is none.", _UNLISTED),
    ("same_class_drug", TEXT, "同类药名称", "the other drug of the class",
     "Name of the drug that overlaps longest.", "there is none"),
), measures={"same_class_overlap_hours": "hour"})
# fmt: on


def listed(source: Source) -> pl.DataFrame:
    """Orders of drugs in ``drugs.csv`` with what it says of them on the day of the order.

    ``reach`` is the instant up to which the order is known to run: its stop, or the
    latest start of any order of the stay; while the patient is in hospital, also the
    latest charge. ``local_start`` and ``local_reach`` are
    calendar dates in the stay's time zone.
    """
    return source.once("orders of listed drugs", _listed)


def _listed(source: Source) -> pl.DataFrame:
    orders = standing(source)
    found = of_items(orders, "drugs", source).rename({"dose_unit_right": "limit_unit"})
    if found.is_empty():
        return local_dates(
            found.with_columns(pl.col("start_time").alias("reach")), "start_time", "reach"
        )
    moments = orders.select(STAY, at="start_time")
    still_in = found.filter(pl.col("discharge_date").is_null())[STAY].unique()
    if len(still_in):
        # Of a patient in hospital the charges show that time went on, with no new order.
        lines = source.keyed("charges").filter(pl.col(STAY).is_in(still_in.implode()))
        moments = pl.concat([moments, lines.select(STAY, at="charge_time").drop_nulls()])
    horizon = moments.group_by(STAY).agg(pl.col("at").max().alias("horizon"))
    rows = found.join(horizon, on=STAY, how="left").with_columns(_REACH)
    return local_dates(rows, "start_time", "reach").filter(in_force("local_start"))


_REACH: Final = (
    pl.when(pl.col("stop_time").is_not_null())
    .then(pl.max_horizontal("stop_time", "start_time"))
    .when(pl.col("long_term").fill_null(value=False))
    .then(pl.max_horizontal("horizon", "start_time"))
    .otherwise("start_time")
    .alias("reach")
)


def in_force(day: str) -> pl.Expr:
    """Whether a row of a dated table holds on the day."""
    until = pl.col("valid_to").is_null() | (pl.col(day) < pl.col("valid_to"))
    return (pl.col("valid_from") <= pl.col(day)) & until


def local_dates(rows: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """The rows with the calendar date of each instant in its stay's zone, as ``local_…``."""
    zones = rows["time_zone"].unique().sort().to_list()
    return rows.with_columns(
        _local(zones, c).alias("local_" + c.removesuffix("_time")) for c in columns
    )


def _local(zones: list[str], column: str) -> pl.Expr:
    """The calendar date of an instant in the zone of its stay; one expression a zone."""
    if not zones:
        return pl.lit(None, dtype=pl.Date)
    return pl.coalesce(
        pl.when(pl.col("time_zone") == zone).then(
            pl.col(column).dt.convert_time_zone(zone).dt.date()
        )
        for zone in zones
    )


_LIMITED: Final = [
    pl.col("sex").alias("drug_sex"),
    pl.col("min_age_years").alias("drug_min_age_years"),
    pl.col("max_age_years").alias("drug_max_age_years"),
    pl.col("setting").alias("drug_setting"),
    pl.col("min_level").alias("drug_min_level"),
    pl.col("grade").alias("antibacterial_grade"),
]
_LEVEL: Final = (
    pl.when(pl.col("provider_level").is_in(["1", "2", "3"]))
    .then(pl.col("provider_level").cast(pl.Int64, strict=False))
    .alias("hospital_level")
)


def limits(source: Source) -> pl.DataFrame:
    """The facts ``LIMITS``, one row an order."""
    rows = standing(source).select(ROW, "order_stands", _LEVEL)
    return rows.join(
        listed(source).select(ROW, *_LIMITED), on=ROW, how="left", maintain_order="left"
    )


_TIMING: Final = [
    pl.col("course_days").alias("drug_course_days"),
    pl.when(pl.col("course_days").is_not_null())
    .then(pl.col("days").fill_null(0))
    .alias("drug_days_ordered"),
    pl.col("start_window_hours").alias("drug_start_window_hours"),
    (pl.col("start_time") - pl.col("admission_time"))
    .dt.total_hours()
    .alias("hours_from_admission"),
    (
        pl.col("start_time")
        == pl.col("start_time").filter("order_stands").min().over(STAY, "item_code")
    )
    .fill_null(value=False)
    .alias("first_order_of_item"),
    (pl.col("reach") - pl.col("start_time")).dt.total_hours().alias("order_hours_so_far"),
]


def timing(source: Source) -> pl.DataFrame:
    """The facts ``TIMING``, one row an order of a listed drug."""
    rows = listed(source)
    if rows.is_empty():
        return nothing(TIMING)
    return rows.join(_days_ordered(rows), on=ROW, how="left").select(ROW, *_TIMING)


def nothing(facts: tuple[Fact, ...]) -> pl.DataFrame:
    """No line of which these facts say anything."""
    return pl.DataFrame(schema={ROW: pl.UInt32, **{f.name: f.kind.dtype for f in facts}})


def _days_ordered(rows: pl.DataFrame) -> pl.DataFrame:
    """``days`` that standing orders of the drug cover up to the end of each, where a course is limited."""
    limited = rows.filter(pl.col("course_days").is_not_null() & pl.col("order_stands"))
    if limited.is_empty():
        return pl.DataFrame(schema={ROW: pl.UInt32, "days": pl.Int64})
    covered = (
        limited.select(STAY, "item_code", day=pl.date_ranges("local_start", "local_reach"))
        .explode("day")
        .unique()
    )
    return (
        limited.select(STAY, "item_code", ROW, "local_reach")
        .join(covered, on=[STAY, "item_code"], how="inner")
        .filter(pl.col("day") <= pl.col("local_reach"))
        .group_by(ROW)
        .agg(pl.len().cast(pl.Int64).alias("days"))
    )


_MASSES: Final = pl.DataFrame(
    {"unit": list(_MASS), "milligrams": [str(m) for m in _MASS.values()]}
).with_columns(pl.col("milligrams").cast(pl.Decimal(38, 6)))
_NUMBER: Final = pl.Decimal(38, 6)
_each: Final = pl.col("dose").cast(_NUMBER) * pl.col("times_a_day").cast(_NUMBER)
_DOSE: Final = [
    pl.col("max_daily_dose").alias("drug_max_daily_dose"),
    pl.col("limit_unit").alias("dose_limit_unit"),
    pl.when(pl.col("unit").str.to_lowercase() == pl.col("limit_unit").str.to_lowercase())
    .then(_each.cast(pl.Float64))
    .otherwise(
        (
            _each.cast(pl.Float64)
            * pl.col("milligrams").cast(pl.Float64)
            / pl.col("milligrams_limit").cast(pl.Float64)
        ).round(6)
    )
    .alias("ordered_daily_dose"),
]


def dose(source: Source) -> pl.DataFrame:
    """The facts ``DOSE``, one row an order of a drug with a maximum."""
    rows = listed(source).filter(pl.col("max_daily_dose").is_not_null())
    if rows.is_empty():
        return nothing(DOSE)
    times = codebook.read("frequencies", source.reference)
    return (
        rows.with_columns(
            frequency=pl.col("frequency").str.strip_chars().str.to_lowercase(),
            unit=pl.col("dose_unit").str.strip_chars(),
        )
        .join(times, on="frequency", how="left")
        .join(_MASSES, on="unit", how="left")
        .join(_MASSES, left_on="limit_unit", right_on="unit", how="left", suffix="_limit")
        .select(ROW, *_DOSE)
    )


_CLASSED: Final = [
    *(
        pl.col(c)
        for c in (ROW, STAY, "order_id", "item_code", "item_name", "drug_class", "start_time")
    ),
    pl.when(pl.col("stop_time").is_null() & pl.col("long_term").fill_null(value=False))
    .then(None)
    .otherwise("reach")
    .alias("over"),
]
_earlier: Final = (pl.col("start_time_other") < pl.col("start_time")) | (
    (pl.col("start_time_other") == pl.col("start_time"))
    & (pl.col("order_id_other") < pl.col("order_id"))
)
_SHARED_HOURS: Final = (
    pl.when(pl.col("over").is_null() & pl.col("over_other").is_null())
    .then(RUNNING_HOURS)
    .otherwise((pl.min_horizontal("over", "over_other") - pl.col("start_time")).dt.total_hours())
    .alias("hours")
)


def same_class(source: Source) -> pl.DataFrame:
    """The facts ``SAME_CLASS``, one row an order of a listed drug."""
    rows = listed(source).select(ROW, "drug_class", *_CLASSED_OF)
    told = rows.select(
        ROW,
        "drug_class",
        pl.lit(0, pl.Int64).alias("same_class_overlap_hours"),
        pl.lit(None, pl.String).alias("same_class_drug"),
    )
    classed = rows.filter(pl.col("drug_class").is_not_null() & pl.col("order_stands"))
    classed = classed.filter(classed.select(STAY, "drug_class").is_duplicated()).select(_CLASSED)
    if classed.is_empty():
        return told
    pairs = (
        classed.lazy()
        .join(classed.lazy(), on=[STAY, "drug_class"], how="inner", suffix="_other")
        .filter(_earlier & (pl.col("item_code") != pl.col("item_code_other")))
        .with_columns(_SHARED_HOURS)
        .filter(pl.col("hours") > 0)
        .sort(ROW, "hours", "order_id_other", descending=[False, True, False])
        .unique(ROW, keep="first", maintain_order=True)
        .select(
            ROW,
            "hours",
            pl.coalesce("item_name_other", "item_code_other").alias("other"),
        )
        .collect()
    )
    return told.join(pairs, on=ROW, how="left", maintain_order="left").with_columns(
        same_class_overlap_hours=pl.col("hours").fill_null(0), same_class_drug="other"
    )


_CLASSED_OF: Final = (
    STAY, "order_id", "item_code", "item_name", "start_time", "stop_time", "long_term", "reach",
    "order_stands",
)  # fmt: skip
